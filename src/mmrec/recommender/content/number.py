"""The numbers of an item as a modality: price, year, duration and the like."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool, Float
from torch import nn

from mmrec.data import Catalog, Source, TableSource
from mmrec.encoders import NumberEncoder, piecewise_linear, quantile_edges
from mmrec.layers import record_init_args
from mmrec.recommender.content.columns import as_names, column_of, find_columns
from mmrec.recommender.content.modality import Context, Facts, Prepared

COLUMNS = ("price", "year", "duration", "stars")
"""Columns that hold numbers; those that exist are read."""


@record_init_args
class NumberModality:
    """Numbers of columns, encoded piecewise linearly between quantiles.

    A column may hold numbers, texts of numbers (as those of a CSV file), dates, durations or
    booleans. The quantiles are those of the trained items. A column without a value is encoded as
    such; an item lacks the modality if all its columns are empty. A text that is no number, NaN and
    infinity count as empty; what is no number is reported.

    Args:
        columns: the columns; by default those of ``COLUMNS`` that exist.
        bins: most pieces of a column.

    References:
        Gorishniy et al., "On embeddings for numerical features in tabular deep learning" (2022),
        arXiv 2203.05556.

    Example:
        >>> catalog = Catalog({"item_id": ["a", "b", "c"], "price": ["1", "3", ""]})
        >>> made = NumberModality().prepare(catalog, Context(dim=4, trained=np.array([1, 2, 3])))
        >>> made.facts["edges"], made.source.present.tolist()
        ({'price': [1.0, 3.0]}, [False, True, True, False])
    """

    has_content = True

    def __init__(self, columns: str | Sequence[str] | None = None, *, bins: int = 16) -> None:
        if bins < 1:
            raise ValueError(f"bins must be 1 or more; got {bins}")
        self.columns, self.bins = as_names(columns), bins

    def columns_read(self, facts: Facts) -> tuple[str, ...]:
        """Return the columns of the numbers."""
        return tuple(facts["edges"])

    def prepare(self, catalog: Catalog, context: Context) -> Prepared:
        """Read the numbers of the catalogue and the quantiles of trained items."""
        if context.before is not None:  # the weights of an updated model belong to its edges
            edges: dict[str, list[float]] = context.before["edges"]
        else:
            names = find_columns("number", catalog, self.columns, COLUMNS)
            edges = {}
            for name in names:
                numbers = numbers_of(column_of(catalog, name))[0][context.trained - 1]
                edges[name] = quantile_edges(numbers, self.bins).tolist()
        empty = [name for name, found in edges.items() if not found]
        if empty:
            raise ValueError(f"modality 'number': no trained item has a number in {empty}")
        source, problems = source_of_numbers(catalog, edges, piecewise_linear)
        facts = {"edges": edges, "dim": context.dim}
        return Prepared(source, self.rebuild(facts), facts, problems=problems)

    def rebuild(self, facts: Facts) -> NumberEncoder:
        """Make the layer that maps the encoded numbers to a vector."""
        return NumberEncoder([len(edges) for edges in facts["edges"].values()], facts["dim"])

    def facts_of(self, catalog: Catalog, encoder: nn.Module) -> dict[str, Any]:
        """Raise a ``ValueError``: the quantiles are not known."""
        raise ValueError("NumberModality can't be used in from_model: its quantiles are unknown")

    def source_of(
        self, items: Catalog, encoder: nn.Module, facts: Facts, slots: np.ndarray
    ) -> tuple[Source, dict[int, str]]:
        """Return the encoded numbers of further items."""
        return source_of_numbers(items, facts["edges"], piecewise_linear)


def source_of_numbers(
    items: Catalog, edges: dict[str, list[float]], encode: Callable[..., Float[np.ndarray, "V _"]]
) -> tuple[TableSource, dict[int, str]]:
    """Return :func:`encoded_numbers` as a source."""
    table, present, problems = encoded_numbers(items, edges, encode)
    return TableSource(np.pad(table, ((1, 0), (0, 0))), np.pad(present, (1, 0))), problems


def encoded_numbers(
    items: Catalog, edges: dict[str, list[float]], encode: Callable[..., Float[np.ndarray, "V _"]]
) -> tuple[Float[np.ndarray, "V D"], Bool[np.ndarray, " V"], dict[int, str]]:
    """Return encoded columns of numbers, side by side, who has any, and what is none, by row.

    Args:
        items: the items.
        edges: edges of each column.
        encode: encodes the numbers of a column, given its edges.
    """
    blocks = [np.zeros((len(items), 0), dtype=np.float32)]
    present, problems = np.zeros(len(items), dtype=bool), dict[int, str]()
    for name, found in edges.items():
        numbers, wrong = numbers_of(column_of(items, name))
        blocks.append(encode(numbers, np.array(found)))
        present |= ~np.isnan(numbers)
        for row, value in wrong.items():
            said = f"{name} is {value!r}, not a number"
            problems[row] = f"{problems[row]}, {said}" if row in problems else said
    return np.concatenate(blocks, axis=1), present, problems


def numbers_of(column: pl.Series) -> tuple[Float[np.ndarray, " V"], dict[int, Any]]:
    """Return a column as numbers, NaN where it has none, and what is no number, by row."""
    dtype = column.dtype
    if dtype.is_nested() or dtype in (pl.Binary, pl.Object, pl.Time):
        raise ValueError(f"the column {column.name} must hold numbers; got {dtype}")
    empty = column.is_null()
    if dtype in (pl.Date, pl.Datetime):
        values = column.cast(pl.Datetime("us")).dt.epoch("us").cast(pl.Float64) / 1e6
    elif dtype == pl.Duration:
        values = column.dt.total_microseconds().cast(pl.Float64) / 1e6
    elif dtype.is_numeric() or dtype in (pl.Boolean, pl.Null):
        values = column.cast(pl.Float64)
        empty |= values.is_nan().fill_null(False)  # NaN of a table of numbers is an empty cell
    else:
        texts = column.cast(pl.String).str.strip_chars()
        empty |= (texts == "").fill_null(False)
        values = texts.cast(pl.Float64, strict=False)
    values = values.fill_null(np.nan)
    numbers = np.where(np.isfinite(values.to_numpy()), values.to_numpy(), np.nan)
    wrong = np.flatnonzero(np.isnan(numbers) & ~empty.to_numpy())
    return numbers, {int(row): column[int(row)] for row in wrong}
