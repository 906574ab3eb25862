"""Sparse item → item weights, and the scores that a weighted set of items gives."""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor


class NeighbourTable:
    """A sparse ``(V + 1, V + 1)`` matrix: for each item, other items with a weight.

    Args:
        rows: the item that has the neighbour, ``(E,)``.
        columns: the neighbour, ``(E,)``.
        weights: the neighbour's weight, ``(E,)``.
        catalog_size: V.
    """

    def __init__(
        self,
        rows: Int[np.ndarray, " E"],
        columns: Int[np.ndarray, " E"],
        weights: Float[np.ndarray, " E"],
        catalog_size: int,
    ) -> None:
        # Transposed, since a sparse matrix multiplies from the left.
        self.matrix = torch.sparse_coo_tensor(
            torch.from_numpy(np.stack([columns, rows])),
            torch.from_numpy(weights.astype(np.float32)),
            (catalog_size + 1, catalog_size + 1),
            check_invariants=False,
        ).coalesce()

    def scores(
        self, items: Int[Tensor, "B T"], weights: Float[Tensor, "B T"]
    ) -> Float[Tensor, "B V1"]:
        """Return, for each row, the weighted sum of its items' neighbours; index 0 has none."""
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
