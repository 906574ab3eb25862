"""Sparse weights between items, and scores from the neighbours of a weighted set of items."""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor


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
        # Transposed, since torch multiplies sparse @ dense.
        self.matrix = torch.sparse_coo_tensor(
            torch.from_numpy(np.stack([columns, rows])),
            torch.from_numpy(weights.astype(np.float32)),
            (catalog_size + 1, catalog_size + 1),
            check_invariants=False,
        ).coalesce()

    def scores(
        self, items: Int[Tensor, "B T"], weights: Float[Tensor, "B T"]
    ) -> Float[Tensor, "B V1"]:
        """Return, for each row, the weighted sum over the neighbours of its items.

        Index 0 is padding and has no neighbours.
        """
        query = torch.zeros(len(items), self.matrix.shape[0])
        query.scatter_add_(1, items, torch.where(items > 0, weights, 0.0))
        return (self.matrix @ query.T).T


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
