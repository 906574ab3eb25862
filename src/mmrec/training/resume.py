"""What an interrupted training goes on from: its whole state at the end of each epoch."""

import io
import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch import Tensor

from mmrec.data.durable import write_whole
from mmrec.training.averaging import MovingAverage

MONITOR = "valid_ndcg@10"
"""The metric that says which epoch is the best."""

KEPT = 2
"""Checkpoints in a folder: the last, and the one before in case that it can't be read."""

STATE = "mmrec"
"""What :class:`Checkpoints` adds to a checkpoint of Lightning is under this name."""


class Checkpoints(Checkpoint):
    """Keeps the weights of the best epoch, and in a folder all that a training goes on from.

    A checkpoint is a file of tensors and plain containers: weights, moving average, optimiser,
    schedule, early stopping, the states of the random number generators, the validation curve and
    the best weights. It is written when an epoch has ended, with :class:`AtomicCheckpointIO`, so a
    kill leaves the last one or the one before. On a CPU, with ``trainer.fit(module, data,
    ckpt_path=checkpoint_files(directory)[0], weights_only=True)``, training goes on bit for bit
    as it would have. Where loader processes change images at random, it goes on with other
    changes.

    Args:
        directory: folder of the checkpoints; None to write none.

    Attributes:
        curve: validation NDCG@10 of each epoch.
        best: weights of the best epoch, averaged where there is a :class:`MovingAverage`.
        ended: whether no epoch is left.

    Example:
        >>> Checkpoints(None).curve
        []
    """

    def __init__(self, directory: Path | None = None) -> None:
        self.directory = directory
        self.curve: list[float] = []
        self.best: dict[str, Tensor] = {}
        self.ended = False
        self._random: dict[str, Any] | None = None

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Go on with the random numbers of the checkpoint."""
        if self._random is None:
            return
        set_random_state(self._random)
        self._random = None
        # An epoch starts with a new iterator, which draws a seed. Lightning has made the first one
        # after a checkpoint before now, in the order of the first epoch, and would keep it.
        assert trainer.fit_loop._data_fetcher is not None
        iter(trainer.fit_loop._data_fetcher)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep what is the best so far, and write the checkpoint. Runs after all other callbacks.

        Raises:
            OSError: the checkpoint can't be written; those before are still there.
        """
        score = float(trainer.callback_metrics[MONITOR])
        if not self.curve or score > max(self.curve):
            weights = averaged(trainer, pl_module)
            self.best = {name: value.detach().cpu().clone() for name, value in weights.items()}
        self.curve.append(score)
        epoch = trainer.current_epoch + 1
        self.ended = trainer.should_stop or epoch == trainer.max_epochs
        if self.directory is None:
            return
        path = self.directory / f"epoch-{epoch:05}.ckpt"
        try:
            trainer.save_checkpoint(path)
        except OSError as error:
            raise OSError(
                f"the checkpoint of epoch {epoch} can't be written to {self.directory}: "
                f"{error.strerror or error}; {kept(self.directory)}"
            ) from error
        if trainer.is_global_zero:
            for old in checkpoint_files(self.directory)[KEPT:]:
                old.unlink()

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add what Lightning doesn't keep."""
        checkpoint[STATE] = {
            "curve": self.curve,
            "best": self.best,
            "ended": self.ended,
            "random": random_state(),
        }

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Take it back."""
        self.restore(checkpoint)

    def restore(self, checkpoint: dict[str, Any]) -> None:
        """Take curve and best weights from a checkpoint, as Lightning does when it resumes."""
        state = checkpoint[STATE]
        self.curve, self.best = list(state["curve"]), dict(state["best"])
        self.ended, self._random = state["ended"], state["random"]


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes checkpoints whole or not at all: ``Trainer(plugins=[AtomicCheckpointIO()])``."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None
    ) -> None:
        """Write aside, flush and rename. Raises OSError where the disk is full."""
        buffer = io.BytesIO()  # written to a file, torch hides the reason of a failure
        torch.save(checkpoint, buffer)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write_whole(Path(path), buffer.getbuffer())


def averaged(trainer: Trainer, module: LightningModule) -> dict[str, Tensor]:
    """Return the moving average of the weights, or the weights where there is none."""
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, MovingAverage):
            return callback.weights()
    return module.state_dict()


def checkpoint_files(directory: Path) -> list[Path]:
    """Return the checkpoints in a folder, the last epoch first."""
    return sorted(directory.glob("epoch-*.ckpt"), reverse=True)


def kept(directory: Path | None) -> str:
    """Say what an interrupted training can go on from."""
    files = [] if directory is None else checkpoint_files(directory)
    if not files:
        return "no epoch before is kept"
    return f"resume goes on after epoch {int(files[0].stem.split('-')[1])}, kept in {directory}"


def random_state() -> dict[str, Any]:
    """Return the states of the generators of torch, NumPy and Python, in plain containers."""
    # Nothing here draws from NumPy's global generator, but a part of one's own may.
    name, keys, *rest = np.random.get_state(legacy=True)  # noqa: NPY002
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": (str(name), np.asarray(keys).tolist(), *rest),
        "python": random.getstate(),
    }


def set_random_state(state: dict[str, Any]) -> None:
    """Go back to what :func:`random_state` gave.

    Example:
        >>> state = random_state()
        >>> first = random.random()
        >>> set_random_state(state)
        >>> random.random() == first
        True
    """
    torch.set_rng_state(state["torch"].cpu())
    if state["cuda"] and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all([value.cpu() for value in state["cuda"]])
    np.random.set_state(state["numpy"])  # noqa: NPY002
    random.setstate(state["python"])
