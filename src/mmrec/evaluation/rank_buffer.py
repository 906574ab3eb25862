"""Ranks and lists from the scores of a batch, in memory that all batches share."""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mmrec.data import Split

MAX_SCORES = 2**22
"""Scores that are held at once: 16 MB, which fit in a cache."""

MIN_ROWS = 16
"""Histories that are scored at once, at least: each batch reads all item vectors."""


def rows_at_once(catalog_size: int, at_most: int = 256) -> int:
    """Return how many histories to score at once: fewer for a larger catalogue.

    Example:
        >>> rows_at_once(1_000), rows_at_once(20_000), rows_at_once(1_000_000)
        (256, 209, 16)
    """
    return min(at_most, max(MIN_ROWS, MAX_SCORES // (catalog_size + 1)))


class RankBuffer:
    """Two tables of ``(rows, V + 1)`` that each batch overwrites.

    Items that are not candidates have the score ``-inf``. The scores of candidates are clamped to
    the least finite float32, so a score of ``-inf`` always means that the item is not ranked.

    Args:
        split: the candidates.
        rows: histories of the largest batch.
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

    def exclusion_mask(self, rows: int, seen: Int[Tensor, "2 S"] | None) -> Bool[Tensor, "B V1"]:
        """Return a mask of the items that are not ranked, for a second stage."""
        exclude = self.blocked.repeat(rows, 1)
        if seen is not None:
            exclude[seen[0], seen[1]] = True
        return exclude

    def load(self, scores: Float[Tensor, "B V1"], seen: Int[Tensor, "2 S"] | None) -> None:
        """Copy the scores of a batch into the first table; ``scores`` itself doesn't change."""
        self.scores = self.tables[0, : len(scores)]
        # `clamp` returns max where min > max, so that blocked items get -inf.
        torch.clamp(scores, self.floor, self.ceiling, out=self.scores)
        self.scores[:, 0] = -torch.inf
        if seen is not None:
            self.scores[seen[0], seen[1]] = -torch.inf

    def top_items(self, k: int) -> Int[Tensor, "B k"]:
        """Return the first ``k`` items of each row, 0 where there are no more candidates.

        Raises:
            ValueError: the score of a candidate is NaN.
        """
        best = self.scores.topk(k)
        if best.values[:, 0].isnan().any():  # `topk` puts NaN first
            row = int(best.values[:, 0].isnan().nonzero()[0])
            raise ValueError(
                f"scores must be numbers; got NaN in row {row}, item {int(best.indices[row, 0])}"
            )
        return best.indices.masked_fill_(best.values == -torch.inf, 0)

    def ranks_of(
        self, target: Int[Tensor, " N"], row: Int[np.ndarray, " N"] | None
    ) -> Int[Tensor, " N"]:
        """Return the rank of each target, V + 1 where it is not ranked.

        Args:
            target: catalogue indices.
            row: the row of each target, see :class:`mmrec.evaluation.HeldOut`.
        """
        if row is None:
            score = self.scores.gather(1, target.unsqueeze(1))
            count = self._count_from(self.scores, score)
            return torch.where(score.squeeze(1) == -torch.inf, self.size, count)
        at = torch.from_numpy(row).to(self.scores.device)
        score = self.scores[at, target].unsqueeze(1)
        step = len(self.scores)
        counts = [
            self._count_from(self.scores[rows], part)
            for rows, part in zip(at.split(step), score.split(step), strict=True)
        ]
        flat = score.squeeze(1).cpu()
        count = separate_ties(torch.cat(counts).cpu(), flat, row)
        return torch.where(flat == -torch.inf, self.size, count)

    def _count_from(
        self, scores: Float[Tensor, "B V1"], score: Float[Tensor, "B 1"]
    ) -> Int[Tensor, " B"]:
        """Return how many items of each row score at least ``score``, the target included."""
        # As float32: a sum of these is several times faster than one of booleans.
        return torch.ge(scores, score, out=self.tables[1, : len(scores)]).sum(1).long()


def separate_ties(
    rank: Int[Tensor, " N"], score: Float[Tensor, " N"], row: Int[np.ndarray, " N"]
) -> Int[Tensor, " N"]:
    """Return different ranks for the targets of a row that have the same score.

    Args:
        rank: the number of items that score at least as high, the same for tied targets.
        score: the score of each target.
        row: the row of each target.

    Example:
        >>> scores = torch.tensor([0.5, 0.5, 0.9])
        >>> separate_ties(torch.tensor([3, 3, 1]), scores, np.array([0, 0, 0]))
        tensor([2, 3, 1])
    """
    values = -score.numpy()
    order = np.lexsort((values, row))
    sorted_row, sorted_values = row[order], values[order]
    change = (np.diff(sorted_row) != 0) | (sorted_values[1:] != sorted_values[:-1])
    ends = np.flatnonzero(np.append(change, True))
    place = np.arange(len(order))
    ranks = rank.clone()
    ranks[torch.from_numpy(order)] -= torch.from_numpy(ends[np.searchsorted(ends, place)] - place)
    return ranks
