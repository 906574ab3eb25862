"""A moving average of the weights, used for validation and checkpoints."""

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


class MovingAverage(WeightAveraging):
    """Keeps an exponential moving average of the weights; validation and checkpoints use it.

    An average over about the last ``1 / (1 - decay)`` steps is better and varies less than the
    weights of one step (Polyak and Juditsky 1992; arXiv 1803.05407). At step n the decay is
    ``min(decay, (1 + n) / (10 + n))``, so that the initial weights soon lose their influence.

    The average lies on the device of training, and an update never waits for that device.

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
        super().__init__(use_buffers=False)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Copy the weights to the device of training; Lightning moves the module there later."""
        super().setup(trainer, pl_module, stage)
        if stage == "fit":
            device = trainer.strategy.root_device
            self._average_model = AveragedWeights(pl_module, self.decay, device)

    def weights(self) -> dict[str, Tensor]:
        """Return the averaged weights under the names of the module's ``state_dict``.

        Raises:
            RuntimeError: training has not started.
        """
        if self._average_model is None:
            raise RuntimeError("there is no average before training starts")
        return self._average_model.module.state_dict()


class AveragedWeights(AveragedModel):
    """The averaged copy of a module, see :class:`MovingAverage`.

    An update is one pass over all weights. The number of updates stays on the CPU: to read it from
    an accelerator would wait for the whole step.

    Args:
        model: what is averaged.
        decay: weight of the average in an update.
        device: where the average lies; by default where the model is.

    Example:
        >>> layer = nn.Linear(1, 1)
        >>> average = AveragedWeights(layer, 0.5)
        >>> average.update_parameters(layer)
        >>> torch.equal(average.module.weight, layer.weight)
        True
    """

    def __init__(self, model: nn.Module, decay: float, device: torch.device | None = None) -> None:
        super().__init__(model)
        self.module.to(device)
        self.decay = decay

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Move the average towards the weights of a module; the first update copies them."""
        average: list[Tensor] = list(self.module.parameters())
        current: list[Tensor] = list(model.parameters())
        count = int(self.n_averaged)
        if count:
            share = 1 - min(self.decay, (1 + count) / (10 + count))
            torch._foreach_lerp_(average, current, share)
        else:
            torch._foreach_copy_(average, current)
        for kept, buffer in zip(self.module.buffers(), model.buffers(), strict=True):
            kept.copy_(buffer)
        self.n_averaged += 1
