"""The weights that are trained online, and their optimizer."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from mmrec.models import SequentialModel

PARTS = ("interest", "scorer")


class OnlineWeights:
    """Trains interest and scorer of a model, or one of them, by Adam; other parts are frozen.

    Args:
        model: the model; its parts are changed in place.
        learn: names of the parts that learn; names other than :data:`PARTS` are ignored.
        lr: learning rate.
    """

    def __init__(self, model: SequentialModel, learn: Sequence[str], lr: float) -> None:
        self.parts = nn.ModuleDict({name: getattr(model, name) for name in PARTS if name in learn})
        for name in (*PARTS, "reranker"):
            part = getattr(model, name)
            if part is not None:
                part.eval().requires_grad_(name in learn)
        self.parameters = list(self.parts.parameters())
        self.optimizer = torch.optim.Adam(self.parameters, lr=lr) if self.parameters else None

    def step(self, gradients: Sequence[Tensor]) -> None:
        """Move the weights against their gradients."""
        if self.optimizer is None:
            return
        for weight, gradient in zip(self.parameters, gradients, strict=True):
            weight.grad = gradient
        self.optimizer.step()
        self.optimizer.zero_grad()

    def state_dict(self) -> dict[str, Tensor]:
        """Return copies of the weights and of Adam's moments by name."""
        slots = self.optimizer.state_dict()["state"] if self.optimizer else {}
        states = {"weights": self.parts.state_dict()} | {
            f"adam.{number}": slot for number, slot in slots.items()
        }
        return {
            f"{part}.{name}": value.detach().clone()
            for part, state in states.items()
            for name, value in state.items()
        }

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Restore what :meth:`state_dict` returned; other names are ignored."""
        self.parts.load_state_dict(under("weights", state))
        if self.optimizer is None:
            return
        slots: dict[int, dict[str, Tensor]] = {}
        for name, value in under("adam", state).items():
            number, _, key = name.partition(".")
            slots.setdefault(int(number), {})[key] = value.clone()
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": slots})


def under(part: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names begin with a part, without that part.

    Example:
        >>> under("adam", {"adam.0.step": torch.tensor(3), "counts": torch.ones(2)})
        {'0.step': tensor(3)}
    """
    start = f"{part}."
    return {n.removeprefix(start): value for n, value in tensors.items() if n.startswith(start)}
