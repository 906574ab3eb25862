"""The contract of an interest model."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from mmrec.interest import Interest, LastInterest, SteppingInterest
from mmrec.interest.protocol import OPTIONAL
from mmrec.testing.contract import ContractError, expect, expect_close, expect_output, first_line
from mmrec.testing.garbage import expect_hidden
from mmrec.testing.making import DIM, Make, begin
from mmrec.testing.modules import (
    Case,
    Inputs,
    check_module,
    check_training,
    expect_module,
    expect_width,
)
from mmrec.testing.stepping import check_state, check_stepping

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
LENGTHS = (7, 3, 1, 0, 6)
"""Events of each user: more than the window, fewer, one, none."""
LONG = (48, 31)
"""Events of users where length matters: in what leaks, and in what a step forgets."""
_CUTS = (1, 2, 5, 11, 19, 33, 47)
"""Events from which on a history is changed; no block of 4 or 8 ends at all of them."""
_CHANGES = ("vectors", "gap", "event_type", "mask")
_ROUNDING = 1e-6
"""Some units in the last place of float32: shapes are the same, and so are the operations."""


def check_interest(
    factory: str | Mapping[str, Any] | Interest | Callable[..., Interest],
    *,
    compile: bool = False,
    skip: Sequence[str] = (),
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
        skip: names of clauses that are not checked, such as ``("gradcheck",)``.

    Returns:
        The names of the clauses that were checked.

    Raises:
        ContractError: a clause is broken.
        ValueError: the part can't be made.

    Example:
        >>> from mmrec.interest import GRUInterest
        >>> check_interest(GRUInterest)[:3]
        ['attributes', 'event types', 'gaps']
    """
    contract, part, make = begin("interest", factory, KNOWN, skip)
    contract.clause("attributes", expect_widths, part)
    case, long = (_case(make, part, lengths) for lengths in (LENGTHS, LONG))
    contract.clause("event types", expect_event_types, case)
    contract.clause("gaps", expect_gaps, case)
    if isinstance(part, SteppingInterest):
        check_state(contract, case)
    check_module(contract, case, compile=compile)
    contract.clause("one event", _one_event, case)
    contract.clause("padding", expect_padding, case)
    contract.clause("causality", _causality, long, _CHANGES)
    # A part may draw a random number for each event, so that another mask leads to others.
    unmasked = partial(_causality, names=_CHANGES[:-1])
    check_training(contract, long, {"causality": unmasked})
    check_training(contract, case, {"padding": expect_padding})
    if isinstance(part, LastInterest):
        contract.clause("last", _last, case, long)
    if isinstance(part, SteppingInterest):
        check_stepping(contract, case, long)
    bare = begin("interest", factory, _WITHOUT_CONTEXT)[2]
    contract.clause("no context", _no_context, bare, case)
    return contract.checked


def _case(make: Make, part: Any, lengths: Sequence[int]) -> Case:
    shape = (max(lengths), part.interest_dim)
    return Case(make, _forward, made_histories(part.dim, lengths), "users", shape, ("vectors",))


def _forward(part: Any, given: Inputs) -> Tensor:
    """Return the interest after each event, and zeros in padding."""
    states: Tensor = part(*_four(given))
    wanted = (*given["mask"].shape, part.interest_dim)
    is_tensor = isinstance(states, Tensor)
    right = is_tensor and states.is_floating_point() and tuple(states.shape) == wanted
    got = f"{states.dtype} {tuple(states.shape)}" if is_tensor else type(states).__name__
    expect(right, f"(B, T, H) floats, here {wanted}", got)
    for name in OPTIONAL:
        found = getattr(part, name, None)
        expected = f"a method {name}, or nothing of that name"
        expect(found is None or callable(found), expected, f"{type(found).__name__}, an attribute")
    return states.masked_fill(~given["mask"].unsqueeze(-1), 0)


def _four(given: Inputs) -> tuple[Tensor, ...]:
    return given["vectors"], given["mask"], given["gap"], given["event_type"]


def expect_widths(part: Any) -> None:
    """Raise a :class:`ContractError` unless a part has the widths of an interest model."""
    expect_module(part)
    for name in ("dim", "interest_dim"):
        expect_width(part, name)


def expect_event_types(case: Case) -> None:
    """Raise a :class:`ContractError` if a part takes the type 0 and not the others."""
    try:
        case.run(
            case.make(), case.inputs | {"event_type": torch.zeros_like(case.inputs["mask"]).long()}
        )
    except Exception:  # it is no matter of types; a later clause says it
        return
    try:
        case.run(case.make())
    except Exception as error:
        raise ContractError(
            f"expected an output for event types from 0, which is unknown, up to num_event_types "
            f"itself, here {_TYPES}; got {type(error).__name__}: {first_line(error)}"
        ) from error


def expect_gaps(case: Case) -> None:
    """Raise a :class:`ContractError` if a part is finite for gaps, but not where one is 0 or -1."""

    def is_finite(gap: Tensor) -> bool:
        return bool(case.run(case.make(), case.inputs | {"gap": gap}).isfinite().all())

    gap = case.inputs["gap"]
    seconds = torch.ones_like(gap)
    try:
        right = is_finite(seconds)
    except Exception:  # it is no matter of gaps; a later clause says it
        return
    if right:
        expect(is_finite(0 * seconds), "finite interests where a gap is 0", "NaN or infinity")
        unknown = is_finite(seconds.masked_fill(gap < 0, -1))
        expect(unknown, "finite interests where a gap is -1, which is unknown", "NaN or infinity")


def made_histories(dim: int, lengths: Sequence[int] = LENGTHS) -> Inputs:
    """Return histories of users, some with unknown times and types."""
    draws = torch.Generator().manual_seed(0)
    places = len(lengths), max(lengths)
    mask = torch.arange(places[1]) < torch.tensor(lengths).unsqueeze(1)
    gap = 1e5 * torch.rand(places, generator=draws).square()
    gap[:, 1::5] = -1
    gap[:, 3::10] = -1e5  # as unknown as -1
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


def expect_padding(case: Case) -> None:
    """Raise a :class:`ContractError` if what lies in padding changes anything."""
    padding = ~case.inputs["mask"]
    expect_hidden(case, dict.fromkeys(("vectors", "gap", "event_type"), padding), "padding")


def _causality(case: Case, names: Sequence[str]) -> None:
    part, inputs = case.make(), case.inputs
    before = case.run(part)
    for step in _CUTS:
        later = torch.arange(before.shape[1]) >= step
        changed = {
            "vectors": inputs["vectors"].where(~later.unsqueeze(-1), 1.5 - inputs["vectors"]),
            "gap": inputs["gap"].masked_fill(later, 7.0),
            "event_type": inputs["event_type"].masked_fill(later, 1),
            "mask": inputs["mask"] & ~later,
        }
        for name in names:
            after = case.run(part, inputs | {name: changed[name]})
            expected = f"that no earlier interest depends on {name} from event {step + 1} on"
            expect_close(after[:, :step], before[:, :step], expected, tolerance=_ROUNDING)


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


def _last(*cases: Case) -> None:
    for case in cases:
        _expect_last(case)


def _expect_last(case: Case) -> None:
    part: Any = case.make()
    length = case.inputs["mask"].sum(1)
    rows = torch.arange(len(length))
    wanted = part(*_four(case.inputs))[rows, (length - 1).clamp(min=0)]
    padding = ~case.inputs["mask"].unsqueeze(-1)
    spoilt = {"vectors": case.inputs["vectors"].masked_fill(padding, torch.nan)}
    for given in (case.inputs, case.inputs | spoilt):
        found = part.last(*_four(given))
        expect_output(found, tuple(wanted.shape), f"{len(length)} users", dtype=case.dtype)
        expect_close(found, wanted, "that of forward after the last event, or in the first place")
