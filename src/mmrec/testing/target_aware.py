"""The contract of an interest model that depends on the candidate."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mmrec.interest import TargetAwareInterest
from mmrec.testing.contract import expect_close
from mmrec.testing.interest import (
    KNOWN,
    expect_event_types,
    expect_gaps,
    expect_padding,
    expect_widths,
    made_histories,
)
from mmrec.testing.making import begin
from mmrec.testing.modules import Case, Inputs, check_module, check_training

CANDIDATES = 4


def check_target_aware(
    factory: str | Mapping[str, Any] | TargetAwareInterest | Callable[..., TargetAwareInterest],
    *,
    compile: bool = False,
    skip: Sequence[str] = (),
) -> list[str]:
    """Check that a part keeps the contract of :class:`mmrec.interest.TargetAwareInterest`.

    Args:
        factory: a class or function that makes such a model, a :func:`functools.partial` of one, or
            a built one; made as by :func:`check_interest`.
        compile: whether to check ``torch.compile`` too, which takes a minute or more.
        skip: names of clauses that are not checked, such as ``("gradcheck",)``.

    Returns:
        The names of the clauses that were checked.

    Raises:
        ContractError: a clause is broken.
        ValueError: the part can't be made.

    Example:
        >>> from mmrec.interest import DINInterest
        >>> check_target_aware(DINInterest)[-3:]
        ['padding', 'candidates', 'padding in training']
    """
    contract, part, make = begin("interest", factory, KNOWN, skip)
    contract.clause("attributes", expect_widths, part)
    inputs = made_histories(part.dim)
    draws = torch.Generator().manual_seed(1)
    users = len(inputs["mask"])
    inputs["candidates"] = torch.randn(users, CANDIDATES, part.dim, generator=draws)
    shape = (CANDIDATES, part.interest_dim)
    case = Case(make, _toward, inputs, "users", shape, ("vectors", "candidates"))
    contract.clause("event types", expect_event_types, case)
    contract.clause("gaps", expect_gaps, case)
    check_module(contract, case, compile=compile)
    clauses = {"padding": expect_padding, "candidates": _candidates}
    for name, check in clauses.items():
        contract.clause(name, check, case)
    # Fewer candidates or another order may draw other random numbers.
    check_training(contract, case, {"padding": expect_padding})
    return contract.checked


def _toward(part: Any, given: Inputs) -> Tensor:
    names = ("candidates", "vectors", "mask", "gap", "event_type")
    interest: Tensor = part.toward(*(given[name] for name in names))
    return interest


def _candidates(case: Case) -> None:
    part, candidates = case.make(), case.inputs["candidates"]
    wanted, order = case.run(part), torch.arange(CANDIDATES).roll(1)
    turned = case.run(part, case.inputs | {"candidates": candidates[:, order]})
    expect_close(turned, wanted[:, order], "interests in the order of the candidates")
    alone = case.run(part, case.inputs | {"candidates": candidates[:, -1:]})
    expect_close(alone, wanted[:, -1:], "an interest that depends on no other candidate")
