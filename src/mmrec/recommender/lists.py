"""From scores to lists of recommendations."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int, Num
from torch import Tensor

from mmrec.affinities import without_novelty
from mmrec.data import Catalog, Histories, ItemId, PastEvent
from mmrec.models import CatalogScorer
from mmrec.models.finite import NotFiniteError
from mmrec.recommender.artifact.state import RecommenderState
from mmrec.recommender.popular import popular_items
from mmrec.recommender.quotas import Found, Quotas
from mmrec.recommender.requests import Seen, When, check_seen
from mmrec.recommender.users.features import AskedUser


class Recommendation(NamedTuple):
    """One line of a list.

    Attributes:
        item: the item's id.
        score: higher is better; comparable within one list only.
        reason: ``"interest"``, or ``"popularity"`` for someone without a history, or with a history
            that says no alone; ``"similarity"`` for items like one.
    """

    item: ItemId
    score: float
    reason: str


@dataclass(frozen=True)
class Asked:
    """Requests for lists, one a row.

    Attributes:
        histories: what the model reads, ``(B, T)``, with the times of the requests.
        excluded: catalogue indices that are left out, for each row.
        allowed: the only items that may be on a list, ``(V + 1,)``.
        users: the vectors that ``histories.users`` refers to, ``(R, D)``; None without features.
    """

    histories: Histories
    excluded: Sequence[np.ndarray]
    allowed: Bool[Tensor, " V1"]
    users: Float[Tensor, "R D"] | None = None


def asked_for(
    state: RecommenderState,
    pasts: Sequence[Sequence[PastEvent]],
    at: When | None,
    allowed: Bool[Tensor, " V1"],
    exclude_seen: Seen,
    users: Sequence[AskedUser] | None = None,
) -> Asked:
    """Return requests after the events of users, by the rules of a trained recommender.

    Args:
        state: the recommender.
        pasts: the events of each user, oldest first.
        at: time of the requests; now by default.
        allowed: the only items that may be on a list.
        exclude_seen: which items of the events are left out, see :meth:`Recommender.recommend`.
        users: who asks, see :meth:`Recommender.recommend`; nobody is known by default.

    Raises:
        ValueError: a user is not known to the recommender.
    """
    reader, time = state.reader, state.time_of(at)
    check_seen(exclude_seen, reader)
    reader.warn_of_unknown(event.event_type for past in pasts for event in past)
    seen = [reader.seen(past, exclude_seen) for past in pasts]
    histories = reader.histories(pasts, [time] * len(pasts))
    if users is None or all(user is None for user in users):
        return Asked(histories, seen, allowed)
    if state.users is None:
        raise ValueError("user needs a recommender with features of users; this one has none")
    table, rows = state.users.asked(state.model, users)
    if not rows.any():
        return Asked(histories, seen, allowed)
    return Asked(replace(histories, users=rows), seen, allowed, table)


def recommend_lists(
    scorer: CatalogScorer, catalog: Catalog, asked: Asked, k: int, quotas: Quotas | None = None
) -> list[list[Recommendation]]:
    """Return the list of each request, ``k`` lines at most, within the quotas if there are some."""
    scorer = scorer.with_users(asked.users)
    scores = final_scores(scorer, asked)
    vectors = without_novelty(scorer.model, scorer.vectors)
    known, lists = scorer.knows(asked.histories).tolist(), []
    for row, line in enumerate(scores):
        if known[row]:
            lists.append(top_list(catalog, line, k, "interest", quotas))
            continue
        popularity = scorer.popular(float(asked.histories.at[row]))
        popular = popular_items(popularity, vectors, line > -torch.inf, k, quotas)
        lists.append(lines(catalog, *popular, "popularity"))
    return lists


def final_scores(scorer: CatalogScorer, asked: Asked) -> Float[Tensor, "B V1"]:
    """Return the scores for each request, ``-inf`` for excluded items.

    Items are excluded before the short list is taken, so that all of it can be recommended.
    """
    exclude = (~asked.allowed).to(scorer.vectors.device).repeat(len(asked.excluded), 1)
    exclude[:, 0] = True
    numbers = np.repeat(np.arange(len(exclude)), [len(row) for row in asked.excluded])
    exclude[torch.from_numpy(numbers), torch.from_numpy(np.concatenate(asked.excluded))] = True
    return scorer.rerank(scorer.scores(asked.histories), asked.histories, exclude)


def top_list(
    catalog: Catalog,
    scores: Float[Tensor, " V1"],
    k: int,
    reason: str,
    quotas: Quotas | None = None,
) -> list[Recommendation]:
    """Return the ``k`` best lines; an item of score ``-inf`` is never on a list."""
    if quotas is None:
        return lines(catalog, *_best(scores, k), reason)

    def find(count: int, allowed: Bool[Tensor, " V1"]) -> Found:
        return _best(scores.masked_fill(~allowed, -torch.inf), count)

    return lines(catalog, *quotas.fill(find, k, scores > -torch.inf), reason)


def similar_items(
    catalog: Catalog,
    vectors: Float[Tensor, "V1 D"],
    index: int,
    allowed: Bool[Tensor, " V1"],
    k: int,
    quotas: Quotas | None = None,
) -> list[Recommendation]:
    """Return the ``k`` allowed items of the highest cosine similarity to the item ``index``.

    Give ``vectors`` without columns that say whether an item is new, see
    :func:`mmrec.affinities.without_novelty`.

    Raises:
        NotFiniteError: an item vector is NaN or infinite.
    """
    lengths = torch.linalg.vector_norm(vectors, dim=1).clamp_(min=1e-12)
    scores = (vectors @ F.normalize(vectors[index], dim=0)).div_(lengths)  # no copy of the table
    if not bool(scores[1:].isfinite().all()):
        raise NotFiniteError("items like one need finite item vectors; got NaN or infinity")
    scores.masked_fill_(~allowed, -torch.inf)
    scores[index] = -torch.inf
    return top_list(catalog, scores, k, "similarity", quotas)


def _best(scores: Float[Tensor, " V1"], count: int) -> Found:
    top = scores.topk(min(count, len(scores) - 1))
    found = top.values > -torch.inf
    return top.indices[found], top.values[found]


def lines(
    catalog: Catalog, indices: Int[Tensor, " K"], scores: Num[Tensor, " K"], reason: str
) -> list[Recommendation]:
    """Return a line for each catalogue index, in the order given."""
    return [
        Recommendation(item, score, reason)
        for item, score in zip(catalog.ids_of(indices.tolist()), scores.tolist(), strict=True)
    ]
