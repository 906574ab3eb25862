"""Where the content of items comes from: one source for each modality."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

Inputs = Tensor | dict[str, Tensor]
"""What an encoder takes: one row (or one entry of each tensor's first axis) for each item."""


@runtime_checkable
class Source(Protocol):
    """One modality of a catalogue.

    Index 0 of the mask is padding; inputs come in the order asked for.
    """

    @property
    def present(self) -> Bool[np.ndarray, " V1"]:
        """Which indices have the modality."""
        ...

    def load(self, items: Int[np.ndarray, " N"]) -> Inputs:
        """Return the inputs of ``items``, all of which are present."""
        ...


class TableSource:
    """Rows of a table, which may be memory-mapped: features, or positions in a vocabulary.

    Args:
        table: row ``i`` belongs to the catalogue index ``i``, ``(V + 1, ...)``.
        present: which indices have a row, ``(V + 1,)``.

    Example:
        >>> source = TableSource(np.array([[0.0], [1.5], [2.5]]), np.array([False, True, True]))
        >>> source.load(np.array([2]))
        tensor([[2.5000]], dtype=torch.float64)
    """

    def __init__(self, table: np.ndarray, present: Bool[np.ndarray, " V1"]) -> None:
        if len(table) != len(present):
            raise ValueError(
                f"table and present must have one row per index; got {len(table)}, {len(present)}"
            )
        self.table, self.present = table, present

    def load(self, items: Int[np.ndarray, " N"]) -> Tensor:
        """Return the rows of ``items``."""
        return torch.from_numpy(np.ascontiguousarray(self.table[items]))


class RawSource:
    """Raw values (texts, image files) that an encoder's transform turns into inputs.

    Args:
        values: the raw value of each catalogue row; None or "" where it is missing, ``V`` long.
        transform: the encoder's transform.
    """

    def __init__(self, values: Sequence[Any], transform: Callable[[Sequence[Any]], Inputs]) -> None:
        self.values, self.transform = values, transform
        self.present = np.array([False, *(value not in (None, "") for value in values)])

    def load(self, items: Int[np.ndarray, " N"]) -> Inputs:
        """Return the transformed values of ``items``."""
        return self.transform([self.values[item - 1] for item in items])


def id_source(vocabulary: Mapping[int, int], catalog_size: int) -> TableSource:
    """Return the source of the id modality: catalogue index → position in the id vocabulary."""
    table = np.zeros(catalog_size + 1, dtype=np.int64)
    table[list(vocabulary.keys())] = list(vocabulary.values())
    return TableSource(table, table > 0)
