"""The report of one run: metrics with and without seen items, warm and cold items, baselines."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mmrec.baselines import ItemKNN, Markov, Popularity
from mmrec.data import Split
from mmrec.evaluation.protocol import Ranker, Ranks, rank_with_and_without_seen, summarize

BEFORE = {"valid": "train", "test": "valid"}
"""The last part that a baseline may count when it is measured on a part."""


def evaluate(
    ranker: Ranker, split: Split, part: str = "test", *, max_length: int = 200
) -> dict[str, Any]:
    """Measure a ranker on every event of a part.

    Returns the metrics with seen items filtered, and the same with all items ranked
    (``"with_seen"``), for targets that trained (``"warm"``) and that didn't (``"cold"``), and the
    share of cold items in the lists of ten (``"cold_share@10"``).
    """
    ranks, everything = rank_with_and_without_seen(ranker, split, part, max_length=max_length)
    return summarize_ranks(ranks, everything, split)


def summarize_ranks(ranks: Ranks, everything: Ranks, split: Split) -> dict[str, Any]:
    """Return what :func:`evaluate` does, from the ranks with seen items filtered and with all."""
    size = split.catalog_size
    trained = split.train_counts > 0
    warm = trained[ranks.target.numpy()]
    return {
        **summarize(ranks, size),
        "cold_share@10": _cold_share(ranks, trained),
        "no_history": _without_history(split, ranks),
        "with_seen": summarize(everything, size),
        "warm": summarize(ranks.where(warm), size),
        "cold": summarize(ranks.where(~warm), size),
    }


def evaluate_baselines(
    split: Split, part: str = "test", *, max_length: int = 200
) -> dict[str, dict[str, Any]]:
    """Measure popularity, a Markov chain and item-kNN under the same protocol.

    They count every event before ``part``: there is nothing to select, so the validation events
    are theirs too. That makes them harder to beat.
    """
    if part not in BEFORE:
        raise ValueError(f"part must be one of {sorted(BEFORE)}; got {part!r}")
    events = split.until(BEFORE[part])
    baselines: Mapping[str, Ranker] = {
        "popularity": Popularity().fit(events, split.catalog_size),
        "markov": Markov().fit(events, split.catalog_size),
        "item-knn": ItemKNN().fit(events, split.catalog_size),
    }
    return {
        name: evaluate(baseline, split, part, max_length=max_length)
        for name, baseline in baselines.items()
    }


def describe_split(split: Split) -> dict[str, Any]:
    """Return what identifies a split."""
    return {
        "split": split.name,
        "fingerprint": split.fingerprint,
        "split_options": split.options,
        "events": split.sizes(),
        "users": len(split.sequences),
        "candidates": len(split.candidates),
    }


def _cold_share(ranks: Ranks, trained: np.ndarray) -> float:
    """Which part of the recommended items didn't train."""
    shown = ranks.top.numpy()
    return float((~trained[shown[shown > 0]]).sum() / max((shown > 0).sum(), 1))


def _without_history(split: Split, ranks: Ranks) -> int:
    """How many targets are the first event of their user."""
    return int(np.isin(ranks.position, split.sequences.offsets[:-1]).sum())
