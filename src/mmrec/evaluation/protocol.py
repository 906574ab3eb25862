"""Ranking the whole catalogue for every held-out event."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from mmrec.data import Histories, Split
from mmrec.evaluation.checks import check_split
from mmrec.evaluation.heldout import HeldOut, held_out
from mmrec.evaluation.rank_buffer import CELLS, RankBuffer, rows_at_once, second_stage
from mmrec.metrics import (
    average_precision,
    catalog_coverage,
    hit_rate,
    mrr,
    ndcg,
    precision,
    recall,
)

__all__ = [
    "HeldOut",
    "HistoryScorer",
    "Ranks",
    "held_out",
    "rank_targets",
    "rank_with_and_without_seen",
    "summarize",
]


MISS = 2**31
"""A rank beyond every cut-off."""


@runtime_checkable
class HistoryScorer(Protocol):
    """Anything that scores the catalogue for histories: a model, a baseline."""

    def scores(self, histories: Histories) -> Float[Tensor, "B V1"]:
        """Return the scores of every catalogue index; higher is better.

        A scorer of two stages also has ``rerank(scores, histories, exclude)``, which gives the
        final scores once it is known which items (``(B, V + 1)``, True) are not to be ranked.
        """
        ...


@dataclass(frozen=True)
class Ranks:
    """The rank of every target, and the lists that were on top.

    Attributes:
        rank: 1 = best; V + 1 where the target was filtered out, ``(N,)``.
        target: catalogue index, ``(N,)``.
        position: where in the split the target is, ``(N,)``.
        top: the first ``k`` items, 0 where there are no more candidates, ``(L, k)``.
        row: the list in which each target is to be found, ``(N,)``; None where each has its own,
            L = N.
        stop: where in the split the history of each list ends, ``(L,)``; None where that is the
            target.
    """

    rank: Int[Tensor, " N"]
    target: Int[Tensor, " N"]
    position: Int[np.ndarray, " N"]
    top: Int[Tensor, "L k"]
    row: Int[np.ndarray, " N"] | None = None
    stop: Int[np.ndarray, " L"] | None = None

    @property
    def stops(self) -> Int[np.ndarray, " L"]:
        """Where in the split the history of each list ends."""
        return self.position if self.stop is None else self.stop

    @property
    def per_list(self) -> Int[Tensor, "L *R"]:
        """The ranks of the targets of each list, 0 where there are no more."""
        if self.row is None:
            return self.rank
        first = np.flatnonzero(np.diff(self.row, prepend=-1))
        sizes = np.diff(np.append(first, len(self.row)))
        table = torch.zeros(len(self.top), int(sizes.max(initial=1)), dtype=torch.long)
        table[self.row, np.arange(len(self.row)) - np.repeat(first, sizes)] = self.rank
        return table

    def where(self, mask: np.ndarray) -> "Ranks":
        """Return the targets where ``mask`` is True, and the lists in which they are."""
        chosen, position = torch.from_numpy(mask), self.position[mask]
        rank, target = self.rank[chosen], self.target[chosen]
        if self.row is None:
            return Ranks(rank, target, position, self.top[chosen])
        lists, row = np.unique(self.row[mask], return_inverse=True)
        return Ranks(
            rank, target, position, self.top[torch.from_numpy(lists)], row, self.stops[lists]
        )


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
) -> Ranks:
    """Rank all of ``split.candidates`` for the events of ``part``, on the device of the scores.

    Ties count against the model. With ``filter_seen``, items the user has met before are not
    candidates; a target that is one of them can't be recommended, so it is a miss.

    Args:
        scorer: gives the scores.
        split: labelled events.
        part: what is ranked.
        filter_seen: whether items that the user has met are left out.
        targets: which events, see :class:`mmrec.evaluation.RankingProtocol`. With ``"all"`` the
            targets of a user have ranks of their own in one list, and none is before another item
            of its score.
        max_length: events of a history.
        batch_size: histories that are scored at once; by default up to 256, fewer where the
            catalogue is so large that their scores would be more than 16 MB, down to 16.
        k: length of the lists.

    Raises:
        ValueError: ``part`` is none, the split leaks (:func:`mmrec.evaluation.check_split`), or the
            scores are not those of this catalogue, or are NaN.

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
    return _rank(scorer, split, part, (filter_seen,), targets, max_length, batch_size, k)[0]


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
    """Do :func:`rank_targets` with seen items filtered, and with all items, scoring once."""
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
) -> list[Ranks]:
    """Score every history of a part once, and rank it for each choice of the seen filter."""
    check_split(split)
    if not len(split.targets(part)):
        raise ValueError(f"part must have events to be ranked; {part!r} has none")
    size = batch_size or rows_at_once(split.catalog_size)
    k, stage = min(k, len(split.candidates)), second_stage(scorer)
    parts: list[list[Ranks]] = [[] for _ in filters]
    bench: RankBuffer | None = None
    for rows in held_out(split, part, max_length=max_length, batch_size=size, targets=targets):
        scores = scorer.scores(rows.histories).float()
        shape = (len(rows.histories), split.catalog_size + 1)
        if scores.shape != shape:
            raise ValueError(
                f"scores must be {shape}, one column an index; got {tuple(scores.shape)}"
            )
        # The first batch has the shortest histories, and is a full one if any is.
        bench = bench or RankBuffer(split, len(scores), scores.device)
        target, met = rows.target.to(scores.device), rows.seen.to(scores.device)
        for filter_seen, ranked in zip(filters, parts, strict=True):
            seen = met if filter_seen else None
            final = scores
            if stage is not None:
                final = stage(scores, rows.histories, bench.excluded(len(scores), seen)).float()
            bench.place(final, seen)
            top, rank = bench.top(k).cpu(), bench.rank(target, rows.row).cpu()
            ranked.append(_ranks(rank, top, rows))
    return [_joined(ranked) for ranked in parts]


def _ranks(rank: Tensor, top: Tensor, rows: HeldOut) -> Ranks:
    if rows.row is None:
        return Ranks(rank, rows.target, rows.position, top)
    first = np.flatnonzero(np.diff(rows.row, prepend=-1))
    return Ranks(rank, rows.target, rows.position, top, rows.row, rows.position[first])


def _joined(parts: list[Ranks]) -> Ranks:
    one = Ranks(
        torch.cat([part.rank for part in parts]),
        torch.cat([part.target for part in parts]),
        np.concatenate([part.position for part in parts]),
        torch.cat([part.top for part in parts]),
    )
    if parts[0].row is None:
        return one
    before = np.cumsum([0, *(len(part.top) for part in parts[:-1])])
    row = np.concatenate(
        [
            part.row + start
            for part, start in zip(parts, before, strict=True)
            if part.row is not None
        ]
    )
    stop = np.concatenate([part.stops for part in parts])
    return Ranks(one.rank, one.target, one.position, one.top, row, stop)


def summarize(
    ranks: Ranks, catalog_size: int, ks: tuple[int, ...] = (10, 20)
) -> dict[str, float | int]:
    """Return the mean metrics at each cut-off, coverage and the number of targets.

    With one target a list HR@k is also the recall, and MAP@k is also the MRR; with several, the
    means are over ``"lists"``, and recall, precision and MAP are there too.
    """
    result: dict[str, float | int] = {"targets": len(ranks.rank)}
    if not len(ranks.rank):
        return result
    functions = {"ndcg": ndcg, "hr": hit_rate, "mrr": mrr}
    if ranks.row is not None:
        result["lists"] = len(ranks.top)
        functions |= {"recall": recall, "precision": precision, "map": average_precision}
    # A target that was filtered out is a miss at any cut-off, those beyond V too.
    table = ranks.per_list
    table = table.masked_fill(table > catalog_size, MISS)
    width = table.shape[1] if table.ndim == 2 else 1
    chunks = table.split(max(1, CELLS // width**2))  # MAP compares all targets of a list
    for k in ks:
        for name, function in functions.items():
            values = torch.cat([function(chunk, k) for chunk in chunks])
            result[f"{name}@{k}"] = values.mean().item()
    result["coverage@10"] = float(catalog_coverage(ranks.top[:, :10], catalog_size))
    return result
