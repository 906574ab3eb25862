"""Which rows of a table satisfy conditions of any form."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool

from mmrec.data.conditions.condition import Condition, parse_condition
from mmrec.data.conditions.mapping import of_operators
from mmrec.data.conditions.parsed import ParsedColumns
from mmrec.data.tables import first_line, require_columns

Where = str | Condition | Mapping[str, Any] | pl.Expr | Sequence[Any]
"""A condition, a mapping of columns to values, a polars expression, or a list of them."""


def matches(
    table: pl.DataFrame | ParsedColumns, conditions: Where, at: float | None = None
) -> Bool[np.ndarray, " V"]:
    """Return which rows of the items satisfy all conditions, see :meth:`mmrec.data.Catalog.where`.

    Example:
        >>> matches(pl.DataFrame({"year": [1995, 1996]}), {"year": [1996, 1997]})
        array([False,  True])
    """
    columns = table if isinstance(table, ParsedColumns) else ParsedColumns(table)
    if isinstance(conditions, str):
        conditions = parse_condition(conditions)
    if isinstance(conditions, Condition):
        return _evaluate(columns, conditions.expression(columns, at))
    if isinstance(conditions, pl.Expr):
        return _evaluate(columns, conditions)
    if isinstance(conditions, Mapping):
        require_columns(columns.rows, list(conditions), "items")
        found = [_column_matches(columns, *pair, at) for pair in conditions.items()]
    elif isinstance(conditions, list | tuple):
        found = [matches(columns, condition, at) for condition in conditions]
    else:
        raise ValueError(
            'where expects a condition such as "price < 20", {column: value}, or a polars '
            f"expression; got {conditions!r}"
        )
    allowed = np.ones(len(columns.rows), dtype=bool)
    for satisfied in found:
        allowed &= satisfied
    return allowed


def is_not_flat(column: pl.Series) -> bool:
    """Return whether the values of a column are lists, structs or bytes, which aren't compared."""
    return column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Object)


def _column_matches(
    columns: ParsedColumns, name: str, wanted: Any, at: float | None
) -> Bool[np.ndarray, " V"]:
    if isinstance(wanted, Mapping):
        return matches(columns, of_operators(name, wanted), at)
    values = wanted if isinstance(wanted, list | tuple | set) else [wanted]
    return _is_one_of(columns.rows[name], list(values)).to_numpy()


def _evaluate(columns: ParsedColumns, condition: pl.Expr) -> Bool[np.ndarray, " V"]:
    try:
        result = columns.select(condition)
    except pl.exceptions.PolarsError as error:
        raise ValueError(f"where: the catalogue can't be filtered: {first_line(error)}") from error
    if result.dtypes != [pl.Boolean] or len(result) != len(columns.rows):
        raise ValueError(
            f"where must give True or False for each of {len(columns.rows)} items; got "
            f"{len(result)} rows of {', '.join(map(str, result.dtypes))}"
        )
    return result.to_series().fill_null(False).to_numpy()


def _is_one_of(column: pl.Series, values: list[Any]) -> pl.Series:
    """Return where ``column`` holds one of ``values``, compared as text; None matches empty."""
    if is_not_flat(column):
        raise ValueError(f"where: {column.name} must hold single values; got {column.dtype}")
    texts = column.cast(pl.String)
    wanted = [str(value) for value in values if value is not None]
    if column.dtype == pl.Boolean:
        wanted = [text.lower() for text in wanted]  # polars writes true, Python True
    elif column.dtype.is_numeric():
        # 1995 equals 1995.0: a column of years with gaps often has floats.
        texts = texts.str.strip_suffix(".0")
        wanted = [text.removesuffix(".0") for text in wanted]
    found = texts.is_in(wanted).fill_null(False)
    if any(value is None for value in values):
        found |= texts.fill_null("") == ""
    return found
