"""The contract of a retrieval scorer."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmrec.scoring import RetrievalScorer
from mmrec.testing.contract import expect, expect_close, expect_output
from mmrec.testing.making import DIM, begin
from mmrec.testing.modules import Case, Inputs, check_module, expect_module

_ITEMS = 5


def check_scorer(
    factory: str | Mapping[str, Any] | RetrievalScorer | Callable[..., RetrievalScorer],
    *,
    compile: bool = False,
    skip: Sequence[str] = (),
) -> list[str]:
    """Check that a part keeps the contract of :class:`mmrec.scoring.RetrievalScorer`.

    Args:
        factory: what ``fit(scorer=…)`` takes: a class or function that makes a scorer, which may
            name ``dim`` and ``interest_dim`` (both are 8), a :func:`functools.partial` of one, or
            a built scorer of such widths.
        compile: whether to check ``torch.compile`` too, which takes a minute or more.
        skip: names of clauses that are not checked, such as ``("gradcheck",)``.

    Returns:
        The names of the clauses that were checked.

    Raises:
        ContractError: a clause is broken.
        ValueError: the part can't be made.

    Example:
        >>> from mmrec.scoring import DotScorer
        >>> check_scorer(DotScorer)[:3]
        ['attributes', 'shapes', 'inputs stay']
    """
    contract, part, make = begin("scorer", factory, {"dim": DIM, "interest_dim": DIM}, skip)
    contract.clause("attributes", _attributes, part)
    draws = torch.Generator().manual_seed(0)
    states, vectors = (torch.randn(n, DIM, generator=draws) for n in (3, _ITEMS))
    # Axis 0 of an input is that of users, so each user has the pool.
    inputs = {"states": states, "vectors": vectors.expand(3, -1, -1)}
    case = Case(make, _score, inputs, "users", (_ITEMS,), ("states", "vectors"))
    check_module(contract, case, compile=compile)
    contract.clause("one item", _one_item, make, states, vectors)
    contract.clause("items", _items, make, states, vectors)
    contract.clause("index", _index, make, states, vectors)
    return contract.checked


def _attributes(part: Any) -> None:
    expect_module(part)
    for name in ("index_vectors", "index_queries"):
        found = getattr(part, name, None)
        expect(callable(found), f"a method {name}", found)


def _score(part: Any, given: Inputs) -> Tensor:
    vectors = given["vectors"]
    pool = vectors[0] if len(vectors) else vectors.new_ones(_ITEMS, DIM)
    scores: Tensor = part(given["states"], pool)
    return scores


def _one_item(make: Callable[[], nn.Module], states: Tensor, vectors: Tensor) -> None:
    part: Any = make()
    for users in (1, len(states)):
        expect_output(part(states[:users], vectors[:1]), (users, 1), f"{users} users and one item")


def _index(make: Callable[[], nn.Module], states: Tensor, vectors: Tensor) -> None:
    part: Any = make()
    queries, keys = part.index_queries(states), part.index_vectors(vectors)
    width, dtype = keys.shape[-1], states.dtype
    expect_output(queries, (len(states), width), f"{len(states)} queries", dtype=dtype)
    expect_output(keys, (len(vectors), width), f"{len(vectors)} items of an index", dtype=dtype)
    expected = "that index_queries @ index_vectors.T equals the scores"
    expect_close(queries @ keys.T, part(states, vectors), expected)


def _items(make: Callable[[], nn.Module], states: Tensor, vectors: Tensor) -> None:
    part: Any = make()
    scores = part(states, vectors)
    turned = part(states, vectors.flip(0))
    expect_close(turned, scores.flip(1), "scores in the order of the items")
    alone = part(states, vectors[:1])
    expect_close(alone, scores[:, :1], "a score that does not depend on the other items")
