"""Stops a training whose numbers are no longer finite."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
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
        self.steps = _Steps()

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Watch which parts give finite numbers in the step."""
        self.steps.watch(pl_module)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Check the loss."""
        self.steps.end()
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
            why = self.steps.reason_of_weights()
            self._stop(trainer, "weights are no longer finite at the end of", "", why)

    def _check(self, trainer: Trainer, last: int) -> None:
        losses, self.losses = self.losses, []
        if not losses:
            return
        wrong = torch.nonzero(~torch.isfinite(torch.stack(losses))).flatten().tolist()
        if wrong:
            step = last + 1 - len(losses) + wrong[0] + 1
            loss = float(losses[wrong[0]])
            steps = int(trainer.num_training_batches)
            first = trainer.current_epoch == 0 and step == 1
            reason = self.steps.reason(wrong[0] - len(losses), first=first)
            self._stop(trainer, f"the loss is {loss} in", f", step {step} of {steps}", reason)
        self.steps.keep_last()

    def _stop(self, trainer: Trainer, what: str, where: str, advice: str) -> None:
        if "32" not in str(trainer.precision):
            advice = f"try precision 32-true ({kept(self.directory)}), or {advice}"
        raise NotFiniteError(f"{what} epoch {trainer.current_epoch + 1}{where}; {advice}")


@dataclass
class _Step:
    """Sums of what the parts of a model gave in a step, and of the gradients of that, in order."""

    outputs: list[tuple[str, Tensor]] = field(default_factory=list)
    gradients: list[tuple[str, Tensor]] = field(default_factory=list)


class _Steps:
    """Remembers of the last steps which parts of a model gave finite numbers."""

    def __init__(self) -> None:
        self.kept: list[_Step] = []
        self.hooks: list[RemovableHandle] = []
        self.loss = "the loss"

    def watch(self, module: nn.Module) -> None:
        """Look at the outputs of the parts of a model until the step ends."""
        self.loss = f"the loss {_name_of(module.loss)}" if hasattr(module, "loss") else "the loss"
        self.kept.append(_Step())
        for path, part in _parts_of(module):
            name = f"{path.replace('encoders.', 'encoder of ')} {type(part).__name__}"
            look = partial(self._look, self.kept[-1], name)
            self.hooks.append(part.register_forward_hook(look))

    def _look(self, step: _Step, name: str, part: nn.Module, inputs: Any, output: Any) -> None:
        if not isinstance(output, Tensor):
            return
        # A sum is the cheapest look; in half precision it would soon overflow.
        step.outputs.append((name, output.detach().sum(dtype=torch.float32)))
        if output.requires_grad:

            def look_back(gradient: Tensor) -> None:
                step.gradients.append((name, gradient.detach().sum(dtype=torch.float32)))

            output.register_hook(look_back)

    def end(self) -> None:
        """Look no longer."""
        while self.hooks:
            self.hooks.pop().remove()

    def keep_last(self) -> None:
        """Forget all steps but the last, whose gradients may spoil the next one."""
        del self.kept[:-1]

    def reason(self, step: int, *, first: bool) -> str:
        """Return what may have spoilt the loss of a step, and what to do.

        Args:
            step: the place of the step, from the last one: -1 is the last.
            first: whether it is the first step of all, before which no weight has changed.
        """
        outputs = self.kept[step].outputs
        wrong = _not_finite(outputs)
        scores = [(name, value) for name, value in outputs if name.startswith("scorer ")]
        if not outputs:
            return _LOWER
        if wrong is None or (scores and _not_finite(scores) is None):  # it may lie in padding
            if first:
                return f"the parts of the model gave finite numbers, so look at {self.loss}"
            return f"{_LOWER}, or look at {self.loss}: the scores that it got are finite"
        found = (
            f"the {wrong} gave the first numbers that are not finite, which may be the reason, "
            f"unless they lie in padding"
        )
        if first:
            return found
        before = self.kept[:step][-1:]
        spoilt = _not_finite(before[0].gradients) if before else None
        return f"{_LOWER}: {found}" if spoilt is None else self._of_gradient(spoilt)

    def reason_of_weights(self) -> str:
        """Return what may have spoilt the weights in the last step, and what to do."""
        spoilt = _not_finite(self.kept[-1].gradients) if self.kept else None
        return _LOWER if spoilt is None else self._of_gradient(spoilt)

    def _of_gradient(self, name: str) -> str:
        if name.startswith("scorer "):
            return f"{_LOWER}, or look at {self.loss}: its gradient of the scores was not finite"
        return (
            f"{_LOWER}, or look at what reads the output of the {name}: the gradient of that was "
            f"the first that was not finite"
        )


def _not_finite(found: Sequence[tuple[str, Tensor]]) -> str | None:
    """Return the name of the first number that is not finite."""
    return next((name for name, value in found if not bool(value.isfinite())), None)


def _name_of(loss: Any) -> str:
    while isinstance(loss, partial):
        loss = loss.func
    return str(getattr(loss, "__name__", type(loss).__name__))


def _parts_of(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Return the parts of the model in the module that trains it, by their paths."""
    for prefix in ("model.items.encoders", "model.items", "model"):
        holder: Any = module
        for name in prefix.split("."):
            holder = getattr(holder, name, None)
        children = holder.named_children() if isinstance(holder, nn.Module) else ()
        for name, part in children:
            if prefix.endswith("encoders"):
                yield f"encoders.{name}", part
            elif name in _PARTS:
                yield name, part


_PARTS = ("fusion", "interest", "request", "scorer")
_LOWER = "start anew with a lower lr"
