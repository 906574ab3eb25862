"""A moving average of the weights: what is validated and kept."""

from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor


class MovingAverage(WeightAveraging):
    """Keeps an exponential moving average of the weights; validation and checkpoints use it.

    The average over the last ``1 / (1 - decay)`` steps is better and steadier than any one of
    them (Polyak and Juditsky 1992; arXiv 1803.05407). Its decay rises with the steps,
    ``min(decay, (1 + n) / (10 + n))``, so that the initial weights are soon forgotten.

    Args:
        decay: weight of the past, in ``(0, 1)``.

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
        """Return the averaged weights, named as in the module's ``state_dict``.

        Raises:
            RuntimeError: training hasn't started.
        """
        if self._average_model is None:
            raise RuntimeError("there is no average before training starts")
        return self._average_model.module.state_dict()

    def _average(self, average: Tensor, current: Tensor, steps: Tensor | int) -> Tensor:
        count = float(steps)
        return average.lerp(current, 1 - min(self.decay, (1 + count) / (10 + count)))
