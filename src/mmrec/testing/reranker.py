"""The contract of a reranker."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mmrec.scoring import Reranker
from mmrec.testing.contract import expect_close, expect_output
from mmrec.testing.making import DIM, begin
from mmrec.testing.modules import Case, Inputs, check_module, expect_module


def check_reranker(
    factory: str | Mapping[str, Any] | Reranker | Callable[..., Reranker],
    *,
    compile: bool = False,
    skip: Sequence[str] = (),
) -> list[str]:
    """Check that a part keeps the contract of :class:`mmrec.scoring.Reranker`.

    Args:
        factory: what ``fit(reranker=…)`` takes: a class or function that makes a reranker, which
            may name ``dim`` and ``interest_dim`` (both are 8), a :func:`functools.partial` of one,
            or a built reranker of such widths.
        compile: whether to check ``torch.compile`` too, which takes a minute or more.
        skip: names of clauses that are not checked, such as ``("gradcheck",)``.

    Returns:
        The names of the clauses that were checked.

    Raises:
        ContractError: a clause is broken.
        ValueError: the part can't be made.

    Example:
        >>> from mmrec.scoring import MLPScorer
        >>> check_reranker(MLPScorer)[:3]
        ['attributes', 'shapes', 'inputs stay']
    """
    contract, part, make = begin("reranker", factory, {"dim": DIM, "interest_dim": DIM}, skip)
    contract.clause("attributes", expect_module, part)
    draws = torch.Generator().manual_seed(0)
    inputs = {
        "states": torch.randn(3, DIM, generator=draws),
        "candidates": torch.randn(3, 4, DIM, generator=draws),
    }
    case = Case(make, _score, inputs, "users", (4,), ("states", "candidates"))
    check_module(contract, case, compile=compile)
    contract.clause("one candidate", _one_candidate, case)
    contract.clause("candidates", _candidates, case)
    return contract.checked


def _score(part: Any, given: Inputs) -> Tensor:
    scores: Tensor = part(given["states"], given["candidates"])
    return scores


def _one_candidate(case: Case) -> None:
    one = case.inputs | {"candidates": case.inputs["candidates"][:, :1]}
    expect_output(case.run(case.make(), one), (3, 1), "3 users with one candidate each")


def _candidates(case: Case) -> None:
    part = case.make()
    turned = case.inputs | {"candidates": case.inputs["candidates"].flip(1)}
    wanted = case.run(part).flip(1)
    expect_close(case.run(part, turned), wanted, "scores in the order of the candidates")
