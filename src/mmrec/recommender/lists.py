"""From scores to lists of recommendations."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Num
from torch import Tensor

from mmrec.data import Catalog, Histories, ItemId
from mmrec.models import CatalogScorer
from mmrec.recommender.popular import popular_items


class Recommendation(NamedTuple):
    """One line of a list.

    Attributes:
        item: the item's id.
        score: higher is better; comparable within one list only.
        reason: ``"interest"``, or ``"popularity"`` for someone without a history.
    """

    item: ItemId
    score: float
    reason: str


def recommend_lists(
    scorer: CatalogScorer,
    catalog: Catalog,
    rows: list[np.ndarray],
    k: int,
    *,
    allowed: Bool[Tensor, " V1"],
    exclude_seen: bool,
) -> list[list[Recommendation]]:
    """Return the list of each history of catalogue indices, ``k`` lines at most."""
    scores = final_scores(scorer, rows, allowed=allowed, exclude_seen=exclude_seen)
    lists = []
    for row, line in zip(rows, scores, strict=True):
        if len(row):
            lists.append(top_list(catalog, line, k, "interest"))
            continue
        popular = popular_items(scorer.popularity, scorer.vectors, allowed, k)
        lists.append(lines(catalog, *popular, "popularity"))
    return lists


def final_scores(
    scorer: CatalogScorer,
    rows: list[np.ndarray],
    *,
    allowed: Bool[Tensor, " V1"],
    exclude_seen: bool,
) -> Float[Tensor, "B V1"]:
    """Return the scores for each history of catalogue indices, ``-inf`` for excluded items.

    Items are excluded before the short list is taken, so that all of it can be recommended.
    """
    histories = Histories.of_items([row[-scorer.max_length :] for row in rows])
    exclude = (~allowed).to(scorer.vectors.device).repeat(len(rows), 1)
    if exclude_seen:
        numbers = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
        exclude[torch.from_numpy(numbers), torch.from_numpy(np.concatenate(rows))] = True
    return scorer.rerank(scorer.scores(histories), histories, exclude)


def top_list(
    catalog: Catalog, scores: Float[Tensor, " V1"], k: int, reason: str
) -> list[Recommendation]:
    """Return the ``k`` best lines; an item of score ``-inf`` is never on a list."""
    top = scores.topk(min(k, len(scores) - 1))
    found = top.values > -torch.inf
    return lines(catalog, top.indices[found], top.values[found], reason)


def lines(
    catalog: Catalog, indices: Int[Tensor, " K"], scores: Num[Tensor, " K"], reason: str
) -> list[Recommendation]:
    """Return a line for each catalogue index, in the order given."""
    return [
        Recommendation(item, score, reason)
        for item, score in zip(catalog.ids_of(indices.tolist()), scores.tolist(), strict=True)
    ]
