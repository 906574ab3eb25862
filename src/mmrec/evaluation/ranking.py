"""Ranking the whole catalogue for every held-out event."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from mmrec.data import Split
from mmrec.evaluation.checks import check_split
from mmrec.evaluation.heldout import HeldOut, held_out
from mmrec.evaluation.history_scorer import HistoryScorer, second_stage
from mmrec.evaluation.rank_buffer import RankBuffer, rows_at_once
from mmrec.evaluation.ranks import Ranks
from mmrec.layers.progress import counter


def rank_targets(
    scorer: HistoryScorer,
    split: Split,
    part: str = "test",
    *,
    filter_seen: bool = True,
    targets: str = "per-step",
    max_length: int = 200,
    batch_size: int | None = None,
    k: int = 10,
    at_most: int | None = None,
    among: Int[np.ndarray, " C"] | None = None,
    new_to_user: bool = False,
) -> Ranks:
    """Rank all of ``split.candidates`` for the events of ``part``, on the device of the scores.

    Ties count against the model. With ``filter_seen``, the items that the user has interacted with
    are not candidates. A target that is one of them can't be recommended, so it is a miss.

    Args:
        scorer: gives the scores.
        split: labelled events.
        part: the part whose events are targets.
        filter_seen: whether to leave out the items that the user has interacted with.
        targets: which events, see :class:`mmrec.evaluation.RankingProtocol`. With ``"all"`` each
            target of a user has a rank of its own in one list, behind all other items of its score.
        max_length: events of a history.
        batch_size: histories that are scored at once. The default is 256, or fewer (at least 16)
            where the scores of so many would take more than 16 MB.
        k: length of the lists.
        at_most: histories to draw, the same in every call; None for all.
        among: the items that are ranked, ascending, instead of all candidates; other targets are
            left out. Not with ``targets="all"``.
        new_to_user: whether only targets that their user has not met are ranked; with
            ``filter_seen``, what is context is left out of the lists too. Not with
            ``targets="all"``.

    Raises:
        ValueError: ``part`` has no events, the split leaks (:func:`mmrec.evaluation.check_split`),
            or the scores are NaN or have another shape than ``(B, V + 1)``.

    Example:
        >>> from mmrec.baselines import Popularity
        >>> from mmrec.data import Catalog, Interactions, split_by_time
        >>> log = Interactions(
        ...     {"user_id": list("uv") * 5, "item_id": list("aabaababac"), "timestamp": range(10)}
        ... )
        >>> split = split_by_time(log, Catalog({"item_id": ["a", "b", "c"]}))
        >>> rank_targets(Popularity().fit(split.train, 3), split, filter_seen=False).rank
        tensor([3])
    """
    if among is not None:
        split = replace(split, candidates=among)
    one = (filter_seen,)
    given = targets, max_length, batch_size, k, at_most, among, new_to_user
    return _rank(scorer, split, part, one, *given)[0]


def rank_with_and_without_seen(
    scorer: HistoryScorer,
    split: Split,
    part: str = "test",
    *,
    targets: str = "per-step",
    max_length: int = 200,
    batch_size: int | None = None,
    k: int = 10,
) -> tuple[Ranks, Ranks]:
    """Return :func:`rank_targets` with seen items filtered, and with all items; score once."""
    both = (True, False)
    filtered, everything = _rank(scorer, split, part, both, targets, max_length, batch_size, k)
    return filtered, everything


@torch.no_grad()
def _rank(
    scorer: HistoryScorer,
    split: Split,
    part: str,
    filters: tuple[bool, ...],
    targets: str,
    max_length: int,
    batch_size: int | None,
    k: int,
    at_most: int | None = None,
    among: Int[np.ndarray, " C"] | None = None,
    new_to_user: bool = False,
) -> list[Ranks]:
    """Score every history of a part once, and rank it for each choice of the seen filter."""
    check_split(split)
    if not len(split.targets(part)):
        raise ValueError(f"part must have events to rank; {part!r} has none")
    size = batch_size or rows_at_once(split.catalog_size)
    k, rerank = min(k, len(split.candidates)), second_stage(scorer)
    parts: list[list[Ranks]] = [[] for _ in filters]
    buffer: RankBuffer | None = None
    batches = held_out(
        split,
        part,
        max_length=max_length,
        batch_size=size,
        at_most=at_most,
        targets=targets,
        among=among,
        new_to_user=new_to_user,
    )
    for rows in _counted(batches, len(split.targets(part))):
        scores = _scores(scorer, rows, split.catalog_size)
        # Only the last batch can have fewer rows than the first.
        buffer = buffer or RankBuffer(split, len(scores), scores.device)
        target, seen = rows.target.to(scores.device), rows.seen.to(scores.device)
        for filter_seen, ranked in zip(filters, parts, strict=True):
            excluded = seen if filter_seen else None
            final = scores
            if rerank is not None:
                mask = buffer.exclusion_mask(len(scores), excluded)
                final = rerank(scores, rows.histories, mask).float()
            buffer.load(final, excluded)
            top, rank = buffer.top_items(k).cpu(), buffer.ranks_of(target, rows.row).cpu()
            ranked.append(_ranks(rank, top, rows))
    if buffer is None:
        raise ValueError(f"part must have events on the items that are ranked; {part!r} has none")
    return [Ranks.concatenate(ranked) for ranked in parts]


def _counted(batches: Iterator[HeldOut], total: int) -> Iterator[HeldOut]:
    """Yield batches, and show how many of their targets are ranked."""
    with counter("ranked", total) as done:
        for rows in batches:
            yield rows
            done(len(rows.target))


def _scores(scorer: HistoryScorer, rows: HeldOut, catalog_size: int) -> Tensor:
    scores = scorer.scores(rows.histories).float()
    shape = (len(rows.histories), catalog_size + 1)
    if scores.shape != shape:
        raise ValueError(f"scores must be {shape}, one column an index; got {tuple(scores.shape)}")
    return scores


def _ranks(rank: Tensor, top: Tensor, rows: HeldOut) -> Ranks:
    if rows.row is None:
        return Ranks(rank, rows.target, rows.position, top)
    first = np.flatnonzero(np.diff(rows.row, prepend=-1))
    return Ranks(rank, rows.target, rows.position, top, rows.row, rows.position[first])
