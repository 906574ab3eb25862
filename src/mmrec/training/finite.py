"""Stops a training whose numbers are no longer finite."""

import re
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from mmrec.models.finite import NotFiniteError
from mmrec.training.resume import kept


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
        self.first = _FirstStep()

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """In the first step of all, remember which parts give finite numbers."""
        if trainer.global_step == 0 and batch_idx == 0:
            self.first.watch(pl_module)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Check the loss."""
        self.first.end()
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
            reason = self.first.reason() if trainer.current_epoch == 0 and step == 1 else None
            self._stop(trainer, f"the loss is {loss} in", f", step {step} of {steps}", reason)

    def _stop(self, trainer: Trainer, what: str, where: str, reason: str | None = None) -> None:
        # The same steps would fail again; before the first one no weight has changed.
        advice = reason or "start anew with a lower lr"
        if "32" not in str(trainer.precision):
            advice = f"try precision 32-true ({kept(self.directory)}), or {advice}"
        raise NotFiniteError(f"{what} epoch {trainer.current_epoch + 1}{where}; {advice}")


class _FirstStep:
    """Remembers in the first step which parts of a model gave finite numbers."""

    def __init__(self) -> None:
        self.found: list[tuple[str, Tensor]] = []
        self.hooks: list[RemovableHandle] = []

    def watch(self, module: nn.Module) -> None:
        """Look at the outputs of the parts of a model until the step ends."""
        self.found = []
        for path, part in module.named_modules():
            if match := _PART.fullmatch(path):
                name = f"{match[1].replace('encoders.', 'encoder of ')} {type(part).__name__}"
                self.hooks.append(part.register_forward_hook(partial(self._look, name)))

    def _look(self, name: str, part: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            self.found.append((name, torch.isfinite(output.detach()).all()))

    def end(self) -> None:
        """Look no longer."""
        while self.hooks:
            self.hooks.pop().remove()

    def reason(self) -> str | None:
        """Return what may have spoilt the first loss; None if no part was watched."""
        if not self.found:
            return None
        for name, finite in self.found:
            if not finite:
                return (
                    f"the {name} gave the first numbers that are not finite, which may be the "
                    f"reason, unless they lie in padding"
                )
        return "the parts of the model gave finite numbers, so look at the loss"


_PART = re.compile(r"model\.(?:items\.)?(encoders\.[^.]+|fusion|interest|request|scorer)")
"""Paths of the parts of a model in the module that trains it."""
