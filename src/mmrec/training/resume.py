"""Checkpoints: the whole state of a training at the end of each epoch, to resume from."""

import io
import os
import random
from pathlib import Path
from pickle import UnpicklingError
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
"""The metric that selects the best epoch."""

KEPT = 2
"""Number of checkpoints in a folder: the last, and the one before in case it cannot be read."""

STATE = "mmrec"
"""The key of what :class:`Checkpoints` adds to a checkpoint of Lightning."""


class Checkpoints(Checkpoint):
    """Keeps the weights of the best epoch, and writes checkpoints that training can resume from.

    Of a training without validation it keeps the last weights.

    A checkpoint is a file of tensors and plain containers: weights, moving average, optimizer,
    schedule, early stopping, the states of the random number generators, the validation curve and
    the best weights. It is written at the end of an epoch by :class:`AtomicCheckpointIO`, so after
    a kill there is the last one or the one before. On a CPU, ``trainer.fit(module, data,
    ckpt_path=checkpoint_files(directory)[0], weights_only=True)`` resumes training with bitwise the
    same result. Only random changes of images in loader processes differ.

    Args:
        directory: folder of the checkpoints; None to write none.

    Attributes:
        epochs: number of epochs that have ended.
        batches: number of batches of an epoch.
        curve: validation NDCG@10 of each epoch; empty without validation.
        best: weights of the best epoch, averaged if there is a :class:`MovingAverage`.
        ended: whether training is complete.

    Example:
        >>> Checkpoints(None).curve
        []
    """

    def __init__(self, directory: Path | None = None) -> None:
        self.directory = directory
        self.epochs = self.batches = 0
        self.curve: list[float] = []
        self.best: dict[str, Tensor] = {}
        self.ended = False
        self._random: dict[str, Any] | None = None

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restore the random number generators from the checkpoint."""
        if self._random is None:
            return
        set_random_state(self._random)
        self._random = None
        # An epoch starts with a new iterator, which draws a seed. After a checkpoint Lightning has
        # already made the first iterator, with the order of the first epoch, and would use it.
        assert trainer.fit_loop._data_fetcher is not None
        iter(trainer.fit_loop._data_fetcher)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the best weights so far and write the checkpoint, after all other callbacks.

        Raises:
            OSError: the checkpoint cannot be written; earlier ones are kept.
        """
        score = float(trainer.callback_metrics[MONITOR]) if trainer.enable_validation else None
        if score is None or not self.curve or score > max(self.curve):
            weights = averaged(trainer, pl_module)
            self.best = {name: value.detach().cpu().clone() for name, value in weights.items()}
        if score is not None:
            self.curve.append(score)
        self.epochs = epoch = trainer.current_epoch + 1
        self.batches = int(trainer.num_training_batches)
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
        """Add the state that Lightning does not keep."""
        checkpoint[STATE] = {
            "epochs": self.epochs,
            "batches": self.batches,
            "curve": self.curve,
            "best": self.best,
            "ended": self.ended,
            "random": random_state(),
        }

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Restore that state."""
        self.restore(checkpoint)

    def restore(self, checkpoint: dict[str, Any]) -> None:
        """Restore curve, best weights and random state from a checkpoint."""
        state = checkpoint[STATE]
        self.epochs, self.batches = state["epochs"], state["batches"]
        self.curve, self.best = list(state["curve"]), dict(state["best"])
        self.ended, self._random = state["ended"], state["random"]


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes checkpoints atomically: ``Trainer(plugins=[AtomicCheckpointIO()])``."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None
    ) -> None:
        """Write a temporary file, flush it and rename it.

        Raises:
            OSError: the disk is full, for example.
            ValueError: it could not be read again, since that is done without running code.
        """
        buffer = _saved(checkpoint)  # in memory: torch hides why writing to a file failed
        if not _is_readable(buffer):
            states = checkpoint.get("callbacks", {}).items()
            odd = [name for name, state in states if not _is_readable(_saved(state))]
            raise ValueError(
                f"states of callbacks must consist of tensors and plain values, so that training "
                f"can be resumed; got others in {odd or 'what a callback adds to the checkpoint'}"
            )
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write_whole(Path(path), buffer.getbuffer())


def _saved(value: Any) -> io.BytesIO:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer


def _is_readable(buffer: io.BytesIO) -> bool:
    """Return whether what was saved can be loaded without running code."""
    buffer.seek(0)
    try:
        torch.load(buffer, "cpu", weights_only=True)
    except UnpicklingError:
        return False
    return True


def averaged(trainer: Trainer, module: LightningModule) -> dict[str, Tensor]:
    """Return the moving average of the weights, or the weights if there is none."""
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, MovingAverage):
            return callback.weights()
    return module.state_dict()


def checkpoint_files(directory: Path) -> list[Path]:
    """Return the checkpoints in a folder, latest epoch first."""
    return sorted(directory.glob("epoch-*.ckpt"), reverse=True)


def kept(directory: Path | None) -> str:
    """Return a clause for messages about what training can resume from."""
    files = [] if directory is None else checkpoint_files(directory)
    if not files:
        return "no epoch before is kept"
    return f"resume goes on after epoch {int(files[0].stem.split('-')[1])}, kept in {directory}"


def random_state() -> dict[str, Any]:
    """Return the states of the generators of torch, NumPy and Python, in plain containers."""
    # mmrec does not draw from NumPy's global generator, but a user's own part may.
    name, keys, *rest = np.random.get_state(legacy=True)  # noqa: NPY002
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": (str(name), np.asarray(keys).tolist(), *rest),
        "python": random.getstate(),
    }


def set_random_state(state: dict[str, Any]) -> None:
    """Restore the states that :func:`random_state` returned.

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
