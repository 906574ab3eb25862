"""Training a model until validation stops improving, or for a given number of steps."""

import logging
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from mmrec.data import Source, Split
from mmrec.encoders.protocol import reads_raw_values
from mmrec.models import SequentialModel
from mmrec.quiet import quiet as quiet
from mmrec.recommender.content import Content
from mmrec.recommender.options import Options
from mmrec.recommender.pipeline.assemble import Recipe
from mmrec.recommender.pipeline.learning_rate import learning_rate
from mmrec.recommender.pipeline.negatives import make_loss, make_sampler
from mmrec.recommender.pipeline.resume import last_checkpoint
from mmrec.recommender.pipeline.tracking import Tracking

if TYPE_CHECKING:
    from lightning import Trainer
    from lightning.pytorch.loggers import Logger

    from mmrec.training import Checkpoints, SequenceDataModule

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Length:
    """How long a training takes.

    Attributes:
        steps: number of optimizer steps.
        schedule: steps of the schedule of the learning rate, of which these are the first.
    """

    steps: int
    schedule: int


@dataclass(frozen=True)
class Training:
    """How a training went.

    Attributes:
        length: up to the weights that were kept.
        epochs: how often ``length`` goes through the events.
        history: the best epoch, the number of epochs, and the validation NDCG@10 of each; empty
            without validation.
    """

    length: Length
    epochs: float
    history: dict[str, Any]


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
    length: Length | None = None,
    watch: Callable[[float], bool] | None = None,
    tracking: Tracking | None = None,
    stage: str = "select",
) -> Training:
    """Train ``model`` in place; it ends with the weights of its best epoch on validation.

    With ``length``, nothing is validated, and it ends with the weights of the last step.

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
        length: how long to train; None to stop when validation does.
        watch: is given the validation NDCG@10 after each epoch, and ends the training by
            returning True; not with ``length``.
        tracking: loggers, callbacks and arguments of the Trainer that were given.
        stage: the name of the training.

    Raises:
        ValueError: the loss is not finite, or no checkpoint can be read.
        OSError: a checkpoint can't be written.
        KeyboardInterrupt: the user stopped it.
    """
    # Lightning is imported here, so that a recommender that only serves doesn't load it.
    from lightning.fabric.utilities.exceptions import MisconfigurationException

    from mmrec.training import Checkpoints, SequentialRecommender
    from mmrec.training.tracking import finish_loggers, make_loggers

    tracking = tracking or Tracking()
    module = SequentialRecommender(
        model,
        loss=make_loss(recipe),
        lr=learning_rate(split, options),
        encoder_lr=options.encoder_lr,
        weight_decay=options.weight_decay,
        schedule=None if length is None else length.schedule,
        stage=stage,
    )
    kept = Checkpoints(checkpoints)
    # Without resume, the main process may not have emptied the folder yet.
    path = _restore(kept, module.state_dict(), checkpoints) if checkpoints and resume else None
    if path is not None and length is None:
        log.warning("training continues after epoch %d of %d", kept.epochs, options.epochs)
    elif path is not None:
        log.warning("refit continues after epoch %d", kept.epochs)
    if not kept.ended:
        with quiet(), _interruptible():
            loggers = make_loggers(tracking.loggers, tracking.logs, stage)
            for logger in loggers:
                logger.log_hyperparams(options.model_dump(mode="json"))
            data = _data(options, recipe, split, content, users)
            try:
                trainer = _trainer(options, kept, progress, length, watch, tracking, loggers)
                trainer.fit(module, datamodule=data, ckpt_path=path, weights_only=True)
            except MisconfigurationException as error:  # more devices than there are
                raise ValueError(" ".join(str(error).split())) from error
            finally:
                finish_loggers(loggers)
    module.load_state_dict(kept.best)
    model.eval()
    if length is not None:
        return Training(length, round(length.steps / kept.batches, 2), {})
    curve = kept.curve
    best = max(range(len(curve)), key=curve.__getitem__) + 1
    history = {
        "best_epoch": best,
        "epochs": len(curve),
        "valid_curve": [round(value, 5) for value in curve],
    }
    length = Length(best * kept.batches, options.epochs * kept.batches)
    return Training(length, float(best), history)


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
    length: Length | None,
    watch: Callable[[float], bool] | None,
    tracking: Tracking,
    loggers: list["Logger"],
) -> "Trainer":
    from lightning import Trainer

    from mmrec.training import AtomicCheckpointIO, FiniteLoss, Watch, average_and_stop
    from mmrec.training.callbacks import progress_bar
    from mmrec.training.tracking import LogEpochs

    steps = None if length is None else length.steps
    usual = average_and_stop(patience=options.patience, ema=options.ema, steps=steps)
    if watch is not None and length is None:
        usual.append(Watch(watch))
    if loggers:
        usual.append(LogEpochs())
    usual += progress_bar(progress, tracking.callbacks)
    given: dict[str, Any] = {"gradient_clip_val": 1.0, "enable_model_summary": False}
    return Trainer(
        max_epochs=steps or options.epochs,  # an epoch has a step or more
        limit_val_batches=0 if steps else 1.0,
        precision=options.precision,
        devices=options.devices,
        callbacks=[*usual, FiniteLoss(kept.directory), *tracking.callbacks, kept],
        plugins=[AtomicCheckpointIO()],
        num_sanity_val_steps=0,
        logger=loggers or False,
        enable_progress_bar=progress,
        **(given | dict(tracking.trainer)),
    )


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
