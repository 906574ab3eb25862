"""The scores of a batch of histories, turned into ranks and lists without masks of their size."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mmrec.data import Histories, Split
from mmrec.models import CatalogScorer

CELLS = 2**22
"""Scores that are held at once: 16 MB, which stay in a cache …"""

LEAST = 16
"""… but never fewer rows, since each batch reads all item vectors."""

Stage = Callable[[Tensor, Histories, Bool[Tensor, "B V1"]], Tensor]


def rows_at_once(catalog_size: int, at_most: int = 256) -> int:
    """Return how many histories are scored at once: a million items take 64 MB for the scores.

    Example:
        >>> rows_at_once(1_000), rows_at_once(20_000), rows_at_once(1_000_000)
        (256, 209, 16)
    """
    return min(at_most, max(LEAST, CELLS // (catalog_size + 1)))


def second_stage(scorer: Any) -> Stage | None:
    """Return what makes a scorer's scores final; None where they are already."""
    rerank = getattr(scorer, "rerank", None)
    first = getattr(rerank, "__self__", None)
    same = getattr(rerank, "__func__", None) is CatalogScorer.rerank
    # It would only mask a copy of the scores, which is done here.
    plain = same and isinstance(first, CatalogScorer) and first.model.reranker is None
    return None if plain else cast("Stage | None", rerank)


class RankBuffer:
    """Two tables of ``(rows, V + 1)`` that every batch is written into.

    What is no candidate is at ``-inf``, and no score of a candidate is below the least finite
    number: so a score says by itself whether its item is ranked.

    Args:
        split: says what is a candidate.
        rows: the most histories of a batch.
        device: where the scores are.
    """

    def __init__(self, split: Split, rows: int, device: torch.device) -> None:
        self.size = split.catalog_size + 1
        self.blocked = torch.ones(self.size, dtype=torch.bool)
        self.blocked[torch.from_numpy(split.candidates)] = False
        self.blocked = self.blocked.to(device)
        self.ceiling = torch.zeros(self.size, device=device).masked_fill_(self.blocked, -torch.inf)
        self.ceiling.masked_fill_(~self.blocked, torch.inf)
        self.floor = torch.full((1,), torch.finfo(torch.float32).min, device=device)
        self.tables = torch.empty(2, rows, self.size, device=device)

    def excluded(self, rows: int, seen: Int[Tensor, "2 S"] | None) -> Bool[Tensor, "B V1"]:
        """Return a mask of what is not ranked, for a second stage."""
        exclude = self.blocked.repeat(rows, 1)
        if seen is not None:
            exclude[seen[0], seen[1]] = True
        return exclude

    def place(self, scores: Float[Tensor, "B V1"], seen: Int[Tensor, "2 S"] | None) -> None:
        """Write the scores of a batch into the first table; they stay as they are."""
        self.scores = self.tables[0, : len(scores)]
        # Where the least is above the most, the most holds.
        torch.clamp(scores, self.floor, self.ceiling, out=self.scores)
        self.scores[:, 0] = -torch.inf
        if seen is not None:
            self.scores[seen[0], seen[1]] = -torch.inf

    def top(self, k: int) -> Int[Tensor, "B k"]:
        """Return the first ``k`` items of each row, 0 where there are no more candidates.

        Raises:
            ValueError: a candidate's score is NaN.
        """
        best = self.scores.topk(k)
        if best.values[:, 0].isnan().any():  # NaN is sorted to the top
            row = int(best.values[:, 0].isnan().nonzero()[0])
            raise ValueError(
                f"scores must be numbers; got NaN in row {row}, item {int(best.indices[row, 0])}"
            )
        return best.indices.masked_fill_(best.values == -torch.inf, 0)

    def rank(
        self, target: Int[Tensor, " N"], row: Int[np.ndarray, " N"] | None
    ) -> Int[Tensor, " N"]:
        """Return the rank of each target, V + 1 where it isn't ranked; see ``HeldOut.row``."""
        beats = self.tables[1, : len(self.scores)]
        if row is None:
            floor = self.scores.gather(1, target.unsqueeze(1))
            # As numbers: they add up several times faster than truth values. The target counts.
            count = torch.ge(self.scores, floor, out=beats).sum(1).long()
            return torch.where(floor.squeeze(1) == -torch.inf, self.size, count)
        at = torch.from_numpy(row).to(self.scores.device)
        floor = self.scores[at, target].unsqueeze(1)
        step = len(beats)
        counts = [
            torch.ge(self.scores[r], f, out=beats[: len(r)]).sum(1).long()
            for r, f in zip(at.split(step), floor.split(step), strict=True)
        ]
        count = spread(torch.cat(counts).cpu(), floor.squeeze(1).cpu(), row)
        return torch.where(floor.squeeze(1).cpu() == -torch.inf, self.size, count)


def spread(
    count: Int[Tensor, " N"], score: Float[Tensor, " N"], row: Int[np.ndarray, " N"]
) -> Int[Tensor, " N"]:
    """Give targets of one row that have the same score ranks of their own, the last ones.

    Example:
        >>> scores = torch.tensor([0.5, 0.5, 0.9])
        >>> spread(torch.tensor([3, 3, 1]), scores, np.array([0, 0, 0]))
        tensor([2, 3, 1])
    """
    values = -score.numpy()
    order = np.lexsort((values, row))
    sorted_row, sorted_values = row[order], values[order]
    change = (np.diff(sorted_row) != 0) | (sorted_values[1:] != sorted_values[:-1])
    ends = np.flatnonzero(np.append(change, True))
    place = np.arange(len(order))
    ranks = count.clone()
    ranks[torch.from_numpy(order)] -= torch.from_numpy(ends[np.searchsorted(ends, place)] - place)
    return ranks
