"""Lists of items from one snapshot: the best for an interest, or popular ones."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mmrec.affinities import without_novelty
from mmrec.models.finite import check_interest_finite, check_queries_finite, check_reranked
from mmrec.realtime.index.index import SummingIndex
from mmrec.realtime.snapshot import Snapshot
from mmrec.recommender.lists import Recommendation, lines, similar_items
from mmrec.recommender.popular import popular_items
from mmrec.recommender.quotas import Found, Quotas

SCORED = 100_000
"""Items up to which all are scored if there is a bonus that the index can't add; above, those that
the index finds."""

Best = Callable[[int, Bool[Tensor, " V1"] | None], Found]
"""Returns the best so many of the allowed items; None allows all that are available."""


def popularity_of(now: Snapshot, share: Float[Tensor, " V1"] | None = None) -> Float[Tensor, " V1"]:
    """Return the score of each item on a list of popular ones; arguments as there."""
    return now.counts.float() if share is None else share * (len(share) - 1)


def popular_list(
    now: Snapshot,
    k: int,
    allowed: Bool[Tensor, " V1"],
    share: Float[Tensor, " V1"] | None = None,
    quotas: Quotas | None = None,
) -> list[Recommendation]:
    """Return ``k`` popular, diverse items, the most popular first.

    Args:
        now: what is served.
        k: length of the list.
        allowed: the only items that may be on the list.
        share: of each item in what happens now; by default the events of the training count.
        quotas: how many items may have the same value.
    """
    popularity = popularity_of(now, share)
    vectors = without_novelty(now.model, now.vectors)
    found = popular_items(popularity, vectors, allowed, k, quotas)
    return lines(now.catalog, *found, "popularity")


@torch.inference_mode()
def similar_list(
    now: Snapshot,
    index: int,
    k: int,
    *,
    allowed: Bool[Tensor, " V1"] | None = None,
    quotas: Quotas | None = None,
) -> list[Recommendation]:
    """Return the ``k`` items that are most like an item.

    Args:
        now: what is served.
        index: catalogue index of the item.
        k: length of the list.
        allowed: the only items that may be on the list; None allows all that are available.
        quotas: how many items may have the same value.
    """
    vectors = without_novelty(now.model, now.vectors)
    some = now.available if allowed is None else allowed
    return similar_items(now.catalog, vectors, index, some, k, quotas)


@torch.inference_mode()
def interest_list(
    now: Snapshot,
    interest: Float[Tensor, "1 H"],
    k: int,
    *,
    exclude: np.ndarray | None = None,
    allowed: Bool[Tensor, " V1"] | None = None,
    bonus: Float[Tensor, " V1"] | None = None,
    quotas: Quotas | None = None,
) -> list[Recommendation]:
    """Return the ``k`` best items for an interest.

    Args:
        now: what is served.
        interest: of the user.
        k: length of the list.
        exclude: catalogue indices that are left out.
        allowed: the only items that may be on the list; None allows all that are available.
        bonus: what is added to the score of each item.
        quotas: how many items may have the same value.

    Raises:
        NotFiniteError: a part of the model gives NaN or infinity; the message names it.
    """
    check_interest_finite(now.model, interest)
    check_queries_finite(now.model, now.model.scorer.index_queries(interest))
    left_out = np.zeros(0, dtype=np.int64) if exclude is None else exclude[exclude > 0]

    def best(count: int, some: Bool[Tensor, " V1"] | None) -> Found:
        if bonus is None:
            return _found(now, interest, count, left_out, some)
        return _best_with_bonus(now, interest, count, left_out, some, bonus)

    find = best if now.model.reranker is None else _Reranked(now, interest, best)
    if quotas is None:
        keys, scores = find(k, allowed)
        return lines(now.catalog, keys[:k], scores[:k], "interest")
    found = quotas.fill(find, k, now.available if allowed is None else allowed)
    return lines(now.catalog, *found, "interest")


class _Reranked:
    """Finds the best items; those that are found first are the short list, which is reranked.

    What is found later is behind the short list, in its own order, with scores below.
    """

    def __init__(self, now: Snapshot, interest: Float[Tensor, "1 H"], best: Best) -> None:
        self.now, self.interest, self.best = now, interest, best
        self.lowest: Tensor | None = None

    def __call__(self, count: int, some: Bool[Tensor, " V1"] | None) -> Found:
        model = self.now.model
        if self.lowest is not None:
            keys, scores = self.best(count, some)
            if len(scores):
                scores = scores - (scores.amax() - self.lowest).clamp(min=0)
        else:
            keys, scores = self.best(max(count, model.shortlist), some)
            assert model.reranker is not None
            vectors = self.now.vectors[keys].unsqueeze(0)
            scores = scores + model.reranker(self.interest, vectors)[0].float()
            check_reranked(model, scores.unsqueeze(0))
            order = scores.argsort(descending=True, stable=True)
            keys, scores = keys[order], scores[order]
        if len(scores):
            self.lowest = scores.amin()
        return keys, scores


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
