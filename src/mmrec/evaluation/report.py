"""The report of one run: accuracy, slices and statistics of the lists."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from mmrec.data import Split
from mmrec.evaluation.checks import check_once
from mmrec.evaluation.heldout import ends_of
from mmrec.evaluation.history_scorer import HistoryScorer
from mmrec.evaluation.item_facts import ItemFacts
from mmrec.evaluation.lists import describe_lists
from mmrec.evaluation.protocol import RankingProtocol
from mmrec.evaluation.ranking import rank_targets, rank_with_and_without_seen
from mmrec.evaluation.ranks import Ranks, summarize
from mmrec.evaluation.slices import slices_of_targets


def evaluate(
    scorer: HistoryScorer,
    split: Split,
    part: str = "test",
    *,
    protocol: RankingProtocol | None = None,
    max_length: int | None = None,
    items: ItemFacts | None = None,
) -> dict[str, Any]:
    """Return the report of a scorer on a part, see :func:`summarize_ranks`.

    Args:
        scorer: gives the scores.
        split: labelled events.
        part: ``"valid"`` or ``"test"``.
        protocol: targets, filter and cut-offs; by default :class:`RankingProtocol` as it is.
        max_length: events of a history, instead of the protocol's.
        items: facts about the items, for diversity, calibration and slices by content.

    Raises:
        ValueError: the split leaks, see :func:`mmrec.evaluation.check_split`, or the scores have
            another shape than ``(B, V + 1)``.
    """
    rules = _rules(protocol, max_length)
    ranks, everything = rank_both(scorer, split, part, rules)
    cold = rank_among_cold(scorer, split, part, rules)
    new = rank_new_to_users(scorer, split, part, rules)
    return summarize_ranks(
        ranks, everything, split, protocol=rules, items=items, cold=cold, new=new
    )


def rank_both(
    scorer: HistoryScorer, split: Split, part: str, protocol: RankingProtocol
) -> tuple[Ranks, Ranks]:
    """Return :func:`mmrec.evaluation.rank_with_and_without_seen` under a protocol."""
    return rank_with_and_without_seen(
        scorer,
        split,
        part,
        targets=protocol.targets,
        max_length=protocol.max_length,
        k=max(10, *protocol.ks),
    )


def rank_among_cold(
    scorer: HistoryScorer, split: Split, part: str, protocol: RankingProtocol
) -> Ranks | None:
    """Return the ranks of cold targets among cold items alone; None if there is nothing to rank.

    Among all items, a cold one competes with all that are popular. Among cold ones, it shows what
    the model knows about them. There is nothing to rank without a cold target, with fewer than two
    cold items, or where several targets share a history.
    """
    cold = split.candidates[~split.warm[split.candidates]]
    if len(cold) < 2 or protocol.targets == "all":
        return None
    targets = ends_of(split, split.targets(part), protocol.targets)
    if not np.isin(split.sequences.item[targets], cold).any():
        return None
    return rank_targets(
        scorer,
        split,
        part,
        filter_seen=protocol.filter_seen,
        targets=protocol.targets,
        max_length=protocol.max_length,
        k=max(10, *protocol.ks),
        among=cold,
    )


def rank_new_to_users(
    scorer: HistoryScorer, split: Split, part: str, protocol: RankingProtocol
) -> Ranks | None:
    """Return the ranks of targets that their user has not met, with all met items left out.

    It is what a list of other products finds, where lists keep what was viewed. None where lists
    leave out all that was met anyway, or where targets share a history.
    """
    if protocol.targets == "all" or not protocol.filter_seen:
        return None
    targets = ends_of(split, split.targets(part), protocol.targets)
    if split.met_targets(part) == split.seen_targets(part):
        return None
    if split.are_met(targets).all():
        none = torch.zeros(0, dtype=torch.long)
        return Ranks(none, none, targets[:0], none.reshape(0, 1))
    return rank_targets(
        scorer,
        split,
        part,
        targets=protocol.targets,
        max_length=protocol.max_length,
        k=max(10, *protocol.ks),
        new_to_user=True,
    )


def summarize_ranks(
    ranks: Ranks,
    everything: Ranks,
    split: Split,
    *,
    protocol: RankingProtocol | None = None,
    items: ItemFacts | None = None,
    cold: Ranks | None = None,
    new: Ranks | None = None,
) -> dict[str, Any]:
    """Return the report of ranks, from those with seen items filtered and those among all items.

    The main metrics (:func:`mmrec.evaluation.summarize`) follow the protocol. Beside them are

    - ``"with_seen"``: the metrics with all items ranked; or, if the protocol doesn't filter seen
      items, ``"without_seen"``: the metrics with seen items filtered;
    - ``"warm"``, ``"cold"``: the metrics for targets that are warm or cold items, see
      :attr:`mmrec.data.Split.warm`;
    - ``"among_cold"``, with ``cold``: the metrics of :func:`rank_among_cold`;
    - ``"new_to_user"``, with ``new``: the metrics of targets that their user has not met, with met
      items left out;
    - ``"slices"``: the metrics for each slice, see :func:`mmrec.evaluation.slices_of_targets`;
    - ``"cold_share@10"``: the share of cold items in the top ten;
    - ``"no_history"``: the number of lists for an empty history;
    - the statistics of :func:`mmrec.evaluation.describe_lists`.
    """
    rules = protocol or RankingProtocol()
    check_once(ranks.position)
    main, other, name = ranks, everything, "with_seen"
    if not rules.filter_seen:
        main, other, name = everything, ranks, "without_seen"
    warm = split.warm[main.target.numpy()]

    def of(part: Ranks) -> dict[str, Any]:
        return summarize(part, split.catalog_size, rules.ks)

    slices = slices_of_targets(main, split, items)
    return {
        **of(main),
        **describe_lists(main, split, items),
        "cold_share@10": _cold_share(main, split.warm),
        "no_history": _without_history(split, main),
        name: of(other),
        "warm": of(main.where(warm)),
        "cold": of(main.where(~warm)),
        **({} if cold is None else {"among_cold": of(cold)}),
        **({} if new is None else {"new_to_user": of(new)}),
        "slices": {label: of(main.where(mask)) for label, mask in slices.items()},
    }


def describe_split(split: Split) -> dict[str, Any]:
    """Return the name, fingerprint, options and sizes of a split."""
    return {
        "split": split.name,
        "fingerprint": split.fingerprint,
        "split_options": split.options,
        "events": split.sizes(),
        "users": len(split.sequences),
        "candidates": len(split.candidates),
        "seen_targets": split.seen_targets("test"),
        "seen_targets_by_type": split.seen_targets_by_type("test"),
        "met_targets": split.met_targets("test"),
        "valid_only_targets": split.valid_only_targets(),
        **({"event_roles": split.facts} if split.facts else {}),
    }


def _rules(protocol: RankingProtocol | None, max_length: int | None) -> RankingProtocol:
    rules = protocol or RankingProtocol()
    return rules if max_length is None else replace(rules, max_length=max_length)


def _cold_share(ranks: Ranks, warm: np.ndarray) -> float:
    """Return the share of cold items in the top ten."""
    shown = ranks.top[:, :10].numpy()
    return float((~warm[shown[shown > 0]]).sum() / max((shown > 0).sum(), 1))


def _without_history(split: Split, ranks: Ranks) -> int:
    """Return the number of lists whose history is empty."""
    return int(np.isin(ranks.stops, split.sequences.offsets[:-1]).sum())
