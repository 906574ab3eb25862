"""Lists of items from one snapshot: the best for an interest, or popular ones."""

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mmrec.realtime.snapshot import Snapshot
from mmrec.recommender.lists import Recommendation, lines
from mmrec.recommender.popular import popular_items


def popular_list(now: Snapshot, k: int, allowed: Bool[Tensor, " V1"]) -> list[Recommendation]:
    """Return ``k`` popular, diverse items, the most popular first."""
    return lines(now.catalog, *popular_items(now.counts, now.vectors, allowed, k), "popularity")


@torch.inference_mode()
def interest_list(
    now: Snapshot,
    interest: Float[Tensor, "1 H"],
    k: int,
    *,
    exclude: np.ndarray | None = None,
    allowed: Bool[Tensor, " V1"] | None = None,
) -> list[Recommendation]:
    """Return the ``k`` best items for an interest.

    Args:
        now: what is served.
        interest: of the user.
        k: length of the list.
        exclude: catalogue indices that are left out.
        allowed: the only items that may be on the list; None allows all that are available.
    """
    reranker = now.model.reranker
    wanted = k if reranker is None else max(k, now.model.shortlist)
    left_out = None if exclude is None else [exclude[exclude > 0]]
    query = now.model.scorer.index_queries(interest)
    keys, scores = now.index.search(query, wanted, exclude=left_out, allow=allowed)
    if bool((keys >= len(now.vectors)).any()):  # items that were added after this snapshot
        known = now.available if allowed is None else allowed
        keys, scores = now.index.search(query, wanted, exclude=left_out, allow=known)
    found = keys[0] > 0
    keys, scores = keys[0][found], scores[0][found]
    if reranker is not None:
        scores = scores + reranker(interest, now.vectors[keys].unsqueeze(0))[0].float()
        order = scores.argsort(descending=True, stable=True)
        keys, scores = keys[order], scores[order]
    return lines(now.catalog, keys[:k], scores[:k], "interest")
