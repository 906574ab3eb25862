"""Conditions on the columns of a table, such as ``{"category": "lamp"}``."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool

from mmrec.data.tables import first_line, require_columns


def matches(frame: pl.DataFrame, conditions: Mapping[str, Any] | pl.Expr) -> Bool[np.ndarray, " V"]:
    """Return which rows of the items satisfy all conditions, see :meth:`mmrec.data.Catalog.where`.

    Example:
        >>> matches(pl.DataFrame({"year": [1995, 1996]}), {"year": [1996, 1997]})
        array([False,  True])
    """
    if isinstance(conditions, pl.Expr):
        return _evaluate(frame, conditions)
    if not isinstance(conditions, Mapping):
        raise ValueError(
            "where expects {column: value}, or a polars expression such as "
            f'pl.col("price") < 20; got {conditions!r}'
        )
    require_columns(frame, list(conditions), "items")
    allowed = np.ones(len(frame), dtype=bool)
    for column, wanted in conditions.items():
        values = wanted if isinstance(wanted, list | tuple | set) else [wanted]
        allowed &= _is_one_of(frame[column], list(values)).to_numpy()
    return allowed


def is_not_flat(column: pl.Series) -> bool:
    """Return whether the values of a column are lists, structs or bytes, which aren't compared."""
    return column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Object)


def _evaluate(frame: pl.DataFrame, condition: pl.Expr) -> Bool[np.ndarray, " V"]:
    try:
        result = frame.select(condition)
    except pl.exceptions.PolarsError as error:
        raise ValueError(f"where: the catalogue can't be filtered: {first_line(error)}") from error
    if result.dtypes != [pl.Boolean] or len(result) != len(frame):
        raise ValueError(
            f"where must give True or False for each of {len(frame)} items; got {len(result)} "
            f"rows of {', '.join(map(str, result.dtypes))}"
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
