"""Columns of a table as numbers, times, truth values or texts.

A column of text holds numbers, times or truth values if all of its values can be read as such, as
in a table that was read from a CSV file. Empty texts are missing values.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import polars as pl

from mmrec.data.given_columns import renamed
from mmrec.data.times import moments
from mmrec.data.wording import did_you_mean

Kind = Literal["number", "time", "boolean", "text"]
Schema = Mapping[str, Any]
"""The polars type of each column, by name."""

DESCRIBED: Mapping[Kind, str] = {
    "number": "a number",
    "time": "a date such as 2024-05-01",
    "boolean": "true or false",
    "text": "text",
}


def kind_of(dtype: Any) -> Kind | None:
    """Return what a type of single values holds; None for lists, structs, bytes and the like."""
    if dtype.is_numeric() or dtype == pl.Duration:
        return "number"
    if dtype in (pl.Date, pl.Datetime):
        return "time"
    if dtype == pl.Boolean:
        return "boolean"
    return "text" if dtype in (pl.String, pl.Categorical, pl.Enum, pl.Null) else None


class RefusedValues(ValueError):
    """Some rows have values that a condition can't read.

    Args:
        message: about the first of them.
        of_rows: returns the message about each row; None for rows that can be read so far.

    Example:
        >>> error = RefusedValues("got 'x'", lambda: ["got 'x'", None, "got 'y'"])
        >>> error.map(str.upper).of_rows()
        ["GOT 'X'", None, "GOT 'Y'"]
    """

    def __init__(self, message: str, of_rows: Callable[[], list[str | None]]) -> None:
        super().__init__(message)
        self.of_rows = of_rows

    def map(self, change: Callable[[str], str]) -> "RefusedValues":
        """Return this error with other messages."""

        def of_rows() -> list[str | None]:
            return [None if said is None else change(said) for said in self.of_rows()]

        return RefusedValues(change(str(self)), of_rows)


class Columns:
    """The columns of a table, and what they hold.

    Args:
        table: a frame; or its schema, from which nothing is known of the values of text columns.

    Example:
        >>> columns = Columns(pl.DataFrame({"price": ["9.50", ""]}))
        >>> columns.kind("price"), columns.holds("price")
        ('text', 'number')
        >>> columns.frame.select(columns.read("price", "number"))["price"].to_list()
        [9.5, None]
    """

    def __init__(self, table: pl.DataFrame | Schema) -> None:
        self.frame = table if isinstance(table, pl.DataFrame) else None
        self.schema: Schema = table.schema if isinstance(table, pl.DataFrame) else table
        self._unlike: dict[tuple[str, Kind], str | None] = {}

    def dtype(self, name: str) -> Any:
        """Return the type of a column.

        Raises:
            ValueError: there is no such column; the message has the name that is nearest.
        """
        if name not in self.schema:
            meant = renamed(name, self.schema) or did_you_mean(name, self.schema)
            shown = f"{list(self.schema)[:20]}{' and others' if len(self.schema) > 20 else ''}"
            raise ValueError(f"there is no column {name!r}{meant} among {shown}")
        return self.schema[name]

    def kind(self, name: str) -> Kind:
        """Return what the type of a column says that it holds.

        Raises:
            ValueError: there is no such column, or it holds lists, structs or bytes.
        """
        dtype = self.dtype(name)
        kind = kind_of(dtype)
        if kind is None:
            lists = "; lists are searched by: contains" if dtype in (pl.List, pl.Array) else ""
            raise ValueError(f"{name!r} must hold single values; got {dtype}{lists}")
        return kind

    def holds(self, name: str) -> Kind:
        """Return what a column holds; for text columns, this looks at the values."""
        kind = self.kind(name)
        if kind != "text" or self.frame is None:
            return kind
        if self.frame.select(_text(name).is_null().all()).item():
            return "text"
        others: tuple[Kind, ...] = ("number", "time", "boolean")
        return next((other for other in others if self.first_unlike(name, other) is None), "text")

    def first_unlike(self, name: str, kind: Kind) -> str | None:
        """Return the first value of a text column that can't be read as a kind; None if all can."""
        if self.frame is not None and (name, kind) not in self._unlike:
            bad = unlike(self.frame, name, kind)
            self._unlike[name, kind] = bad[0] if len(bad) else None
        return self._unlike.get((name, kind))

    def holds_truths(self, name: str) -> bool:
        """Return whether a text column is known to hold truth values alone.

        False here: the table may be one of a few live events, whose texts don't tell.
        """
        return False

    def read(self, name: str, kind: Kind) -> pl.Expr:
        """Return a column as an expression: numbers of 64 bits, seconds since 1970, and so on.

        Floats of 32 bits stay so; NaN is a missing value.

        Raises:
            ValueError: the column doesn't hold what is wanted; the message has the first value.
        """
        dtype, own = self.dtype(name), self.kind(name)
        column = pl.col(name)
        if own == "text" and kind != "text":
            return self.read_text(name, kind)
        if own == "number" and kind == "time" and name == "timestamp":
            return column.cast(pl.Float64).fill_nan(None)  # unix seconds, as in every event log
        if own != kind:
            raise ValueError(
                f"{name!r} holds {dtype}, which can't be compared with {DESCRIBED[kind]}"
            )
        if kind == "boolean":
            return column
        if kind == "text":
            return _text(name)
        if kind == "time":
            return column.cast(pl.Datetime("us")).dt.epoch("us") / 1e6
        if dtype == pl.Duration:
            return column.dt.total_microseconds() / 1e6
        if dtype.is_float():
            return column.fill_nan(None)
        if dtype.is_decimal():
            return column.cast(pl.Float64)
        return column.cast(pl.Int128) if dtype in (pl.UInt64, pl.Int128) else column.cast(pl.Int64)

    def select(self, expression: pl.Expr) -> pl.DataFrame | None:
        """Return what an expression over the columns gives; None if only the schema is known."""
        return None if self.frame is None else self.frame.select(expression)

    def read_text(self, name: str, kind: Kind) -> pl.Expr:
        """Return a column of text as numbers, times or truth values, see :meth:`read`."""
        if self.frame is None:
            raise ValueError(
                f"{name!r} holds text, whose values must be looked at before they are compared "
                f"with {DESCRIBED[kind]}: expected a frame; got its schema"
            )
        bad = self.first_unlike(name, kind)
        if bad is not None:
            hint = "; in quotes, a number is compared as text" if kind == "number" else ""

            def said(value: str) -> str:
                return (
                    f"{name!r} can't be compared with {DESCRIBED[kind]}: it holds {value!r}{hint}"
                )

            def of_rows() -> list[str | None]:
                values = frame.select(unlike_text(name, kind)).to_series().to_list()
                return [None if value is None else said(value) for value in values]

            frame = self.frame
            raise RefusedValues(said(bad), of_rows)
        return _parsed(_text(name), kind)


def unlike(frame: pl.DataFrame, name: str, kind: Kind) -> pl.Series:
    """Return the values of a column of text that can't be read as a kind; empty ones are left out.

    Example:
        >>> unlike(pl.DataFrame({"price": ["9.50", "", "n/a"]}), "price", "number").to_list()
        ['n/a']
    """
    return frame.select(unlike_text(name, kind).drop_nulls()).to_series()


def unlike_text(name: str, kind: Kind) -> pl.Expr:
    """Return a column of text with null where it can be read as a kind.

    Example:
        >>> rows = pl.DataFrame({"price": ["9.50", "n/a"]})
        >>> rows.select(unlike_text("price", "number"))["price"].to_list()
        [None, 'n/a']
    """
    text = _text(name)
    return pl.when(_parsed(text, kind).is_null()).then(text).alias(name)


def readings(texts: Sequence[str]) -> list[tuple[bool, ...]]:
    """Return as what each text can be read; texts with the same answer make a column of one kind.

    Example:
        >>> seven, year, word = readings(["7", "1995", "lamp"])
        >>> seven == year, seven == word
        (True, False)
    """
    frame, text = pl.DataFrame({"text": texts}, schema={"text": pl.String}), _text("text")
    kinds = [_parsed(text, kind).is_null().alias(kind) for kind in DESCRIBED]
    return frame.select(text.is_null().alias("empty"), *kinds).rows()


def _text(name: str) -> pl.Expr:
    """Return a column as text, with null for empty texts."""
    text = pl.col(name).cast(pl.String)
    return pl.when(text != "").then(text).alias(name)


def _parsed(text: pl.Expr, kind: Kind) -> pl.Expr:
    """Return texts as a kind; null where they can't be read."""
    text = text.str.strip_chars()
    if kind == "number":
        return text.cast(pl.Float64, strict=False).fill_nan(None)
    if kind == "boolean":
        lower = text.str.to_lowercase()
        return pl.when(lower.is_in(["true", "false"])).then(lower == "true")
    if kind == "time":
        return moments(text).dt.epoch("us") / 1e6
    return text
