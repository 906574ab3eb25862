"""A moving average of the weights, used for validation and checkpoints."""

from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor


class MovingAverage(WeightAveraging):
    """Keeps an exponential moving average of the weights; validation and checkpoints use it.

    An average over about the last ``1 / (1 - decay)`` steps is better and varies less than the
    weights of one step (Polyak and Juditsky 1992; arXiv 1803.05407). At step n the decay is
    ``min(decay, (1 + n) / (10 + n))``, so that the initial weights soon lose their influence.

    Args:
        decay: weight of the average in an update, in ``(0, 1)``.

    Raises:
        ValueError: the decay is not in ``(0, 1)``.

    Example:
        >>> MovingAverage(0.98).decay
        0.98
    """

    def __init__(self, decay: float) -> None:
        if not 0 < decay < 1:
            raise ValueError(f"decay must be between 0 and 1; got {decay}")
        self.decay = decay
        super().__init__(use_buffers=False, avg_fn=self._average)

    def weights(self) -> dict[str, Tensor]:
        """Return the averaged weights under the names of the module's ``state_dict``.

        Raises:
            RuntimeError: training has not started.
        """
        if self._average_model is None:
            raise RuntimeError("there is no average before training starts")
        return self._average_model.module.state_dict()

    def _average(self, average: Tensor, current: Tensor, steps: Tensor | int) -> Tensor:
        count = float(steps)
        return average.lerp(current, 1 - min(self.decay, (1 + count) / (10 + count)))
