"""Sparse weights between items, and scores from the neighbours of a weighted set of items."""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from mmrec.baselines.pairs import MAX_CELLS, expand


class NeighbourTable:
    """A sparse ``(V + 1, V + 1)`` matrix that holds, for each item, its neighbours with weights.

    Args:
        rows: the items, ``(E,)``.
        columns: a neighbour of each item, ``(E,)``.
        weights: the weight of the neighbour, ``(E,)``.
        catalog_size: V.
    """

    def __init__(
        self,
        rows: Int[np.ndarray, " E"],
        columns: Int[np.ndarray, " E"],
        weights: Float[np.ndarray, " E"],
        catalog_size: int,
    ) -> None:
        order = np.argsort(rows, kind="stable")
        self.size = catalog_size + 1
        self.columns, self.weights = columns[order], weights[order]
        self.offsets = np.searchsorted(rows[order], np.arange(self.size + 1))

    def scores(
        self, items: Int[Tensor, "B T"], weights: Float[Tensor, "B T"]
    ) -> Float[Tensor, "B V1"]:
        """Return, for each row, the weighted sum over the neighbours of its items.

        Index 0 is padding and has no neighbours.
        """
        chosen = items.cpu().numpy()
        amount = weights.expand(items.shape).cpu().numpy()
        sizes = np.where(chosen > 0, np.diff(self.offsets)[chosen], 0)
        scores = torch.empty(len(chosen), self.size)
        step = max(1, MAX_CELLS // max(int(sizes.sum(1).max(initial=0)), 1))
        for start in range(0, len(chosen), step):
            rows = slice(start, start + step)
            scores[rows] = torch.from_numpy(self._sums(chosen[rows], amount[rows], sizes[rows]))
        return scores

    def _sums(
        self,
        items: Int[np.ndarray, "B T"],
        amount: Float[np.ndarray, "B T"],
        sizes: Int[np.ndarray, "B T"],
    ) -> Float[np.ndarray, "B V1"]:
        owner, at = expand(self.offsets[items].ravel(), sizes.ravel())
        cells = (owner // items.shape[1]) * self.size + self.columns[at]
        parts = amount.ravel()[owner] * self.weights[at]
        sums = np.bincount(cells, parts, len(items) * self.size).astype(np.float64)
        return sums.reshape(len(items), self.size)


def count_pairs(
    rows: Int[np.ndarray, " N"], columns: Int[np.ndarray, " N"], catalog_size: int
) -> NeighbourTable:
    """Return a table of how often each pair of row and column occurs.

    Example:
        >>> table = count_pairs(np.array([1, 1]), np.array([2, 2]), 2)
        >>> table.scores(torch.tensor([[1]]), torch.ones(1, 1))
        tensor([[0., 0., 2.]])
    """
    side = catalog_size + 1
    pairs, counts = np.unique(rows * side + columns, return_counts=True)
    return NeighbourTable(pairs // side, pairs % side, counts.astype(np.float64), catalog_size)
