"""The ranks of targets with the lists they are in, and their mean metrics."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from mmrec.evaluation.rank_buffer import MAX_SCORES
from mmrec.metrics import (
    average_precision,
    catalog_coverage,
    hit_rate,
    mrr,
    ndcg,
    precision,
    recall,
)

MISS = 2**31
"""A rank beyond every cut-off."""


@dataclass(frozen=True)
class Ranks:
    """The rank of every target, and the top of the lists.

    Attributes:
        rank: 1 = best; V + 1 where the target was filtered out, ``(N,)``.
        target: catalogue index, ``(N,)``.
        position: position of the target in the split, ``(N,)``.
        top: the first ``k`` items of each list, 0 where there are no more candidates, ``(L, k)``.
        row: the list that each target belongs to, ``(N,)``; None where each target has its own
            list, so that L = N.
        stop: position in the split at which the history of each list ends, ``(L,)``; None where
            that is the position of the target.
    """

    rank: Int[Tensor, " N"]
    target: Int[Tensor, " N"]
    position: Int[np.ndarray, " N"]
    top: Int[Tensor, "L k"]
    row: Int[np.ndarray, " N"] | None = None
    stop: Int[np.ndarray, " L"] | None = None

    @property
    def stops(self) -> Int[np.ndarray, " L"]:
        """The position in the split at which the history of each list ends."""
        return self.position if self.stop is None else self.stop

    @property
    def per_list(self) -> Int[Tensor, "L *R"]:
        """The ranks of the targets of each list, padded with 0."""
        if self.row is None:
            return self.rank
        first = np.flatnonzero(np.diff(self.row, prepend=-1))
        sizes = np.diff(np.append(first, len(self.row)))
        table = torch.zeros(len(self.top), int(sizes.max(initial=1)), dtype=torch.long)
        table[self.row, np.arange(len(self.row)) - np.repeat(first, sizes)] = self.rank
        return table

    def where(self, mask: Bool[np.ndarray, " N"]) -> "Ranks":
        """Return the targets where ``mask`` is True, with their lists."""
        chosen, position = torch.from_numpy(mask), self.position[mask]
        rank, target = self.rank[chosen], self.target[chosen]
        if self.row is None:
            return Ranks(rank, target, position, self.top[chosen])
        lists, row = np.unique(self.row[mask], return_inverse=True)
        return Ranks(
            rank, target, position, self.top[torch.from_numpy(lists)], row, self.stops[lists]
        )

    @staticmethod
    def concatenate(parts: Sequence["Ranks"]) -> "Ranks":
        """Return the ranks of all ``parts``, one after the other."""
        one = Ranks(
            torch.cat([part.rank for part in parts]),
            torch.cat([part.target for part in parts]),
            np.concatenate([part.position for part in parts]),
            torch.cat([part.top for part in parts]),
        )
        if parts[0].row is None:
            return one
        starts = np.cumsum([0, *(len(part.top) for part in parts[:-1])])
        rows = [
            part.row + start
            for part, start in zip(parts, starts, strict=True)
            if part.row is not None
        ]
        stop = np.concatenate([part.stops for part in parts])
        return Ranks(one.rank, one.target, one.position, one.top, np.concatenate(rows), stop)


def summarize(
    ranks: Ranks, catalog_size: int, ks: tuple[int, ...] = (10, 20)
) -> dict[str, float | int]:
    """Return the mean metrics at each cut-off, coverage and the number of targets.

    With one target per list, HR@k equals recall and MRR@k equals MAP. With several, the means are
    over ``"lists"``, and recall, precision and MAP are reported too.
    """
    result: dict[str, float | int] = {"targets": len(ranks.rank)}
    if not len(ranks.rank):
        return result
    functions = {"ndcg": ndcg, "hr": hit_rate, "mrr": mrr}
    if ranks.row is not None:
        result["lists"] = len(ranks.top)
        functions |= {"recall": recall, "precision": precision, "map": average_precision}
    # A target that was filtered out is a miss at every cut-off, also at those above V.
    table = ranks.per_list
    table = table.masked_fill(table > catalog_size, MISS)
    width = table.shape[1] if table.ndim == 2 else 1
    chunks = table.split(max(1, MAX_SCORES // width**2))  # MAP compares all targets of a list
    for k in ks:
        for name, function in functions.items():
            values = torch.cat([function(chunk, k) for chunk in chunks])
            result[f"{name}@{k}"] = values.mean().item()
    result["coverage@10"] = float(catalog_coverage(ranks.top[:, :10], catalog_size))
    return result
