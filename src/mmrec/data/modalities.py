"""Sources of the content of items, one for each modality."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

Inputs = Tensor | dict[str, Tensor]
"""The input of an encoder: a tensor, or several by name, with one row per item."""


@runtime_checkable
class Source(Protocol):
    """The encoder inputs of one modality of a catalogue."""

    @property
    def present(self) -> Bool[np.ndarray, " V1"]:
        """Which indices have the modality; index 0 is padding."""
        ...

    def load(self, items: Int[np.ndarray, " N"]) -> Inputs:
        """Return the inputs of ``items``, in this order; all of them must be present."""
        ...


class TableSource:
    """Rows of a table of features or vocabulary positions, which may be memory-mapped.

    Args:
        table: row ``i`` belongs to the catalogue index ``i``, ``(V + 1, ...)``.
        present: which indices have the modality, ``(V + 1,)``.

    Raises:
        ValueError: ``table`` and ``present`` differ in length.

    Example:
        >>> source = TableSource(np.array([[0.0], [1.5], [2.5]]), np.array([False, True, True]))
        >>> source.load(np.array([2]))
        tensor([[2.5000]], dtype=torch.float64)
    """

    def __init__(self, table: np.ndarray, present: Bool[np.ndarray, " V1"]) -> None:
        if len(table) != len(present):
            raise ValueError(
                f"table and present must have one row per index; got {len(table)} and "
                f"{len(present)}"
            )
        self.table, self.present = table, present

    def load(self, items: Int[np.ndarray, " N"]) -> Tensor:
        """Return the rows of ``items``."""
        return torch.from_numpy(np.ascontiguousarray(self.table[items]))


class RawSource:
    """Raw values (texts, image files) that an encoder's transform turns into inputs.

    Args:
        values: the raw value of each item, ``(V,)``; None or "" where it is missing.
        transform: the encoder's transform.
    """

    def __init__(self, values: Sequence[Any], transform: Callable[[Sequence[Any]], Inputs]) -> None:
        self.values, self.transform = values, transform
        self.present = np.array([False, *(value not in (None, "") for value in values)])

    def load(self, items: Int[np.ndarray, " N"]) -> Inputs:
        """Return the transformed values of ``items``."""
        return self.transform([self.values[item - 1] for item in items])


def id_source(vocabulary: Mapping[int, int], catalog_size: int) -> TableSource:
    """Return the source of the id modality.

    Args:
        vocabulary: catalogue index → position in the id vocabulary.
        catalog_size: V, the number of items.
    """
    table = np.zeros(catalog_size + 1, dtype=np.int64)
    table[list(vocabulary.keys())] = list(vocabulary.values())
    return TableSource(table, table > 0)
