"""When training stops, and which weights are kept."""

from pathlib import Path

from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint

from mmrec.training.averaging import MovingAverage
from mmrec.training.resume import MONITOR


def callbacks(directory: str | Path, *, patience: int = 8, ema: float = 0.98) -> list[Callback]:
    """Return callbacks that do what :meth:`mmrec.Recommender.fit` does, for one's own trainer.

    They keep a moving average of the weights, write the checkpoint of the best epoch by
    validation NDCG@10, and stop when it hasn't improved for ``patience`` epochs.

    Gradient clipping is an argument of the trainer rather than a callback; ``fit`` clips to a norm
    of 1: ``Trainer(gradient_clip_val=1.0, callbacks=callbacks("checkpoints"))``. The trainer ends
    with the weights of its last epoch; the best are at
    ``trainer.checkpoint_callback.best_model_path``, under ``"state_dict"``.

    Args:
        directory: folder of the checkpoint.
        patience: epochs without a better validation NDCG@10 before training stops.
        ema: decay of the moving average, see :class:`MovingAverage`; 0 for none.

    Raises:
        ValueError: ``patience`` is less than 1, or ``ema`` is not in ``[0, 1)``.

    Example:
        >>> [type(part).__name__ for part in callbacks("checkpoints")]
        ['MovingAverage', 'EarlyStopping', 'ModelCheckpoint']
    """
    # With `save_weights_only` callbacks are not asked, and the average is lost.
    best = ModelCheckpoint(directory, monitor=MONITOR, mode="max")
    return [*average_and_stop(patience=patience, ema=ema), best]


def average_and_stop(*, patience: int, ema: float) -> list[Callback]:
    """Return the moving average, unless ``ema`` is 0, and the early stopping."""
    if patience < 1:
        raise ValueError(f"patience must be 1 or more; got {patience}")
    average = [MovingAverage(ema)] if ema else []
    return [*average, EarlyStopping(MONITOR, mode="max", patience=patience)]
