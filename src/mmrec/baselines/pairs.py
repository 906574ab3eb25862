"""Which users interacted with which items, and how many of them two items share."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from mmrec.data import Sequences

MAX_CELLS = 2**22
"""Cells of a dense table, and pairs, that are in memory at once (32 MB)."""


@dataclass(frozen=True)
class Pairs:
    """Different pairs of a row and a column, such as an item and a user, sorted by row.

    Attributes:
        row: the row of each pair, ascending, ``(N,)``.
        column: its column, ``(N,)``.
        rows: number of rows.
        columns: number of columns.

    Example:
        >>> pairs = Pairs.of(np.array([0, 0, 1, 1]), np.array([5, 6, 5, 5]), 2, 7)
        >>> [counts.tolist() for _, counts in pairs.shared()]
        [[[2.0, 1.0], [1.0, 1.0]]]
    """

    row: Int[np.ndarray, " N"]
    column: Int[np.ndarray, " N"]
    rows: int
    columns: int

    @classmethod
    def of(
        cls, row: Int[np.ndarray, " E"], column: Int[np.ndarray, " E"], rows: int, columns: int
    ) -> "Pairs":
        """Return the different pairs among some that may be repeated."""
        pairs = np.unique(row * columns + column)
        return cls(pairs // columns, pairs % columns, rows, columns)

    @classmethod
    def of_events(cls, events: Sequences, catalog_size: int) -> "Pairs":
        """Return the pairs of an item and a user who interacted with it."""
        return cls.of(events.item, events.owner, catalog_size + 1, max(len(events), 1))

    @cached_property
    def flipped(self) -> "Pairs":
        """The same pairs with rows and columns exchanged."""
        return Pairs.of(self.column, self.row, self.columns, self.rows)

    @cached_property
    def offsets(self) -> Int[np.ndarray, " R1"]:
        """Row ``r`` has the pairs ``offsets[r]:offsets[r + 1]``, ``(rows + 1,)``."""
        return np.searchsorted(self.row, np.arange(self.rows + 1))

    @property
    def sizes(self) -> Int[np.ndarray, " R"]:
        """The number of pairs of each row, ``(rows,)``."""
        return np.diff(self.offsets)

    def shared(self) -> Iterator[tuple[Int[np.ndarray, " C"], Float[np.ndarray, "C R"]]]:
        """Yield rows, and how many columns each of them has in common with every row.

        On the diagonal are the sizes. The work is the number of pairs of pairs with one column.
        """
        other = self.flipped
        work = np.cumsum(np.append(0, other.sizes[self.column]))[self.offsets]
        start = 0
        while start < self.rows:
            most = int(np.searchsorted(work, work[start] + MAX_CELLS, side="right")) - 1
            stop = max(min(most, start + MAX_CELLS // self.rows, self.rows), start + 1)
            at = np.arange(self.offsets[start], self.offsets[stop])
            column = self.column[at]
            owner, place = expand(other.offsets[column], other.sizes[column])
            cells = (self.row[at] - start)[owner] * self.rows + other.column[place]
            counts = np.bincount(cells, minlength=(stop - start) * self.rows)
            yield np.arange(start, stop), counts.reshape(-1, self.rows).astype(np.float32)
            start = stop


def expand(
    starts: Int[np.ndarray, " N"], sizes: Int[np.ndarray, " N"]
) -> tuple[Int[np.ndarray, " M"], Int[np.ndarray, " M"]]:
    """Return the positions in each of some ranges, one range after the other.

    Returns:
        The number of the range and the position in it, for each position.

    Example:
        >>> expand(np.array([5, 0]), np.array([1, 2]))
        (array([0, 1, 1]), array([5, 0, 1]))
    """
    owner = np.repeat(np.arange(len(sizes)), sizes)
    return owner, np.arange(len(owner)) - (np.cumsum(sizes) - sizes - starts)[owner]
