"""The step of an interest from outside mmrec for export, as it is."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from mmrec.export.part import DTYPES, Part, Port
from mmrec.interest import Interest, SteppingInterest
from mmrec.interest.protocol import is_state

RESERVED = ("vectors", "gap", "event_type", "interest")
"""Names of other inputs and outputs."""

EXAMPLES = (1, 2, 5)
"""Numbers of users with which an exported step is tried."""

STEPS, TOLERANCE = 3, 1e-4


class _Own(nn.Module):
    """A part of an interest model, whose state is given as tensors.

    Args:
        interest: the model.
        state: a state of it.
    """

    interest: Any

    def __init__(self, interest: nn.Module, state: Any) -> None:
        super().__init__()
        self.interest, self.kind = interest, _kind(state)


class OwnStep(_Own):
    """One step of an interest model, with its state as tensors."""

    def forward(self, vectors: Tensor, gap: Tensor, event_type: Tensor, *state: Tensor) -> Any:
        """Return the tensors of the state after one more event."""
        # Clones: torch.export refuses an output that is an input.
        after = self.interest.step(_joined(self.kind, state), vectors, gap, event_type)
        flat = tuple(tensor.clone() for tensor in _tensors(after))
        return flat if len(flat) > 1 else flat[0]


class OwnReadout(_Own):
    """The interest of a state that is given as tensors."""

    def forward(self, *state: Tensor) -> Tensor:
        """Return the interest after the last event."""
        found: Tensor = self.interest.readout(_joined(self.kind, state))
        return found.clone()


def own_step(interest: Interest) -> tuple[nn.Module, nn.Module, list[Port]]:
    """Return step and readout of an interest model of another's, and the tensors of its state.

    Raises:
        ValueError: it can't take one event at a time, its state is not of plain tensors that are
            zero at first, or folding ``step`` doesn't give what ``forward`` gives.
    """
    name = type(interest).__name__
    if not isinstance(interest, SteppingInterest) or not isinstance(interest, nn.Module):
        raise ValueError(
            f"export expects an interest with initial_state, step and readout; {name} has not all "
            f"of them"
        )
    made = deepcopy(interest).cpu().eval()
    with torch.no_grad():
        states = [made.initial_state(users) for users in (2, 3)]
        ports = _ports(name, *states)
        _check_fold(made)
    return OwnStep(made, states[0]), OwnReadout(made, states[0]), ports


def with_examples(step: Part, readout: Part, dim: int) -> list[Part]:
    """Return step and readout with inputs with which their exported forms are tried.

    Args:
        step: the step; its state is zero at first.
        readout: the readout.
        dim: width of an item vector.
    """
    for users in EXAMPLES:
        state = tuple(port.zeros(users) for port in readout.inputs)
        for event in _events(dim, users):
            step.examples.append((*event, *state))
            state = _tensors(step(*event, *state))
            readout.examples.append(state)
    return [step, readout]


def _events(dim: int, users: int) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Return vectors, gaps and types of some events of each user; the same at each call."""
    drawn = torch.Generator().manual_seed(users)
    return [
        (
            torch.randn(users, dim, generator=drawn),
            (1e5 * torch.rand(users, generator=drawn)).where(torch.arange(users) != step, -1.0),
            torch.zeros(users, dtype=torch.int64),
        )
        for step in range(STEPS)
    ]


def _check_fold(interest: Any) -> None:
    """Raise a ``ValueError`` unless the steps give what ``forward`` gives for the same events."""
    users = max(EXAMPLES)
    events, state = _events(interest.dim, users), interest.initial_state(users)
    vectors, gap, event_type = (torch.stack(rows, dim=1) for rows in zip(*events, strict=True))
    whole = interest(vectors, torch.ones_like(gap, dtype=torch.bool), gap, event_type)
    for place, event in enumerate(events):
        state = interest.step(state, *event)
        if not torch.allclose(
            interest.readout(state), whole[:, place], rtol=TOLERANCE, atol=TOLERANCE
        ):
            raise ValueError(
                f"export expects an interest whose step gives what its forward gives; that of "
                f"{type(interest).__name__} differs after event {place + 1}"
            )


def _ports(name: str, two: Any, three: Any) -> list[Port]:
    """Return the tensors of a state, of which one is of two users, the other of three."""
    if not is_state(two):
        raise ValueError(
            f"export expects a state that is a tensor or a named tuple of tensors; that of {name} "
            f"is a {type(two).__name__}"
        )
    fields = getattr(two, "_fields", ["state"])
    return [
        _port(name, field, *pair)
        for field, *pair in zip(fields, _tensors(two), _tensors(three), strict=True)
    ]


def _port(name: str, field: str, two: Tensor, three: Tensor) -> Port:
    dtype = str(two.dtype).removeprefix("torch.")
    shape = [
        "B" if pair == (2, 3) else pair[0] for pair in zip(two.shape, three.shape, strict=True)
    ]
    fixed = all(a == b for a, b in zip(two.shape, three.shape, strict=True) if (a, b) != (2, 3))
    if shape.count("B") != 1 or not fixed or dtype not in DTYPES or two.any():
        raise ValueError(
            f"export expects states of {', '.join(DTYPES)} with one axis of users, zero for a user "
            f"without events; {field} of {name} has the shape {tuple(two.shape)} for two users, "
            f"is of {dtype}{' and not zero' if two.any() else ''}"
        )
    return Port(f"state_{field}" if field in RESERVED else field, tuple(shape), dtype)


def _kind(state: Any) -> type | None:
    return None if isinstance(state, Tensor) else type(state)


def _joined(kind: Any, tensors: Sequence[Tensor]) -> Any:
    return tensors[0] if kind is None else kind(*tensors)


def _tensors(state: Any) -> tuple[Tensor, ...]:
    return (state,) if isinstance(state, Tensor) else tuple(state)
