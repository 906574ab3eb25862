"""New values for the columns of a frame: types stay, and a frame is rewritten when it is read."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Int

from mmrec.data.conditions.columns import DESCRIBED, kind_of
from mmrec.data.times import moments
from mmrec.data.wording import some_meant

DEEPEST = 1000
"""Edits that wait for a reader; with more, the frame is rewritten at once."""


def fitted(column: pl.Series, like: pl.Series) -> pl.Series:
    """Return a column as the type of another one, if no value is lost.

    Numbers become text, and text that is a number becomes one. Numbers change their type if they
    keep their value: 12.0 becomes the integer 12, and 12.5 doesn't. Floats may be rounded to the
    precision of the type. Booleans become no numbers, and numbers no dates.

    Args:
        column: the values; its name is that of the column.
        like: a column of the wanted type. ``Null``, the type of one without values, takes any.

    Raises:
        ValueError: a value would be lost.

    Example:
        >>> prices = pl.Series([9.5, 20.0])
        >>> fitted(pl.Series("price", ["12.5", None]), prices).to_list()
        [12.5, None]
        >>> fitted(pl.Series("price", ["cheap"]), prices)
        Traceback (most recent call last):
        ...
        ValueError: items: price must be a number (Float64) as in the catalogue; got 'cheap'
    """
    kind, dtype = column.dtype, like.dtype
    if dtype in (kind, pl.Null):
        return column
    if kind == pl.Null:
        return column.cast(dtype)
    made = _cast(column, like)
    lost = column.is_not_null() if made is None else made.is_null() & column.is_not_null()
    if made is not None and _has_to_be_equal(column, like):
        lost |= (made.cast(kind, strict=False) != column).fill_null(False)
    if made is not None and kind == pl.String and dtype.is_float():
        lost |= made.is_nan().fill_null(False)
    if lost.any():
        value = column.filter(lost)[0]
        value = value.to_list() if isinstance(value, pl.Series) else value
        raise _unlike(column.name, dtype, value)
    return column if made is None else made


def fitted_columns(rows: Any, frame: pl.DataFrame) -> Any:
    """Return a mapping whose lists are columns with the types of a frame, see :func:`fitted`.

    Other tables, and columns that the frame lacks, stay as they are.

    Raises:
        ValueError: a value would be lost.
    """
    if not isinstance(rows, Mapping):
        return rows
    return {
        name: _column(name, values, frame[name])
        if name in frame.columns and name != "item_id" and isinstance(values, list | tuple)
        else values
        for name, values in rows.items()
    }


def require_known(names: Sequence[str], known: Sequence[str], more: Collection[str] = ()) -> None:
    """Refuse names that are none of the catalogue's columns, and not among ``more``.

    Raises:
        ValueError: a name is unknown; the message has the column that may be meant.

    Example:
        >>> require_known(["titel"], ["item_id", "title"])
        Traceback (most recent call last):
        ...
        ValueError: items have the columns ['item_id', 'title']; got ['titel'] (did you mean ...
    """
    if unknown := [name for name in names if name not in (*known, *more)]:
        meant = some_meant(unknown[:3], known)
        raise ValueError(f"items have the columns {[*known]}; got {unknown[:3]!r}{meant}")


class Edit(NamedTuple):
    """New values of some rows, after earlier edits.

    Attributes:
        before: the edit before this one, or None.
        rows: the rows that change.
        columns: their new values, by column.
        depth: number of edits up to this one.
    """

    before: "Edit | None"
    rows: Int[np.ndarray, " N"]
    columns: Mapping[str, pl.Series]
    depth: int


def edited(frame: pl.DataFrame, last: Edit | None) -> pl.DataFrame:
    """Return a frame after a chain of edits; each column that changed is written once.

    Example:
        >>> frame = pl.DataFrame({"stock": [3, 4, 5]})
        >>> edit = Edit(None, np.array([1]), {"stock": pl.Series([0])}, 1)
        >>> edited(frame, edit)["stock"].to_list(), frame["stock"].to_list()
        ([3, 0, 5], [3, 4, 5])
    """
    rows: dict[str, list[np.ndarray]] = {}
    values: dict[str, list[pl.Series]] = {}
    while last is not None:
        for name, column in last.columns.items():
            rows.setdefault(name, []).append(last.rows)
            values.setdefault(name, []).append(column)
        last = last.before
    return frame.with_columns(
        _written(frame[name], np.concatenate(rows[name][::-1]), pl.concat(values[name][::-1]))
        for name in rows
    )


def _written(column: pl.Series, rows: np.ndarray, values: pl.Series) -> pl.Series:
    """Return a column with values in some rows; the last value of a row counts."""
    name, column = column.name, column.cast(values.dtype)
    if column.dtype.is_nested():  # polars doesn't scatter these
        places = np.arange(len(column))
        places[rows] = len(column) + np.arange(len(rows))
        return pl.concat([column, values.alias(name)]).gather(places)
    rows, last = np.unique(rows[::-1], return_index=True)
    # `scatter` changes a series in place, so copy it first.
    return column.clone().scatter(rows, values.gather(len(values) - 1 - last))


def _column(name: str, values: Sequence[Any], like: pl.Series) -> pl.Series:
    kinds = {type(value) for value in values if value is not None}
    try:
        column = None if bool in kinds and len(kinds) > 1 else pl.Series(name, values)
    except (TypeError, OverflowError, pl.exceptions.PolarsError):
        column = None
    if column is None:  # values of several types
        return pl.concat([fitted(_single(name, value, like), like) for value in values])
    return fitted(column, like)


def _single(name: str, value: Any, like: pl.Series) -> pl.Series:
    """Return a column of one value; whole numbers among floats of a list are floats, too.

    Raises:
        ValueError: polars can't hold the value, such as a list of numbers and texts.
    """
    inner = getattr(like.dtype, "inner", None)
    floats = like.dtype == pl.Null or (inner is not None and inner.is_float())
    try:
        if floats and isinstance(value, list | tuple) and {*map(type, value)} == {int, float}:
            value = [float(number) for number in value]
        return pl.Series(name, [value])
    except (TypeError, OverflowError, pl.exceptions.PolarsError) as error:
        raise _unlike(name, like.dtype, value) from error


def _unlike(name: str, dtype: Any, value: Any) -> ValueError:
    return ValueError(
        f"items: {name} must be {_said(dtype)} as in the catalogue; got {value!r:.100}"
    )


def _said(dtype: Any) -> str:
    """Return a type in words, with its name."""
    if dtype.is_integer():
        return f"a whole number ({dtype})"
    held = kind_of(dtype)
    return str(dtype) if held is None else f"{DESCRIBED[held]} ({dtype})"


def _has_to_be_equal(column: pl.Series, like: pl.Series) -> bool:
    """Return whether only equal values keep their meaning; floats may be rounded."""
    kind, dtype = column.dtype, like.dtype
    whole = kind.is_integer() or dtype.is_integer()
    return (kind.is_numeric() and dtype.is_numeric() and whole) or (
        kind.is_temporal() and dtype.is_temporal()
    )


def _cast(column: pl.Series, like: pl.Series) -> pl.Series | None:
    """Return a column as another type, null where a value doesn't fit; None if none can fit."""
    kind, dtype, texts = column.dtype, like.dtype, (pl.String, pl.Categorical, pl.Enum)
    try:
        if kind.is_nested() or dtype.is_nested():
            return column.cast(dtype) if type(kind) is type(dtype) else None
        if pl.Binary in (kind, dtype) or pl.Object in (kind, dtype):
            return None
        if kind == pl.String and dtype == pl.Boolean:
            return column.replace_strict({"true": True, "false": False}, default=None)
        if kind == pl.String and isinstance(dtype, pl.Date | pl.Datetime):
            return _moments(column, dtype)
        alike = (kind.is_numeric(), kind.is_temporal()) == (dtype.is_numeric(), dtype.is_temporal())
        if kind in texts or dtype in texts or (alike and pl.Boolean not in (kind, dtype)):
            return column.cast(dtype, strict=False)
    except pl.exceptions.PolarsError:
        pass
    return None


def _moments(column: pl.Series, dtype: Any) -> pl.Series:
    """Return texts as dates or times; a time of day fits no column of dates."""
    times = column.to_frame().select(moments(pl.col(column.name).str.strip_chars())).to_series()
    if isinstance(dtype, pl.Datetime):
        zone = dtype.time_zone
        times = times.dt.convert_time_zone(zone) if zone else times.dt.replace_time_zone(None)
        return times.cast(dtype)
    return times.set(times != times.dt.truncate("1d"), None).cast(dtype)
