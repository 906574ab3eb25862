"""The categories of an item as a modality: one or more values of columns."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

import numpy as np
from torch import nn

from mmrec.data import Catalog, Source, TableSource
from mmrec.encoders import CategoryEncoder
from mmrec.layers import record_init_args
from mmrec.recommender.content.columns import as_names, find_columns, values_of
from mmrec.recommender.content.modality import Context, Facts, Prepared

COLUMNS = ("category", "categories", "genres", "genre", "kind", "brand")
"""Columns that hold categories, in the order in which they are looked for."""


@record_init_args
class CategoryModality:
    """Values of columns, each with a learned vector; an item has the mean of its values' vectors.

    New items are encoded in the same way. A value that no trained item has shares one of
    ``buckets`` vectors, chosen by a hash, with other values. Without buckets such values are
    ignored, and an item without other values lacks the modality.

    Args:
        columns: the columns of the values; by default the first of ``COLUMNS`` that exists.
        separator: separates the values of an item in a text; the values of a list are whole.
        buckets: number of shared vectors for values that no trained item has.

    Example:
        >>> catalog = Catalog({"item_id": ["a", "b"], "genres": ["Comedy|Drama", "Drama"]})
        >>> made = CategoryModality().prepare(catalog, Context(dim=4, trained=np.array([1, 2])))
        >>> made.facts["values"], made.source.load(np.array([1])).tolist()
        ({'genres': ['Comedy', 'Drama']}, [[1, 2]])
    """

    has_content = True

    def __init__(
        self,
        columns: str | Sequence[str] | None = None,
        *,
        separator: str = "|",
        buckets: int = 0,
    ) -> None:
        if not separator:
            raise ValueError("separator must be a text of one or more characters; got ''")
        if buckets < 0:
            raise ValueError(f"buckets must be 0 or more; got {buckets}")
        self.columns, self.separator, self.buckets = as_names(columns), separator, buckets

    def columns_read(self, facts: Facts) -> tuple[str, ...]:
        """Return the columns of the values."""
        return tuple(facts["values"])

    def prepare(self, catalog: Catalog, context: Context) -> Prepared:
        """Read the values of the catalogue; those of trained items get a vector."""
        if context.before is not None:  # an updated model keeps its number of vectors
            values: dict[str, list[str]] = context.before["values"]
        else:
            found = find_columns("category", catalog, self.columns, COLUMNS)
            names = found if self.columns else found[:1]
            values = {name: self._known(catalog, name, context.trained) for name in names}
        source = self._source(catalog, values)
        if not any(values.values()) or not source.present.any():
            looked = ", ".join(map(repr, values))
            raise ValueError(f"modality 'category': no trained item has a value in {looked}")
        facts = {"values": values, "dim": context.dim}
        return Prepared(source, self.rebuild(facts), facts)

    def rebuild(self, facts: Facts) -> CategoryEncoder:
        """Make an embedding of the values."""
        values = [f"{name}={v}" for name, known in facts["values"].items() for v in known]
        buckets = [_bucket(value, self.buckets) for value in values] if self.buckets else []
        return CategoryEncoder(len(values), facts["dim"], buckets=self.buckets, bucket_of=buckets)

    def facts_of(self, catalog: Catalog, encoder: nn.Module) -> dict[str, Any]:
        """Raise a ``ValueError``: it is not known which value each vector belongs to."""
        raise ValueError("CategoryModality can't be used in from_model: its values are unknown")

    def source_of(
        self, items: Catalog, encoder: nn.Module, facts: Facts, slots: np.ndarray
    ) -> tuple[Source, dict[int, str]]:
        """Return the values of further items."""
        return self._source(items, facts["values"]), {}

    def _known(self, catalog: Catalog, name: str, trained: np.ndarray) -> list[str]:
        rows = self._values(catalog, name)
        return sorted({value for item in trained for value in rows[item - 1]})

    def _values(self, items: Catalog, name: str) -> list[list[str]]:
        return values_of("category", items, name, re.escape(self.separator))

    def _source(self, items: Catalog, values: Mapping[str, Sequence[str]]) -> TableSource:
        rows: list[list[int]] = [[] for _ in range(len(items))]
        size, start = sum(map(len, values.values())), 1
        for name, known in values.items():
            number = {value: place for place, value in enumerate(known, start)}
            for row, found in zip(rows, self._values(items, name), strict=True):
                row += [number[v] for v in found if v in number]
                if self.buckets:
                    unseen = [v for v in found if v not in number]
                    row += [size + 1 + _bucket(f"{name}={v}", self.buckets) for v in unseen]
            start += len(known)
        table = np.zeros((len(rows) + 1, max([1, *map(len, rows)])), dtype=np.int64)
        for place, row in enumerate(rows, 1):
            table[place, : len(row)] = row
        return TableSource(table, table[:, 0] > 0)


def _bucket(value: str, buckets: int) -> int:
    return crc32(value.encode("utf-8", "surrogatepass")) % buckets
