"""Lists of items from one snapshot: the best for an interest, or popular ones."""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mmrec.affinities import without_novelty
from mmrec.realtime.index.index import SummingIndex
from mmrec.realtime.snapshot import Snapshot
from mmrec.recommender.lists import Recommendation, lines
from mmrec.recommender.popular import popular_items

SCORED = 100_000
"""Items up to which all are scored if there is a bonus that the index can't add; above, those that
the index finds."""


def popularity_of(now: Snapshot, share: Float[Tensor, " V1"] | None = None) -> Float[Tensor, " V1"]:
    """Return the score of each item on a list of popular ones; arguments as there."""
    return now.counts.float() if share is None else share * (len(share) - 1)


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
    popularity = popularity_of(now, share)
    vectors = without_novelty(now.model, now.vectors)
    return lines(now.catalog, *popular_items(popularity, vectors, allowed, k), "popularity")


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
    if isinstance(now.index, SummingIndex):
        query = now.model.scorer.index_queries(interest)
        found = now.index.search_sum(query, bonus, wanted, exclude=[left_out], allow=allowed)
        some = found.keys[0] > 0
        return found.keys[0][some], found.scores[0][some]
    may = (now.available if allowed is None else allowed).clone()
    may[torch.from_numpy(left_out)] = False
    may[0] = False
    if len(bonus) > SCORED:
        return _best_of_candidates(now, interest, wanted, left_out, may, bonus)
    scores = now.model.scorer(interest, now.vectors)[0].float() + bonus
    best = scores.masked_fill_(~may, -torch.inf).topk(min(wanted, int(may.sum())))
    return best.indices, best.values


def _best_of_candidates(
    now: Snapshot,
    interest: Float[Tensor, "1 H"],
    wanted: int,
    left_out: np.ndarray,
    may: Bool[Tensor, " V1"],
    bonus: Float[Tensor, " V1"],
) -> tuple[Int[Tensor, " K"], Float[Tensor, " K"]]:
    """Return the best items among those of the highest products and those of the highest bonus.

    No other item has more than the lowest product and the lowest bonus of these together. While
    that is more than the last of the best has, more candidates are taken: this is the threshold
    algorithm (Fagin, Lotem and Naor, 2001, arXiv cs/0204046). So the list is as exact as the index.
    """
    total, count = int(may.sum()), 4 * wanted + 100
    while True:
        near, products = _found(now, interest, count, left_out, may)
        hot = bonus.masked_fill(~may, -torch.inf).topk(min(count, total))
        keys = torch.cat([near, hot.indices]).unique()
        scores = now.model.scorer(interest, now.vectors[keys])[0].float() + bonus[keys]
        best = scores.topk(min(wanted, len(keys)))
        everything = count >= total or len(products) < count
        if everything or best.values[-1] >= products[-1] + hot.values[-1]:
            return keys[best.indices], best.values
        count *= 4
