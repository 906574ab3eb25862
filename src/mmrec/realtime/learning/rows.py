"""A table of vectors in which a step changes only the rows that it has read."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


class RowAdagrad:
    """Adagrad with one learning rate for each row: rows with small past gradients move more.

    The step of row ``i`` is ``lr · g_i / sqrt(start + Σ mean(g_i²))``, with the sum over all
    gradients of the row. The cost of a step depends on its rows and not on the size of the table.
    Rows can be added at any time.

    Args:
        table: the vectors, ``(V + 1, D)``; changed in place.
        lr: learning rate.
        start: initial value of each sum; larger values make the first steps smaller.

    Raises:
        ValueError: ``lr`` or ``start`` is not positive.

    References:
        Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and stochastic
        optimization" (2011); one accumulator a row as in FBGEMM's row-wise Adagrad.

    Example:
        >>> rows = RowAdagrad(torch.zeros(3, 2), lr=0.5, start=1e-10)
        >>> rows.step(torch.tensor([1]), torch.tensor([[3.0, 3.0]]))
        >>> rows.table
        tensor([[ 0.0000,  0.0000],
                [-0.5000, -0.5000],
                [ 0.0000,  0.0000]])
    """

    def __init__(self, table: Float[Tensor, "V1 D"], *, lr: float, start: float = 1e-6) -> None:
        if lr <= 0 or start <= 0:
            raise ValueError(f"RowAdagrad expects positive lr and start; got {lr} and {start}")
        self.table, self.lr, self.start = table, lr, start
        self.sums = torch.full_like(table[:, 0], start)

    @torch.no_grad()
    def step(self, rows: Int[Tensor, " R"], gradients: Float[Tensor, "R D"]) -> None:
        """Move rows against their gradients, or their first columns if there are fewer gradients.

        No row may occur twice.
        """
        sums = self.sums[rows] + gradients.square().mean(1)
        self.sums[rows] = sums
        self.table[rows, : gradients.shape[1]] -= self.lr * gradients / sums.sqrt().unsqueeze(1)

    def append(self, vectors: Float[Tensor, "N D"]) -> None:
        """Add rows at the end."""
        self.table = torch.cat([self.table, vectors.to(self.table)])
        self.sums = F.pad(self.sums, (0, len(vectors)), value=self.start)

    def state_dict(self) -> dict[str, Tensor]:
        """Return a copy of the table and the sums."""
        return {"table": self.table.clone(), "sums": self.sums.clone()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Restore what :meth:`state_dict` returned, also with more rows."""
        self.table = state["table"].to(self.table, copy=True)
        self.sums = state["sums"].to(self.sums, copy=True)
