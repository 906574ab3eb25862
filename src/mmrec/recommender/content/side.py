"""Numbers and values of an item that lie beside the learned vector: what finds new items."""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import log
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool, Float32
from torch import nn

from mmrec.data import Catalog, Source, TableSource
from mmrec.data.conditions import is_not_flat
from mmrec.data.wording import counted, verb
from mmrec.encoders import GivenEncoder, quantile_edges, soft_bins, value_vectors
from mmrec.layers import record_init_args
from mmrec.recommender.content.columns import (
    as_names,
    column_of,
    find_columns,
    may_have_values,
    pattern_of,
    separators_of,
    values_of,
)
from mmrec.recommender.content.modality import Context, Facts, Prepared
from mmrec.recommender.content.number import COLUMNS, encoded_numbers, numbers_of

VALUES = (
    *("category", "categories", "main_category", "genres", "genre", "kind", "brand"),
    *("director", "directors", "actors", "cast", "author", "authors", "artist", "artists"),
    *("creator", "channel", "tags", "keywords"),
)
"""Columns of values that items have in common; those that exist are read."""

WIDTH = 128
"""Columns of the vectors of values, at most."""


@record_init_args
class SideModality:
    """Numbers and values of columns that the fusion does not read.

    They are for affinities: how near the year or the price of an item is to those of the last
    items, or how many categories, brands or people they have in common, see
    :mod:`mmrec.affinities`. The learned vector of an item does not depend on them. What makes a
    new film findable, for example, is mostly when it is from.

    A column holds numbers if its name is one of ``COLUMNS``, or if most of its values can be read
    as numbers, as :class:`NumberModality` reads them, and its name is none of ``VALUES``. A number
    is soft bins between quantiles of all items (:func:`mmrec.encoders.soft_bins`). Any other column
    holds values: a text may have several, separated by ``|`` or ``;``, or by commas in a column
    with hardly any of these. A value that ``n`` of ``N`` items have counts ``log(1 + N / n)``, so
    rare ones say most; one that a single item has is left out, and so is one that all have.

    Args:
        columns: the columns; by default those of ``price``, ``year``, ``duration`` and ``stars``
            that exist.
        bins: most pieces of a column of numbers.

    Example:
        >>> catalog = Catalog({"item_id": ["a", "b", "c"], "year": ["1990", "1999", ""]})
        >>> made = SideModality().prepare(catalog, Context(dim=4, trained=np.array([1])))
        >>> made.facts["edges"], made.source.present.tolist()
        ({'year': [1990.0, 1999.0]}, [False, True, True, False])
        >>> rows = {"item_id": ["a", "b", "c"], "genres": ["Drama|War", "War|Drama", "Comedy"]}
        >>> made = SideModality("genres").prepare(Catalog(rows), Context(4, np.array([1])))
        >>> list(made.facts["values"]["genres"]), made.source.present.tolist()
        (['Drama', 'War'], [False, True, True, False])
    """

    has_content = True

    def __init__(self, columns: str | Sequence[str] | None = None, *, bins: int = 32) -> None:
        if bins < 1:
            raise ValueError(f"bins must be 1 or more; got {bins}")
        self.columns, self.bins = as_names(columns), bins

    @classmethod
    def usual(cls, catalog: Catalog) -> "dict[str, SideModality]":
        """Return modalities of the usual columns, by name: one for each number, one of all values.

        Columns in which all items are alike are left out.

        Example:
            >>> rows = {"item_id": ["a", "b", "c"], "price": [9, 9, 9], "year": [1990, 1999, 1999]}
            >>> rows |= {"brand": ["Oak", "Oak", "Elm"], "genres": ["Drama", "War", ""]}
            >>> list(SideModality.usual(Catalog(rows)))
            ['side:year', 'side:brand']
        """
        frame = catalog.frame
        numbers = [name for name in COLUMNS if name in frame and _varies(catalog, name)]
        values = [name for name in VALUES if name in frame and _in_common(catalog, name)]
        named = {f"side:{name}": cls(name) for name in numbers}
        return named | ({f"side:{'+'.join(values)}": cls(values)} if values else {})

    def columns_read(self, facts: Facts) -> tuple[str, ...]:
        """Return the columns."""
        return (*facts["edges"], *_values(facts))

    def prepare(self, catalog: Catalog, context: Context) -> Prepared:
        """Read the catalogue: the quantiles of its numbers, and how frequent its values are.

        They are those of all items, since new ones may have numbers and values of their own.
        """
        if self not in context.encoded:  # the same for all stages of a training
            facts = context.before or self._facts(catalog)
            source, problems = self._read(catalog, facts)
            made = Prepared(source, self.rebuild(facts), dict(facts), problems=problems)
            context.encoded[self] = made
        return context.encoded[self]

    def rebuild(self, facts: Facts) -> GivenEncoder:
        """Return what hands the vectors on."""
        widths = [len(edges) for edges in facts["edges"].values()]
        values = sum(map(len, _values(facts).values()))
        return GivenEncoder(sum(widths) + min(values, WIDTH))

    def facts_of(self, catalog: Catalog, encoder: nn.Module) -> dict[str, Any]:
        """Raise a ``ValueError``: the quantiles are not known."""
        raise ValueError("SideModality can't be used in from_model: its quantiles are unknown")

    def source_of(
        self, items: Catalog, encoder: nn.Module, facts: Facts, slots: np.ndarray
    ) -> tuple[Source, dict[int, str]]:
        """Return the vectors of further items."""
        return self._read(items, facts)

    def _facts(self, catalog: Catalog) -> dict[str, Any]:
        """Return the edges of columns of numbers, and the weights of the values of the others."""
        edges, values = dict[str, list[float]](), dict[str, dict[str, float]]()
        separators = dict[str, str]()
        for name in find_columns("side", catalog, self.columns, COLUMNS):
            if _is_number(catalog, name):
                numbers, _ = numbers_of(column_of(catalog, name))
                edges[name] = quantile_edges(numbers, self.bins).tolist()
            else:
                values[name] = _known(catalog, name)
                separators[name] = separators_of(column_of(catalog, name))
        if empty := [name for name, found in edges.items() if not found]:
            raise ValueError(f"modality 'side': no item has a number in {empty}")
        if empty := [name for name, known in values.items() if not known]:
            raise ValueError(f"modality 'side': no two items have a value in common in {empty}")
        return {"edges": edges, "values": values, "separators": separators}

    def _read(self, items: Catalog, facts: Facts) -> tuple[TableSource, dict[int, str]]:
        numbers, present, problems = encoded_numbers(items, facts["edges"], soft_bins)
        values, some = _encoded_values(items, _values(facts), facts.get("separators", {}))
        table = np.pad(np.concatenate([numbers, values], axis=1), ((1, 0), (0, 0)))
        return TableSource(table, np.pad(present | some, (1, 0))), problems


def _values(facts: Facts) -> Mapping[str, Mapping[str, float]]:
    """Return the weights of values by column; older RUNs have none."""
    found: Mapping[str, Mapping[str, float]] = facts.get("values", {})
    return found


def _is_number(catalog: Catalog, name: str) -> bool:
    """Return whether a column holds numbers rather than values, by its name or its values."""
    return name in COLUMNS or (name not in VALUES and _mostly_numbers(catalog, name))


def _mostly_numbers(catalog: Catalog, name: str) -> bool:
    """Return whether most filled values of a column are numbers."""
    column = column_of(catalog, name)
    if is_not_flat(column) or column.dtype == pl.Time:
        return False
    numbers, wrong = numbers_of(column)
    return int((~np.isnan(numbers)).sum()) > len(wrong)


def unread_numbers(catalog: Catalog) -> dict[str, tuple[int, str]]:
    """Return usual columns of numbers that mostly hold none: how many values are none, and why.

    Values without digits, such as names of persons, are not meant as numbers.

    Example:
        >>> unread_numbers(Catalog({"item_id": ["a", "b"], "price": ["24,27", "EUR 3"]}))["price"]
        (2, "price is left out: 2 of 2 values are no numbers, the first is '24,27'; expected ...")
    """
    found = {}
    for name in COLUMNS:
        if name not in catalog.columns or _mostly_numbers(catalog, name):
            continue
        column = column_of(catalog, name)
        if is_not_flat(column) or column.dtype == pl.Time:
            continue
        numbers, wrong = numbers_of(column)
        digits = [any(map(str.isdecimal, str(value))) for value in wrong.values()]
        if 2 * sum(digits) > len(digits):
            there = len(wrong) + int((~np.isnan(numbers)).sum())
            found[name] = (
                len(wrong),
                f"{name} is left out: {len(wrong):,} of {counted(there, 'value')} "
                f"{verb(len(wrong), 'is no number', 'are no numbers')}, the first is "
                f"{next(iter(wrong.values()))!r}; expected numbers such as 24.27",
            )
    return found


def _varies(catalog: Catalog, name: str) -> bool:
    """Return whether a column of numbers has two or more different ones."""
    if not _mostly_numbers(catalog, name):
        return False
    numbers, _ = numbers_of(column_of(catalog, name))
    return len(np.unique(numbers[~np.isnan(numbers)])) > 1


def _in_common(catalog: Catalog, name: str) -> bool:
    """Return whether two or more items, but not all, have a value of a column."""
    return may_have_values(column_of(catalog, name)) and bool(_known(catalog, name))


def _known(catalog: Catalog, name: str) -> dict[str, float]:
    """Return the weight of each value that two or more items have, but not all, by value."""
    size = len(catalog)
    pattern = pattern_of(separators_of(column_of(catalog, name)))
    counts = Counter(v for row in values_of("side", catalog, name, pattern) for v in row)
    return {v: log(1 + size / n) for v, n in sorted(counts.items()) if 1 < n < size}


def _encoded_values(
    items: Catalog, known: Mapping[str, Mapping[str, float]], separators: Mapping[str, str]
) -> tuple[Float32[np.ndarray, "V D"], Bool[np.ndarray, " V"]]:
    """Return the sum of the weighted vectors of each item's values, and who has any.

    Each value has a column of its own if there are no more than ``WIDTH``.
    """
    rows: list[tuple[int, str, float]] = []
    for name, weights in known.items():
        pattern = pattern_of(separators.get(name, ""))
        for row, values in enumerate(values_of("side", items, name, pattern)):
            rows += [(row, f"{name}={v}", weights[v]) for v in values if v in weights]
    size = sum(map(len, known.values()))
    used = list(dict.fromkeys(value for _, value, _ in rows))
    if size <= WIDTH:
        every = [f"{name}={value}" for name, weights in known.items() for value in weights]
        place = {value: number for number, value in enumerate(every)}
        vectors = np.eye(size, dtype=np.float32)
    else:
        place = {value: number for number, value in enumerate(used)}
        vectors = value_vectors(used, WIDTH)
    table = np.zeros((len(items), min(size, WIDTH)), dtype=np.float32)
    present = np.zeros(len(items), dtype=bool)
    for row, value, weight in rows:
        table[row] += np.float32(weight) * vectors[place[value]]
        present[row] = True
    return table, present
