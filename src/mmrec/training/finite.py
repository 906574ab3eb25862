"""Stops a training whose numbers are no longer finite."""

from pathlib import Path
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from mmrec.training.resume import kept


class NotFiniteError(ValueError):
    """A loss or a weight that is NaN or infinite."""


class FiniteLoss(Callback):
    """Raises a :class:`NotFiniteError` for a loss or a weight that is NaN or infinite.

    It checks before an epoch is validated, and before its state is kept.

    Args:
        directory: folder of the checkpoints, which the message names.
        every: steps between two checks of the losses, since a check makes an accelerator wait. By
            default 1 on a CPU, else 16.

    Example:
        >>> FiniteLoss(every=4).every
        4
    """

    def __init__(self, directory: Path | None = None, *, every: int | None = None) -> None:
        self.directory, self.every = directory, every
        self.losses: list[Tensor] = []

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Check the loss."""
        self.losses.append(outputs["loss"].detach())
        every = self.every or (1 if pl_module.device.type == "cpu" else 16)
        if len(self.losses) >= every:
            self._check(trainer, batch_idx)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check the last losses, and the weights, which were updated once more since."""
        self._check_all(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check the same, for a training without validation."""
        self._check_all(trainer, pl_module)

    def _check_all(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._check(trainer, int(trainer.num_training_batches) - 1)
        checks = [torch.isfinite(value).all() for value in pl_module.parameters()]
        if not torch.stack(checks).all():
            self._stop(trainer, "weights are no longer finite at the end of", "")

    def _check(self, trainer: Trainer, last: int) -> None:
        losses, self.losses = self.losses, []
        if not losses:
            return
        wrong = torch.nonzero(~torch.isfinite(torch.stack(losses))).flatten().tolist()
        if wrong:
            step = last + 1 - len(losses) + wrong[0] + 1
            loss = float(losses[wrong[0]])
            steps = int(trainer.num_training_batches)
            self._stop(trainer, f"the loss is {loss} in", f", step {step} of {steps}")

    def _stop(self, trainer: Trainer, what: str, where: str) -> None:
        advice = "start anew with a lower lr"  # the same steps would fail again
        if "32" not in str(trainer.precision):
            advice = f"try precision 32-true ({kept(self.directory)}), or {advice}"
        raise NotFiniteError(f"{what} epoch {trainer.current_epoch + 1}{where}; {advice}")
