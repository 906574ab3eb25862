"""Training a model until validation stops improving."""

import logging
import os
import signal
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from mmrec.data import Source, Split
from mmrec.encoders.protocol import reads_raw_values
from mmrec.models import SequentialModel
from mmrec.recommender.content import Content
from mmrec.recommender.options import Options
from mmrec.recommender.pipeline.assemble import Recipe
from mmrec.recommender.pipeline.negatives import make_loss, make_sampler
from mmrec.recommender.pipeline.resume import last_checkpoint

if TYPE_CHECKING:
    from lightning import Trainer

    from mmrec.training import Checkpoints, SequenceDataModule

log = logging.getLogger(__name__)


def training_device() -> torch.device:
    """Return the device of this process: its CUDA device if there is one, otherwise the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    # Lightning starts one process for each device.
    rank = int(os.environ.get("LOCAL_RANK", "0"))
    return torch.device("cuda", rank % torch.cuda.device_count())


def check_devices(devices: int | str) -> None:
    """Raise a ``ValueError`` if training on the CPU would start more processes than cores.

    Processes that share a core wait for each other for minutes, without a message.
    """
    if isinstance(devices, str) or torch.cuda.is_available() or torch.backends.mps.is_available():
        return
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    if devices > cores:
        raise ValueError(f"devices must be at most {cores}, the number of CPU cores; got {devices}")


def train(
    model: SequentialModel,
    options: Options,
    recipe: Recipe,
    split: Split,
    content: Content,
    *,
    progress: bool,
    checkpoints: Path | None = None,
    resume: bool = False,
    users: Mapping[str, Source] | None = None,
    watch: Callable[[float], bool] | None = None,
) -> dict[str, Any]:
    """Train ``model`` in place; it ends with the weights of its best epoch on validation.

    Args:
        model: the model.
        options: numbers and choices.
        recipe: gives the loss and the negatives.
        split: labelled events.
        content: sources of the catalogue.
        progress: whether to show progress bars.
        checkpoints: folder for a checkpoint after each epoch, or None.
        resume: whether to continue from the last checkpoint.
        users: sources of the table of users that the split refers to, by modality.
        watch: is given the validation NDCG@10 after each epoch, and ends the training by
            returning True.

    Returns:
        The best epoch, the number of epochs, and the validation NDCG@10 of each.

    Raises:
        ValueError: the loss is not finite, or no checkpoint can be read.
        OSError: a checkpoint can't be written.
        KeyboardInterrupt: the user stopped it.
    """
    # Lightning is imported here, so that a recommender that only serves doesn't load it.
    from mmrec.training import Checkpoints, SequentialRecommender

    module = SequentialRecommender(
        model,
        loss=make_loss(recipe),
        lr=options.lr,
        encoder_lr=options.encoder_lr,
        weight_decay=options.weight_decay,
    )
    kept = Checkpoints(checkpoints)
    # Without resume, the main process may not have emptied the folder yet.
    path = _restore(kept, module.state_dict(), checkpoints) if checkpoints and resume else None
    if path is not None:
        log.warning("training continues after epoch %d of %d", len(kept.curve), options.epochs)
    if not kept.ended:
        with quiet(), _interruptible():
            trainer = _trainer(options, kept, progress, watch)
            data = _data(options, recipe, split, content, users)
            trainer.fit(module, datamodule=data, ckpt_path=path, weights_only=True)
    module.load_state_dict(kept.best)
    model.eval()
    curve = kept.curve
    return {
        "best_epoch": max(range(len(curve)), key=curve.__getitem__) + 1,
        "epochs": len(curve),
        "valid_curve": [round(value, 5) for value in curve],
    }


def _data(
    options: Options,
    recipe: Recipe,
    split: Split,
    content: Content,
    users: Mapping[str, Source] | None,
) -> "SequenceDataModule":
    from mmrec.training import SequenceDataModule

    trained = any(reads_raw_values(cast(nn.Module, part)) for part in content.encoders.values())
    return SequenceDataModule(
        split,
        content.sources,
        make_sampler(recipe, options, split, trains_encoders=trained),
        train_sources=content.train_sources,
        batch_size=options.batch_size,
        max_length=options.max_length,
        max_items=options.max_items if trained else None,
        max_valid=options.max_valid,
        workers=options.workers,
        seed=options.seed,
        users=users,
    )


def _restore(kept: "Checkpoints", weights: dict[str, Tensor], directory: Path) -> Path | None:
    """Read the last checkpoint into ``kept`` and return its path; None if there is none."""
    found = last_checkpoint(directory)
    if found is None:
        return None
    kept.restore(found[1])
    if {n: v.shape for n, v in weights.items()} != {n: v.shape for n, v in kept.best.items()}:
        raise ValueError(
            f"{found[0]} is of another model, made by another version of mmrec; start anew, "
            f"without resume"
        )
    return found[0]


def _trainer(
    options: Options,
    kept: "Checkpoints",
    progress: bool,
    watch: Callable[[float], bool] | None,
) -> "Trainer":
    from lightning import Trainer
    from lightning.fabric.utilities.exceptions import MisconfigurationException

    from mmrec.training import AtomicCheckpointIO, FiniteLoss, Watch, average_and_stop

    usual = average_and_stop(patience=options.patience, ema=options.ema)
    if watch is not None:
        usual.append(Watch(watch))
    try:
        return Trainer(
            max_epochs=options.epochs,
            precision=options.precision,
            devices=options.devices,
            gradient_clip_val=1.0,
            callbacks=[*usual, FiniteLoss(kept.directory), kept],
            plugins=[AtomicCheckpointIO()],
            num_sanity_val_steps=0,
            logger=False,
            enable_model_summary=False,
            enable_progress_bar=progress,
        )
    except MisconfigurationException as error:  # more devices than there are
        raise ValueError(" ".join(str(error).split())) from error


@contextmanager
def _interruptible() -> Iterator[None]:
    """Raise ``KeyboardInterrupt`` at Ctrl-C, instead of the exit that Lightning makes of it."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as error:
        if not isinstance(error.__context__, KeyboardInterrupt):
            raise
        signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from error


class quiet(warnings.catch_warnings):  # lower case, since it is used as a function
    """Hide Lightning's advertisements and advice."""

    def __enter__(self) -> None:
        super().__enter__()
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*not be pinned.*")
        warnings.filterwarnings("ignore", message=".*exists and is not empty.*")
        warnings.filterwarnings("ignore", message=".*LeafSpec.*is deprecated.*")
        warnings.filterwarnings("ignore", message=".*in eval mode at the start of training.*")
        self.logger = logging.getLogger("lightning.pytorch")
        self.level = self.logger.level
        self.logger.setLevel(logging.ERROR)

    def __exit__(self, *error: Any) -> None:
        self.logger.setLevel(self.level)
        super().__exit__(*error)
