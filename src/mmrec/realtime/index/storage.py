"""Memory layouts for the vectors of an exact index; the scanned bytes decide the search time."""

from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

Precision = Literal["float32", "bfloat16", "int8"]


@runtime_checkable
class Storage(Protocol):
    """Vectors in numbered slots, with a fixed number of slots."""

    capacity: int
    exact: bool
    """True if ``scores`` returns inner products, False if it returns estimates."""

    def put(self, start: int, vectors: Float[Tensor, "N D"]) -> None:
        """Write vectors to the slots from ``start`` on."""

    def take(self, slots: Int[Tensor, " N"]) -> Float[Tensor, "N D"]:
        """Return the vectors of slots, as they were written."""

    def scores(self, queries: Float[Tensor, "B D"], size: int) -> Float[Tensor, "B size"]:
        """Return the score of each row with each of the first ``size`` slots."""

    def products(self, queries: Float[Tensor, "B D"], size: int) -> Float[Tensor, "B size"]:
        """Return the inner products of the rows with the first ``size`` slots, in float32."""


class Columns:
    """float32 vectors as columns, (D, capacity).

    For one query the product reads memory in order, and takes a third of the time of (N, D).
    """

    exact = True

    def __init__(self, dim: int, capacity: int) -> None:
        self.capacity = capacity
        self.columns = torch.empty(dim, capacity)

    def put(self, start: int, vectors: Float[Tensor, "N D"]) -> None:
        """Write vectors to the slots from ``start`` on."""
        self.columns[:, start : start + len(vectors)] = vectors.t()

    def take(self, slots: Int[Tensor, " N"]) -> Float[Tensor, "N D"]:
        """Return the vectors of slots."""
        return self.columns.index_select(1, slots).t()

    def scores(self, queries: Float[Tensor, "B D"], size: int) -> Float[Tensor, "B size"]:
        """Return the inner products of the rows with the first ``size`` slots."""
        return queries @ self.columns[:, :size]

    products = scores


class Rounded:
    """Vectors in bfloat16 or int8 for the scan, and in float32 for ranking what it finds.

    int8 has one scale per item, and the queries are rounded too.
    """

    exact = False

    def __init__(self, dim: int, capacity: int, dtype: torch.dtype) -> None:
        self.capacity = capacity
        self.rows = torch.empty(capacity, dim)
        self.rounded = torch.empty(capacity, dim, dtype=dtype)
        self.scales = torch.ones(capacity)

    def put(self, start: int, vectors: Float[Tensor, "N D"]) -> None:
        """Write vectors to the slots from ``start`` on."""
        slots = slice(start, start + len(vectors))
        self.rows[slots] = vectors
        if self.rounded.dtype == torch.bfloat16:
            self.rounded[slots] = vectors.bfloat16()
        else:
            self.rounded[slots], self.scales[slots] = to_int8(vectors)

    def take(self, slots: Int[Tensor, " N"]) -> Float[Tensor, "N D"]:
        """Return the vectors of slots, in float32."""
        return self.rows.index_select(0, slots)

    def scores(self, queries: Float[Tensor, "B D"], size: int) -> Float[Tensor, "B size"]:
        """Return estimates that order the slots of a row; with int8, each row has its own scale."""
        rounded = self.rounded[:size].t()
        if rounded.dtype == torch.bfloat16:
            return (queries.bfloat16() @ rounded).float()
        return torch._int_mm(to_int8(queries)[0], rounded) * self.scales[:size]

    def products(self, queries: Float[Tensor, "B D"], size: int) -> Float[Tensor, "B size"]:
        """Return the inner products of the rows with the first ``size`` slots, in float32."""
        return queries @ self.rows[:size].t()


def to_int8(
    vectors: Float[Tensor, "N D"],
) -> tuple[Int[Tensor, "N D"], Float[Tensor, " N"]]:
    """Return vectors as whole numbers from -127 to 127, and the scale of each.

    Example:
        >>> numbers, scale = to_int8(torch.tensor([[0.5, -1.0]]))
        >>> numbers, scale * 127
        (tensor([[  64, -127]], dtype=torch.int8), tensor([1.]))
    """
    scale = (vectors.abs().amax(dim=1) / 127).clamp(min=torch.finfo(torch.float32).tiny)
    return (vectors / scale.unsqueeze(1)).round().to(torch.int8), scale


def make_storage(dim: int, capacity: int, dtype: Precision) -> Storage:
    """Return empty storage for ``capacity`` vectors."""
    if dtype == "float32":
        return Columns(dim, capacity)
    return Rounded(dim, capacity, getattr(torch, dtype))
