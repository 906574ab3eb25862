"""Loggers of metrics, and checks of what is handed over to Lightning's Trainer."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from importlib.util import find_spec
from inspect import signature
from pathlib import Path
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import (
    BatchSizeFinder,
    Callback,
    Checkpoint,
    EarlyStopping,
    GradientAccumulationScheduler,
    LearningRateFinder,
    StochasticWeightAveraging,
    WeightAveraging,
)
from lightning.pytorch.loggers import Logger
from torch import Tensor

LOGGERS = {
    "csv": None,
    "tensorboard": ("tensorboard", '"mmrec[tensorboard]"'),
    "wandb": ("wandb", "wandb"),
    "mlflow": ("mlflow", "mlflow"),
}
"""Loggers by name: the package that each needs, and what installs it."""

CHOOSING = (
    BatchSizeFinder,
    Checkpoint,
    EarlyStopping,
    GradientAccumulationScheduler,
    LearningRateFinder,
    StochasticWeightAveraging,
    WeightAveraging,
)
"""Callbacks that choose epochs, weights or steps, as ``fit`` does itself."""

TAKEN = (
    "accelerator",
    "benchmark",
    "default_root_dir",
    "detect_anomaly",
    "deterministic",
    "enable_model_summary",
    "gradient_clip_algorithm",
    "gradient_clip_val",
    "inference_mode",
    "limit_train_batches",
    "log_every_n_steps",
    "num_nodes",
    "profiler",
    "strategy",
    "sync_batchnorm",
)
"""Arguments of the Trainer that may be given; ``devices`` and ``precision`` are options, too."""

INSTEAD = {
    "callbacks": "the argument callbacks",
    "logger": "the argument logger",
    "max_epochs": "the option epochs",
    "enable_progress_bar": "the argument progress",
}
"""What to give instead of an argument of the Trainer that ``fit`` sets itself."""

GivenLogger = str | Logger | Callable[[str], Logger]


def check_loggers(given: Sequence[Any], folder: Path | None) -> None:
    """Raise an error if a logger is unknown, can't be made, or has no folder to write to.

    Raises:
        ValueError: it is no logger, or a name is given without a folder.
        ImportError: its package is not installed.

    Example:
        >>> check_loggers(["tensorbord"], Path("logs"))
        Traceback (most recent call last):
        ...
        ValueError: logger must be one of ['csv', 'tensorboard', 'wandb', 'mlflow'], a logger ...
    """
    for one in given:
        if not isinstance(one, str):
            if isinstance(one, Logger) or callable(one):
                continue
        elif one in LOGGERS:
            needs = LOGGERS[one]
            if needs is not None and find_spec(needs[0]) is None:
                raise ImportError(f"logger {one} needs {needs[0]}: pip install {needs[1]}")
            if folder is None:
                raise ValueError(f"logger {one!r} needs logs: the folder to write to; got None")
            continue
        raise ValueError(
            f"logger must be one of {list(LOGGERS)}, a logger of Lightning or a function that "
            f"makes one for the name of a training; got {one!r}"
        )


def make_loggers(given: Sequence[GivenLogger], folder: Path | None, stage: str) -> list[Logger]:
    """Return the loggers of one training of ``fit``.

    A name makes a new one, whose metrics lie in a folder that is named after the training; after an
    interruption, in a further one. A function makes one. A logger that was given built is that of
    the training that selects, whose steps would otherwise be mixed with those of the refits.

    Args:
        given: names, loggers, or functions of the name of a training.
        folder: where named loggers write.
        stage: ``select``, ``valid`` or ``all``.
    """
    label = stage if folder is None else free_name(folder, stage)
    made = []
    for one in given:
        if isinstance(one, str):
            made.append(_named(one, folder or Path(), label))
        elif isinstance(one, Logger):
            made += [one] if stage == "select" else []
        else:
            made.append(one(stage))
    return made


def free_name(folder: Path, name: str) -> str:
    """Return a name that is not there yet: ``name``, ``name-2`` and so on.

    Example:
        >>> free_name(Path("nowhere"), "select")
        'select'
    """
    number, free = 1, name
    while (folder / free).exists():
        number += 1
        free = f"{name}-{number}"
    return free


def _named(name: str, folder: Path, label: str) -> Logger:
    from lightning.pytorch import loggers

    run = f"{folder.name.removesuffix('.logs')}-{label}"
    if name == "csv":
        return loggers.CSVLogger(folder, name="", version=label)
    if name == "tensorboard":
        return loggers.TensorBoardLogger(folder, name="", version=label, default_hp_metric=False)
    folder.mkdir(parents=True, exist_ok=True)
    if name == "wandb":
        return loggers.WandbLogger(name=run, save_dir=folder, project="mmrec")
    # MLflow refuses folders of files; a server is named by the environment, as for all its clients.
    place = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{folder.resolve()}/mlflow.db"
    return loggers.MLFlowLogger("mmrec", run_name=run, tracking_uri=place)


def finish_loggers(made: Sequence[Logger]) -> None:
    """End what a service would go on with in the next training."""
    from lightning.pytorch.loggers import WandbLogger

    for logger in made:
        if isinstance(logger, WandbLogger):
            logger.experiment.finish()


def make_callback(name: str, kind: Any, arguments: Mapping[str, Any]) -> Callback:
    """Make a callback of its class; what is no class of callbacks is not called.

    Args:
        name: the class path, for messages.
        kind: the class.
        arguments: of its constructor.

    Raises:
        ValueError: it is no such class, or can't be made with these arguments.
    """
    if not (isinstance(kind, type) and issubclass(kind, Callback)):
        raise ValueError(f"callbacks must be callbacks of Lightning; got {name}")
    try:
        return kind(**arguments)
    except TypeError as error:
        raise ValueError(f"callbacks: {name} can't be made: {error}") from error


def check_callbacks(given: Sequence[Any]) -> None:
    """Raise a ``ValueError`` for what is no callback, or one that does what ``fit`` does.

    Example:
        >>> check_callbacks([EarlyStopping("valid_ndcg@10")])
        Traceback (most recent call last):
        ...
        ValueError: callbacks must leave epochs, weights and steps to fit, which has the options ...
    """
    for one in given:
        if not isinstance(one, Callback):
            raise ValueError(f"callbacks must be callbacks of Lightning; got {one!r}")
        if isinstance(one, CHOOSING):
            raise ValueError(
                f"callbacks must leave epochs, weights and steps to fit, which has the options "
                f"epochs, patience, ema, lr and batch_size; got {type(one).__name__}"
            )


def check_trainer(given: Mapping[str, Any]) -> None:
    """Raise a ``ValueError`` for an argument that is unknown, ``fit``'s own, or trains nothing.

    Example:
        >>> check_trainer({"max_epochs": 3})
        Traceback (most recent call last):
        ...
        ValueError: trainer must not have 'max_epochs', which fit sets; give the option epochs
    """
    limit = given.get("limit_train_batches")
    if limit is not None and not limit > 0:
        raise ValueError(f"limit_train_batches of trainer must be more than 0; got {limit!r}")
    every = set(signature(Trainer.__init__).parameters)
    for name in given:
        if name in TAKEN:
            continue
        if name in every:
            instead = INSTEAD.get(name)
            more = f"; give {instead}" if instead else ""
            raise ValueError(f"trainer must not have {name!r}, which fit sets{more}")
        near = get_close_matches(str(name), TAKEN, n=1)
        more = f"did you mean {near[0]!r}?" if near else f"expected some of {list(TAKEN)}"
        raise ValueError(f"trainer has the unknown argument {name!r}; {more}")


class LogEpochs(Callback):
    """Gives the loggers, after each epoch, the mean training loss, the learning rate and seconds.

    They are ``train_loss_epoch``, ``lr`` (the highest of all groups) and ``seconds`` since training
    began. Nothing is read from the device within an epoch.

    Example:
        >>> callback = LogEpochs()
    """

    def __init__(self) -> None:
        self.total: Tensor | None = None
        self.steps, self.began = 0, 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self.began = time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Add the loss of a batch."""
        loss = outputs["loss"] if isinstance(outputs, Mapping) else outputs
        if isinstance(loss, Tensor):
            part = loss.detach().to(torch.float32)
            self.total = part if self.total is None else self.total + part
            self.steps += 1

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log, and start anew."""
        rates = [group["lr"] for one in trainer.optimizers for group in one.param_groups]
        values = {"seconds": time.perf_counter() - self.began, "lr": max(map(float, rates))}
        if self.total is not None:
            values["train_loss_epoch"] = float(self.total) / self.steps
        self.total, self.steps = None, 0
        for logger in trainer.loggers:
            logger.log_metrics({**values, "epoch": trainer.current_epoch}, trainer.global_step - 1)
