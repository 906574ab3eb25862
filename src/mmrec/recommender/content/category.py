"""The categories of an item as a modality: one or more values of a column."""

from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float, Int
from torch import Tensor, nn

from mmrec.data import Catalog, Source, TableSource
from mmrec.layers import record_init_args
from mmrec.recommender.content.modality import Context, Facts, Prepared

COLUMNS = ("category", "categories", "genres", "genre", "kind", "brand")
"""Columns that hold categories, in the order in which they are looked for."""


@record_init_args
class CategoryModality:
    """Values of a column, each with a learned vector; an item has the mean of its values' vectors.

    New items are encoded in the same way. Values that no trained item has are ignored, and an item
    without other values lacks the modality.

    Args:
        column: the column of the values; by default the first of :data:`COLUMNS` that exists.
        separator: separates the values of an item.

    Example:
        >>> catalog = Catalog({"item_id": ["a", "b"], "genres": ["Comedy|Drama", "Drama"]})
        >>> made = CategoryModality().prepare(catalog, Context(dim=4, trained=np.array([1, 2])))
        >>> made.facts["values"], made.source.load(np.array([1])).tolist()
        (['Comedy', 'Drama'], [[1, 2]])
    """

    has_content = True

    def __init__(self, column: str | None = None, *, separator: str = "|") -> None:
        if not separator:
            raise ValueError("separator must be a text of one or more characters; got ''")
        self.column, self.separator = column, separator

    def columns(self, facts: Facts) -> tuple[str, ...]:
        """Return the column of the values."""
        return (facts["column"],)

    def prepare(self, catalog: Catalog, context: Context) -> Prepared:
        """Read the values of the catalogue; those of trained items get a vector."""
        column = self._column(catalog)
        rows = self._values(catalog, column)
        known = {value for item in context.trained for value in rows[item - 1]}
        # An updated model keeps its number of vectors.
        values: list[str] = sorted(known) if context.before is None else context.before["values"]
        facts = {"column": column, "values": values, "dim": context.dim}
        source = self._source(rows, values)
        if not source.present.any():
            raise ValueError(f"modality 'category': no trained item has a value in {column!r}")
        return Prepared(source, CategoryEncoder(len(values), context.dim), facts)

    def rebuild(self, facts: Facts) -> nn.Module:
        """Make an embedding of the values."""
        return CategoryEncoder(len(facts["values"]), facts["dim"])

    def facts_of(self, catalog: Catalog, encoder: nn.Module) -> dict[str, Any]:
        """Raise a ``ValueError``: it is not known which value each vector belongs to."""
        raise ValueError("CategoryModality can't be used in from_model: its values are unknown")

    def source_of(
        self, items: Catalog, encoder: nn.Module, facts: Facts, slots: np.ndarray
    ) -> tuple[Source, dict[int, str]]:
        """Return the known values of further items."""
        there = facts["column"] in items.frame.columns
        rows = self._values(items, facts["column"]) if there else [[]] * len(items)
        return self._source(rows, facts["values"]), {}

    def _column(self, catalog: Catalog) -> str:
        wanted = COLUMNS if self.column is None else (self.column,)
        found = [name for name in wanted if name in catalog.frame.columns]
        if not found:
            raise ValueError(
                f"modality 'category' must find a column of {list(wanted)}; items have "
                f"{catalog.frame.columns}"
            )
        return found[0]

    def _values(self, items: Catalog, column: str) -> list[list[str]]:
        values = items.frame[column]
        if isinstance(values.dtype, pl.List | pl.Array):
            values = values.cast(pl.List(pl.String)).list.join(self.separator, ignore_nulls=True)
        elif values.dtype.is_float():  # 1.0 is the category 1
            whole = values.cast(pl.Int64, strict=False)
            values = whole if (whole == values).all() else values
        texts = values.cast(pl.String).fill_null("").to_list()
        return [[v.strip() for v in t.split(self.separator) if v.strip()] for t in texts]

    def _source(self, rows: list[list[str]], values: list[str]) -> TableSource:
        number = {value: place for place, value in enumerate(values, 1)}
        numbers = [[number[v] for v in dict.fromkeys(row) if v in number] for row in rows]
        table = np.zeros((len(rows) + 1, max([1, *map(len, numbers)])), dtype=np.int64)
        for row, found in enumerate(numbers, 1):
            table[row, : len(found)] = found
        return TableSource(table, table[:, 0] > 0)


@record_init_args
class CategoryEncoder(nn.Module):
    """The mean of the vectors of an item's values.

    Args:
        values: number of values.
        dim: width of a vector.

    Shape:
        ``(n, L)`` numbers of values, 0 = padding on the right → ``(n, dim)``.

    Example:
        >>> import torch
        >>> CategoryEncoder(3, 8)(torch.tensor([[1, 3], [2, 0]])).shape
        torch.Size([2, 8])
    """

    def __init__(self, values: int, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.table = nn.EmbeddingBag(values + 1, dim, mode="mean", padding_idx=0)
        nn.init.normal_(self.table.weight[1:], std=0.02)

    def forward(self, inputs: Int[Tensor, "n L"]) -> Float[Tensor, "n dim"]:
        """Return the vector of each item."""
        vectors: Tensor = self.table(inputs)
        return vectors
