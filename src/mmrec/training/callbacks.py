"""Callbacks that stop training and keep the best weights."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import (
    Callback,
    EarlyStopping,
    ModelCheckpoint,
    ProgressBar,
    TQDMProgressBar,
)

from mmrec.training.averaging import MovingAverage
from mmrec.training.resume import MONITOR


def callbacks(directory: str | Path, *, patience: int = 8, ema: float = 0.98) -> list[Callback]:
    """Return the callbacks of :meth:`mmrec.Recommender.fit` for a trainer of your own.

    They keep a moving average of the weights, write the checkpoint of the best epoch by
    validation NDCG@10, and stop training when it has not improved for ``patience`` epochs.

    Gradient clipping is an argument of the trainer, not a callback; ``fit`` clips to a norm of 1:
    ``Trainer(gradient_clip_val=1.0, callbacks=callbacks("checkpoints"))``. After training the
    module has the weights of the last epoch. The best weights are in the file
    ``trainer.checkpoint_callback.best_model_path``, under ``"state_dict"``.

    Args:
        directory: folder of the checkpoint.
        patience: number of epochs without a better validation NDCG@10 after which training stops.
        ema: decay of the moving average, see :class:`MovingAverage`; 0 for none.

    Raises:
        ValueError: ``patience`` is less than 1, or ``ema`` is not in ``[0, 1)``.

    Example:
        >>> [type(part).__name__ for part in callbacks("checkpoints")]
        ['MovingAverage', 'EarlyStopping', 'ModelCheckpoint']
    """
    # `save_weights_only` would skip the callbacks, and the average would be lost.
    best = ModelCheckpoint(directory, monitor=MONITOR, mode="max")
    return [*average_and_stop(patience=patience, ema=ema), best]


def average_and_stop(*, patience: int, ema: float, steps: int | None = None) -> list[Callback]:
    """Return the moving average, unless ``ema`` is 0, and what stops training.

    This is early stopping, or ``StopAfter`` if ``steps`` are given.
    """
    if patience < 1:
        raise ValueError(f"patience must be 1 or more; got {patience}")
    average = [MovingAverage(ema)] if ema else []
    if steps is not None:
        return [*average, StopAfter(steps)]
    return [*average, EarlyStopping(MONITOR, mode="max", patience=patience)]


def progress_bar(shown: bool, given: Sequence[Callback] = ()) -> list[Callback]:
    """Return the bar that shows how far training is, unless one is given.

    Lightning would take that of Rich, which warns in a notebook without ``ipywidgets``.

    Example:
        >>> [type(part).__name__ for part in progress_bar(True)], progress_bar(False)
        (['TQDMProgressBar'], [])
    """
    if not shown or any(isinstance(one, ProgressBar) for one in given):
        return []
    return [TQDMProgressBar()]


class StopAfter(Callback):
    """Stops training after a number of optimizer steps.

    With the trainer's ``max_steps``, a training that is resumed between two epochs would repeat
    the first of its batches.

    Example:
        >>> StopAfter(100).steps
        100
    """

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Stop at the last step."""
        if trainer.global_step >= self.steps:
            trainer.should_stop = True


class Watch(Callback):
    """Gives the validation NDCG@10 of each epoch to a function, which may end the training.

    Args:
        watch: is called after each epoch; training stops if it returns True.

    Example:
        >>> callback = Watch(lambda ndcg: ndcg < 0.01)
    """

    def __init__(self, watch: Callable[[float], bool]) -> None:
        self.watch = watch

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Call the function."""
        if self.watch(float(trainer.callback_metrics[MONITOR])):
            trainer.should_stop = True
