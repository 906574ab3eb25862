"""Lists of items from one snapshot: the best for an interest, or popular ones."""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mmrec.realtime.snapshot import Snapshot
from mmrec.recommender.lists import Recommendation, lines
from mmrec.recommender.popular import popular_items

SCORED = 100_000
"""Items up to which all are scored if there is a bonus; above, those that an index finds."""


def popular_list(
    now: Snapshot,
    k: int,
    allowed: Bool[Tensor, " V1"],
    share: Float[Tensor, " V1"] | None = None,
) -> list[Recommendation]:
    """Return ``k`` popular, diverse items, the most popular first.

    Args:
        now: what is served.
        k: length of the list.
        allowed: the only items that may be on the list.
        share: of each item in what happens now; by default the events of the training count.
    """
    popularity = now.counts if share is None else share * (len(share) - 1)
    return lines(now.catalog, *popular_items(popularity, now.vectors, allowed, k), "popularity")


@torch.inference_mode()
def interest_list(
    now: Snapshot,
    interest: Float[Tensor, "1 H"],
    k: int,
    *,
    exclude: np.ndarray | None = None,
    allowed: Bool[Tensor, " V1"] | None = None,
    bonus: Float[Tensor, " V1"] | None = None,
) -> list[Recommendation]:
    """Return the ``k`` best items for an interest.

    Args:
        now: what is served.
        interest: of the user.
        k: length of the list.
        exclude: catalogue indices that are left out.
        allowed: the only items that may be on the list; None allows all that are available.
        bonus: what is added to the score of each item.
    """
    reranker = now.model.reranker
    wanted = k if reranker is None else max(k, now.model.shortlist)
    left_out = np.zeros(0, dtype=np.int64) if exclude is None else exclude[exclude > 0]
    if bonus is None:
        keys, scores = _found(now, interest, wanted, left_out, allowed)
    else:
        keys, scores = _best_with_bonus(now, interest, wanted, left_out, allowed, bonus)
    if reranker is not None:
        scores = scores + reranker(interest, now.vectors[keys].unsqueeze(0))[0].float()
        order = scores.argsort(descending=True, stable=True)
        keys, scores = keys[order], scores[order]
    return lines(now.catalog, keys[:k], scores[:k], "interest")


def _found(
    now: Snapshot,
    interest: Float[Tensor, "1 H"],
    wanted: int,
    left_out: np.ndarray,
    allowed: Bool[Tensor, " V1"] | None,
) -> tuple[Int[Tensor, " K"], Float[Tensor, " K"]]:
    """Return the best items by the index, and their scores."""
    query = now.model.scorer.index_queries(interest)
    keys, scores = now.index.search(query, wanted, exclude=[left_out], allow=allowed)
    if bool((keys >= len(now.vectors)).any()):  # items that were added after this snapshot
        known = now.available if allowed is None else allowed
        keys, scores = now.index.search(query, wanted, exclude=[left_out], allow=known)
    found = keys[0] > 0
    return keys[0][found], scores[0][found]


def _best_with_bonus(
    now: Snapshot,
    interest: Float[Tensor, "1 H"],
    wanted: int,
    left_out: np.ndarray,
    allowed: Bool[Tensor, " V1"] | None,
    bonus: Float[Tensor, " V1"],
) -> tuple[Int[Tensor, " K"], Float[Tensor, " K"]]:
    """Return the best items with their bonus, which no index holds since it depends on the time."""
    may = (now.available if allowed is None else allowed).clone()
    may[torch.from_numpy(left_out)] = False
    may[0] = False
    if len(bonus) > SCORED:
        some, _ = _found(now, interest, 4 * wanted + 100, left_out, allowed)
        hot = bonus.masked_fill(~may, -torch.inf).topk(4 * wanted + 100).indices
        keys = torch.cat([some, hot]).unique()
        keys = keys[may[keys]]
    else:
        keys = may.nonzero().flatten()
    scores = now.model.scorer(interest, now.vectors[keys])[0].float() + bonus[keys]
    best = scores.topk(min(wanted, len(keys)))
    return keys[best.indices], best.values
