"""States of frozen lower layers that are kept, as inputs of an encoder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from mmrec.encoders.rowlog import map_rows, rows_path


class HiddenStates:
    """The states of some values, read when they are called for: the transform of a source.

    It is pickled without the states on disk: the process that unpickles it maps them itself.

    Args:
        tables: by number of tokens, the states of values of that many, ``(rows, tokens * width)``.
        counts: number of tokens of each value, ``(n,)``; 0 for a text without any.
        rows: row of each value in its table, ``(n,)``, -1 where it has none.
        shape: shape of the state of a token; of an image's states, all but the first axis.
        folder: holds the tables on disk; None in memory.
        masked: whether an attention mask goes with the states.

    Example:
        >>> one, two = np.array([[1.0, 1.0]]), np.array([[2.0, 2.0, 3.0, 3.0]])
        >>> states = HiddenStates({1: one, 2: two}, np.array([1, 2]), np.array([0, 0]), (2,))
        >>> states([0, 1])["states"].tolist()
        [[[1.0, 1.0], [0.0, 0.0]], [[2.0, 2.0], [3.0, 3.0]]]
        >>> states([0, 1])["attention_mask"].tolist()
        [[1, 0], [1, 1]]
    """

    def __init__(
        self,
        tables: Mapping[int, Float[np.ndarray, "rows _"]],
        counts: Int[np.ndarray, " n"],
        rows: Int[np.ndarray, " n"],
        shape: tuple[int, ...],
        folder: Path | None = None,
        *,
        masked: bool = True,
    ) -> None:
        self.tables, self.counts, self.rows = dict(tables), counts, rows
        self.shape, self.folder, self.masked = shape, folder, masked

    @property
    def nbytes(self) -> int:
        """Bytes that the tables take."""
        return sum(table.nbytes for table in self.tables.values())

    def __call__(self, positions: Sequence[int]) -> dict[str, Tensor]:
        """Return inputs of the encoder: states padded on the right, and the mask of texts."""
        at = np.asarray(positions, dtype=np.int64)
        counts, rows = self.counts[at], self.rows[at]
        length = max(1, int(counts.max(initial=0)))
        kind = next(iter(self.tables.values())).dtype if self.tables else np.float32
        states = np.zeros((len(at), length, *self.shape), kind)
        for count in np.unique(counts[rows >= 0]):
            here = np.flatnonzero((counts == count) & (rows >= 0))
            found = self.tables[int(count)][rows[here]]
            states[here, :count] = found.reshape(len(here), count, *self.shape)
        made = {"states": torch.from_numpy(states)}
        if self.masked:
            mask = np.arange(length) < counts[:, None]
            made["attention_mask"] = torch.from_numpy(mask.astype(np.int64))
        return made

    def __getstate__(self) -> dict[str, Any]:
        """Leave out tables on disk."""
        if self.folder is None:
            return self.__dict__
        sizes = {count: (table.shape, table.dtype) for count, table in self.tables.items()}
        return self.__dict__ | {"tables": sizes}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Map the tables again; see ``__getstate__``."""
        self.__dict__.update(state)
        if self.folder is not None:
            self.tables = {
                count: map_rows(rows_path(self.folder / str(count), kind), rows, width, kind)
                for count, ((rows, width), kind) in state["tables"].items()
            }
