"""Recommendations for users without a history: popular, diverse items."""

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int, Num
from torch import Tensor

from mmrec.data.wording import duration
from mmrec.recommender.quotas import Found, Quotas

if TYPE_CHECKING:
    from mmrec.recommender.artifact.state import RecommenderState


def is_now(state: "RecommenderState") -> bool:
    """Return whether popular items are those of the time of a request, not of the whole log."""
    return state.trend is not None and math.isfinite(state.trend.half_life)


def popular_rule(state: "RecommenderState") -> str:
    """Return by which rule someone without a history gets popular items, and why it is this one."""
    if state.trend is not None and is_now(state):
        after = duration(state.trend.half_life)
        return f"what is popular now: an event counts half after {after}"
    if not state.options.trend:
        why = "trend is off"
    elif not state.timed:
        why = "the events have no times"
    elif state.trend is None:
        why = "validation has too few users to tell what is popular now"
    else:
        why = "on validation it was better than what is popular now"
    return f"what was popular in all events of the training: {why}"


def popular_items(
    counts: Num[Tensor, " V1"],
    vectors: Float[Tensor, "V1 D"],
    allowed: Bool[Tensor, " V1"],
    k: int,
    quotas: Quotas | None = None,
) -> tuple[Int[Tensor, " K"], Num[Tensor, " K"]]:
    """Return the indices and counts of ``k`` popular, diverse items, the most popular first.

    The items are those of :func:`popular_and_diverse`, within the quotas if there are some.

    Example:
        >>> vectors = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.1], [1.0, 0.0]])
        >>> allowed = torch.tensor([False, True, True, True])
        >>> popular_items(torch.tensor([0, 5, 8, 9]), vectors, allowed, 2)
        (tensor([3, 1]), tensor([9, 5]))
    """

    def find(count: int, some: Bool[Tensor, " V1"]) -> Found:
        found = popular_and_diverse(counts, vectors, some, count)
        return found, counts[found]

    chosen, _ = find(k, allowed) if quotas is None else quotas.fill(find, k, allowed)
    chosen = chosen[counts[chosen].argsort(descending=True, stable=True)]
    return chosen, counts[chosen]


def popular_and_diverse(
    counts: Num[Tensor, " V1"],
    vectors: Float[Tensor, "V1 D"],
    allowed: Bool[Tensor, " V1"],
    k: int,
    *,
    diversity: float = 0.5,
) -> Int[Tensor, " K"]:
    """Pick ``k`` of the most popular allowed items that differ from one another.

    Maximal marginal relevance (Carbonell and Goldstein, 1998) over the ``5 k`` most popular: each
    pick has the highest popularity (on a log scale from 0 to 1) minus ``diversity`` times the
    highest cosine similarity to an item that was picked before. Give ``vectors`` without columns
    that say whether an item is new, see :func:`mmrec.affinities.without_novelty`.

    Example:
        >>> vectors = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 0.1], [0.0, 1.0]])
        >>> allowed = torch.tensor([False, True, True, True])
        >>> popular_and_diverse(torch.tensor([0.0, 9.0, 8.0, 5.0]), vectors, allowed, 2)
        tensor([1, 3])
    """
    relevance = counts.float().log1p()
    relevance = relevance / relevance.max().clamp(min=1)
    pool = relevance.masked_fill(~allowed, -torch.inf)
    pool = pool.topk(min(5 * k, int(allowed.sum()))).indices
    directions = F.normalize(vectors[pool], dim=1)
    penalty = torch.zeros(len(pool))
    chosen: list[int] = []
    for _ in range(min(k, len(pool))):
        gain = relevance[pool].cpu() - diversity * penalty
        gain[chosen] = -torch.inf
        best = int(gain.argmax())
        chosen.append(best)
        similarity = (directions @ directions[best]).cpu()
        penalty = similarity if len(chosen) == 1 else torch.maximum(penalty, similarity)
    return pool[chosen]
