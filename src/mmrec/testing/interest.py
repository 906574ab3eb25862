"""The contract of an interest model."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from mmrec.interest import Interest, LastInterest, SteppingInterest
from mmrec.testing.contract import ContractError, expect_close, expect_output
from mmrec.testing.garbage import expect_hidden
from mmrec.testing.making import DIM, Make, begin
from mmrec.testing.modules import Case, Inputs, check_module, expect_module, expect_width
from mmrec.testing.stepping import check_stepping

_TYPES = 1
"""Event types; few, so that a part that was given built knows them too."""
KNOWN: dict[str, Any] = {
    "dim": DIM,
    "dropout": 0.2,
    "time_gap": True,
    "num_event_types": _TYPES,
    "negative_types": [_TYPES],
    "window": 5,
}
"""What a factory of an interest model is called with."""

_WITHOUT_CONTEXT = KNOWN | {"time_gap": False, "num_event_types": 0, "negative_types": []}
_LENGTHS = (7, 3, 1, 0, 6)
"""Events of each user: more than the window, fewer, one, none."""


def check_interest(
    factory: str | Mapping[str, Any] | Interest | Callable[..., Interest], *, compile: bool = False
) -> list[str]:
    """Check that a part keeps the contract of :class:`mmrec.interest.Interest`.

    If it has ``last``, the contract of :class:`mmrec.interest.LastInterest` is checked too, and if
    it has ``initial_state``, ``step`` and ``readout``, that of
    :class:`mmrec.interest.SteppingInterest`.

    Args:
        factory: what ``fit(interest=…)`` takes: a class or function that makes an interest model
            from ``dim``, a :func:`functools.partial` of one, or a built one. Where it names them,
            ``time_gap``, ``num_event_types`` (1), ``negative_types``, ``window`` (5) and
            ``dropout`` are set.
        compile: whether to check ``torch.compile`` too, which takes a minute or more.

    Returns:
        The names of the clauses that were checked.

    Raises:
        ContractError: a clause is broken.
        ValueError: the part can't be made.

    Example:
        >>> from mmrec.interest import GRUInterest
        >>> check_interest(GRUInterest)[:3]
        ['attributes', 'shapes', 'inputs stay']
    """
    contract, part, make = begin("interest", factory, KNOWN)
    contract.clause("attributes", expect_widths, part)
    shape = (max(_LENGTHS), part.interest_dim)
    case = Case(make, _forward, made_histories(part.dim), "users", shape, ("vectors",))
    check_module(contract, case, compile=compile)
    contract.clause("one event", _one_event, case)
    contract.clause("padding", _padding, case)
    contract.clause("causality", _causality, case)
    if isinstance(part, LastInterest):
        contract.clause("last", _last, case)
    if isinstance(part, SteppingInterest):
        check_stepping(contract, case)
    bare = begin("interest", factory, _WITHOUT_CONTEXT)[2]
    contract.clause("no context", _no_context, bare, case)
    return contract.checked


def _forward(part: Any, given: Inputs) -> Tensor:
    """Return the interest after each event, and zeros in padding."""
    states: Tensor = part(*_four(given))
    return states.masked_fill(~given["mask"].unsqueeze(-1), 0)


def _four(given: Inputs) -> tuple[Tensor, ...]:
    return given["vectors"], given["mask"], given["gap"], given["event_type"]


def expect_widths(part: Any) -> None:
    """Raise a :class:`ContractError` unless a part has the widths of an interest model."""
    expect_module(part)
    for name in ("dim", "interest_dim"):
        expect_width(part, name)


def made_histories(dim: int) -> Inputs:
    """Return histories of five users, some with unknown times and types."""
    draws = torch.Generator().manual_seed(0)
    places = len(_LENGTHS), max(_LENGTHS)
    mask = torch.arange(places[1]) < torch.tensor(_LENGTHS).unsqueeze(1)
    gap = 1e5 * torch.rand(places, generator=draws).square()
    gap[:, 1] = -1
    types = torch.randint(_TYPES + 1, places, generator=draws)
    return {
        "vectors": torch.randn(*places, dim, generator=draws) * mask.unsqueeze(-1),
        "mask": mask,
        "gap": gap.masked_fill(~mask, 0),
        "event_type": types.masked_fill(~mask, 0),
    }


def _one_event(case: Case) -> None:
    first = {name: value[:, :1] for name, value in case.inputs.items()}
    users, width = len(first["mask"]), case.shape[1]
    expect_output(case.run(case.make(), first), (users, 1, width), f"{users} users with one event")


def _padding(case: Case) -> None:
    padding = ~case.inputs["mask"]

    def spoil(value: float) -> Inputs:
        return case.inputs | {
            "vectors": case.inputs["vectors"].masked_fill(padding.unsqueeze(-1), value),
            "gap": case.inputs["gap"].masked_fill(padding, value),
            "event_type": case.inputs["event_type"].masked_fill(padding, 1),
        }

    expect_hidden(case, spoil, {"vectors": padding}, "padding")


def _causality(case: Case) -> None:
    part, inputs = case.make(), case.inputs
    before = case.run(part)
    for step in range(1, before.shape[1], 2):
        later = torch.arange(before.shape[1]) >= step
        changed = inputs | {
            "vectors": torch.where(later.unsqueeze(-1), -inputs["vectors"], inputs["vectors"]),
            "gap": torch.where(later, 7.0, inputs["gap"]),
            "event_type": torch.where(later, 1, inputs["event_type"]),
        }
        after = case.run(part, changed)
        expected = f"that events from number {step + 1} on change no earlier interest"
        expect_close(after[:, :step], before[:, :step], expected)


def _no_context(make: Make, case: Case) -> None:
    part, inputs = make(), case.inputs
    users, mask = len(inputs["mask"]), inputs["mask"].unsqueeze(-1)
    for absent in (("gap",), ("event_type",), ("gap", "event_type")):
        gap, types = (None if name in absent else inputs[name] for name in ("gap", "event_type"))
        try:
            states = part(inputs["vectors"], inputs["mask"], gap, types)
        except ValueError:  # a part that is made to read it says that it is missing
            continue
        except Exception as error:
            raise ContractError(
                f"expected an output without {' and '.join(absent)}, or a ValueError that says "
                f"what is needed; got {type(error).__name__}: {error}"
            ) from error
        of = f"histories without {' and '.join(absent)}"
        expect_output(states.masked_fill(~mask, 0), (users, *case.shape), of)
        if isinstance(part, LastInterest):
            found = part.last(inputs["vectors"], inputs["mask"], gap, types)
            expect_output(found, (users, case.shape[1]), of)
        if isinstance(part, SteppingInterest):
            first = [None if value is None else value[:, 0] for value in (gap, types)]
            state = part.step(part.initial_state(users), inputs["vectors"][:, 0], *first)
            found, there = part.readout(state), mask[:, 0]
            expected = f"that a step equals forward in {of}"
            expect_close(found.where(there, 0), states[:, 0].where(there, 0), expected)


def _last(case: Case) -> None:
    part: Any = case.make()
    length = case.inputs["mask"].sum(1)
    rows = torch.arange(len(length))
    wanted = part(*_four(case.inputs))[rows, (length - 1).clamp(min=0)]
    padding = ~case.inputs["mask"].unsqueeze(-1)
    spoilt = {"vectors": case.inputs["vectors"].masked_fill(padding, torch.nan)}
    for given in (case.inputs, case.inputs | spoilt):
        found = part.last(*_four(given))
        expect_output(found, tuple(wanted.shape), f"{len(length)} users")
        expect_close(found, wanted, "that of forward after the last event, or in the first place")
