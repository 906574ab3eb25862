"""The report of one run: accuracy, slices, what the lists are like, and baselines beside it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from mmrec.baselines import ItemKNN, Markov, Popularity
from mmrec.data import Split
from mmrec.evaluation.checks import check_once
from mmrec.evaluation.items import ItemFacts
from mmrec.evaluation.lists import describe_lists
from mmrec.evaluation.protocol import HistoryScorer, Ranks, rank_with_and_without_seen, summarize
from mmrec.evaluation.rules import RankingProtocol
from mmrec.evaluation.slices import slices_of_targets

BEFORE = {"valid": "train", "test": "valid"}
"""The last part that a baseline may count when it is measured on a part."""


def evaluate(
    scorer: HistoryScorer,
    split: Split,
    part: str = "test",
    *,
    protocol: RankingProtocol | None = None,
    max_length: int | None = None,
    items: ItemFacts | None = None,
) -> dict[str, Any]:
    """Measure a scorer on a part.

    Args:
        scorer: gives the scores.
        split: labelled events; one that leaks is refused.
        part: ``"valid"`` or ``"test"``.
        protocol: which events are targets, whether seen items are ranked, cut-offs; by default
            every event, seen items filtered.
        max_length: events of a history, in place of the protocol's.
        items: what is known of the items, for diversity, calibration and slices by content.

    Returns:
        What :func:`summarize_ranks` does.

    Raises:
        ValueError: the split leaks, see :func:`mmrec.evaluation.check_split`, or the scores are
            not those of its catalogue.
    """
    rules = _rules(protocol, max_length)
    ranks, everything = rank_both(scorer, split, part, rules)
    return summarize_ranks(ranks, everything, split, protocol=rules, items=items)


def rank_both(
    scorer: HistoryScorer, split: Split, part: str, protocol: RankingProtocol
) -> tuple[Ranks, Ranks]:
    """Do :func:`mmrec.evaluation.rank_with_and_without_seen` by a protocol."""
    return rank_with_and_without_seen(
        scorer,
        split,
        part,
        targets=protocol.targets,
        max_length=protocol.max_length,
        k=max(10, *protocol.ks),
    )


def summarize_ranks(
    ranks: Ranks,
    everything: Ranks,
    split: Split,
    *,
    protocol: RankingProtocol | None = None,
    items: ItemFacts | None = None,
) -> dict[str, Any]:
    """Return the report of ranks with seen items filtered, and of the same with all items.

    Beside the metrics of the protocol: those with all items ranked (``"with_seen"``; or, of a
    protocol that doesn't filter them, ``"without_seen"``), for targets that trained (``"warm"``)
    and that didn't (``"cold"``), for all slices (``"slices"``), the share of cold items in the
    lists of ten (``"cold_share@10"``), how many targets have no history (``"no_history"``), and
    what :func:`mmrec.evaluation.describe_lists` says of the lists.
    """
    rules = protocol or RankingProtocol()
    check_once(ranks.position)
    main, other, name = ranks, everything, "with_seen"
    if not rules.filter_seen:
        main, other, name = everything, ranks, "without_seen"
    trained = split.train_counts > 0
    warm = trained[main.target.numpy()]

    def of(part: Ranks) -> dict[str, Any]:
        return summarize(part, split.catalog_size, rules.ks)

    slices = slices_of_targets(main, split, items)
    return {
        **of(main),
        **describe_lists(main, split, items),
        "cold_share@10": _cold_share(main, trained),
        "no_history": _without_history(split, main),
        name: of(other),
        "warm": of(main.where(warm)),
        "cold": of(main.where(~warm)),
        "slices": {label: of(main.where(mask)) for label, mask in slices.items()},
    }


def evaluate_baselines(
    split: Split,
    part: str = "test",
    *,
    protocol: RankingProtocol | None = None,
    max_length: int | None = None,
    items: ItemFacts | None = None,
) -> dict[str, dict[str, Any]]:
    """Measure popularity, a Markov chain and item-kNN under the same protocol.

    They count every event before ``part``: there is nothing to select, so the validation events
    are theirs too. That makes them harder to beat.
    """
    if part not in BEFORE:
        raise ValueError(f"part must be one of {sorted(BEFORE)}; got {part!r}")
    events = split.until(BEFORE[part])
    baselines: Mapping[str, HistoryScorer] = {
        "popularity": Popularity().fit(events, split.catalog_size),
        "markov": Markov().fit(events, split.catalog_size),
        "item-knn": ItemKNN().fit(events, split.catalog_size),
    }
    rules = _rules(protocol, max_length)
    return {
        name: evaluate(baseline, split, part, protocol=rules, items=items)
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


def _rules(protocol: RankingProtocol | None, max_length: int | None) -> RankingProtocol:
    rules = protocol or RankingProtocol()
    return rules if max_length is None else replace(rules, max_length=max_length)


def _cold_share(ranks: Ranks, trained: np.ndarray) -> float:
    """Which part of the recommended items didn't train."""
    shown = ranks.top[:, :10].numpy()
    return float((~trained[shown[shown > 0]]).sum() / max((shown > 0).sum(), 1))


def _without_history(split: Split, ranks: Ranks) -> int:
    """How many lists are for somebody who has met nothing."""
    return int(np.isin(ranks.stops, split.sequences.offsets[:-1]).sum())
