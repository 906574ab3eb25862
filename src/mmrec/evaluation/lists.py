"""Statistics of the recommended lists, for a report: exposure, novelty, diversity, calibration."""

import numpy as np
import torch
from jaxtyping import Float, Int

from mmrec.data import Split
from mmrec.data.splits import target_users
from mmrec.evaluation.item_facts import ItemFacts
from mmrec.evaluation.ranks import Ranks
from mmrec.metrics import (
    average_popularity,
    gini,
    intra_list_diversity,
    miscalibration,
    novelty,
)

CHUNK = 4096
"""Lists whose vectors or categories are in memory at once."""


def describe_lists(
    ranks: Ranks, split: Split, items: ItemFacts | None = None, *, k: int = 10
) -> dict[str, float]:
    """Return means over the lists of ``k`` items, see ``mmrec.metrics.lists``.

    These are ``gini``, ``novelty`` (bits), ``popularity`` and ``popularity_of_targets`` (training
    events), and two that need ``items``: ``diversity`` (1 − mean cosine) and ``miscalibration``
    (KL divergence between the categories of history and list, over lists where both have some).
    """
    items = items or ItemFacts()
    if not len(ranks.rank):
        return {}
    top, counts = ranks.top[:, :k], torch.from_numpy(split.train_counts)
    described = {
        f"gini@{k}": gini(top, split.catalog_size).item(),
        f"novelty@{k}": novelty(top, counts).mean().item(),
        f"popularity@{k}": average_popularity(top, counts).mean().item(),
        "popularity_of_targets": float(split.train_counts[ranks.target.numpy()].mean()),
    }
    if items.vectors is not None:
        vectors = items.vectors.detach().to("cpu", torch.float32)  # where the lists are
        parts = [intra_list_diversity(lists, vectors) for lists in top.split(CHUNK)]
        described[f"diversity@{k}"] = torch.cat(parts).mean().item()
    if items.categories is not None:
        described[f"miscalibration@{k}"] = _miscalibration(ranks, split, items.categories, k)
    return described


def _miscalibration(
    ranks: Ranks, split: Split, categories: Float[np.ndarray, "V1 C"], k: int
) -> float:
    """Return the mean over the lists where both list and history have categories."""
    history = torch.from_numpy(history_categories(split, ranks.stops, categories))
    shares = torch.from_numpy(categories)
    total, lists = 0.0, 0
    for start in range(0, len(history), CHUNK):
        before = history[start : start + CHUNK]
        listed = shares[ranks.top[start : start + CHUNK, :k]].sum(1)
        total += miscalibration(before, listed).sum().item()
        lists += int(((before.sum(1) > 0) & (listed.sum(1) > 0)).sum())
    return total / max(lists, 1)


def history_categories(
    split: Split, stops: Int[np.ndarray, " L"], categories: Float[np.ndarray, "V1 C"]
) -> Float[np.ndarray, "L C"]:
    """Return, for each stop, the sum of the category shares of the user's items before it."""
    starts = split.sequences.offsets[target_users(split, stops)]
    sums = np.empty((len(stops), categories.shape[1]), dtype=np.float32)
    for column in range(categories.shape[1]):  # one at a time, since the log may be long
        so_far = np.append(0.0, np.cumsum(categories[split.sequences.item, column], dtype=float))
        # Rounded, because differences of long sums are not exactly 0 for an absent category.
        sums[:, column] = np.maximum(np.round(so_far[stops] - so_far[starts], 6), 0)
    return sums
