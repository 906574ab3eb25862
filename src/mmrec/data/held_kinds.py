"""What the text columns of a catalogue hold, so that a new value doesn't spoil a condition."""

import re

import polars as pl

from mmrec.data.conditions.columns import DESCRIBED, Columns, Kind, kind_of, unlike_text
from mmrec.data.text import TEXT_COLUMNS

CODES = {"sku", "isbn", "ean", "gtin", "asin", "mpn", "model", "author", "brand"}
SIZES = {"size", "größe", "groesse", "taille", "talla", "taglia", "maat"}
FREE = {*TEXT_COLUMNS, *CODES, *SIZES, "kind", "image", "images"}
"""Columns in lower case that may hold any text, also if all texts so far are numbers."""


Unlike = tuple[pl.Series, ValueError]
"""Which rows have a text of another kind in a column, and an error about the first of them."""

FEW = 100
"""So many values of a column are looked at one by one."""

_PLAIN: dict[Kind, re.Pattern[str]] = {
    "number": re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?"),
    "boolean": re.compile(r"(?i:true|false)"),
}

SURE = 10
"""Different whole numbers from which texts that are numbers but for some look like numbers."""


class HeldKinds:
    """The kinds of values in the text columns of a frame: numbers, times, truth values or texts.

    A column is looked at once, so that the time of a later check doesn't grow with the frame. A
    title or another usual text, an id and codes such as ``"007"`` are texts in any case.

    Example:
        >>> held, frame = HeldKinds(), pl.DataFrame({"price": ["9.50", ""], "zip": ["01", "20"]})
        >>> held.check(pl.DataFrame({"price": ["12", None], "zip": ["none", "1"]}), frame)
        >>> held.check(pl.DataFrame({"price": ["cheap"]}), frame)
        Traceback (most recent call last):
        ...
        ValueError: items: price must be a number as in the catalogue; got 'cheap'
    """

    def __init__(self) -> None:
        self._kinds: dict[str, Kind] = {}

    def check(self, rows: pl.DataFrame, frame: pl.DataFrame) -> None:
        """Refuse rows with a text where all values of a column's frame are of another kind.

        Raises:
            ValueError: a condition on the column could not be read any more.
        """
        for _, error in self.unlike(rows, frame).values():
            raise error

    def unlike(self, rows: pl.DataFrame, frame: pl.DataFrame) -> dict[str, Unlike]:
        """Return the texts that :meth:`check` refuses, by column.

        Example:
            >>> rows, frame = ({"price": [value]} for value in ("cheap", "9.50"))
            >>> [[bad, _]] = HeldKinds().unlike(pl.DataFrame(rows), pl.DataFrame(frame)).values()
            >>> bad.to_list()
            [True]
        """
        kinds = {name: self._kind(frame, name) for name in rows.columns if name in frame.columns}
        asked = {
            name: kind
            for name, kind in kinds.items()
            if kind != "text" and kind_of(rows[name].dtype) and not _plainly(rows[name], kind)
        }
        if not asked:
            return {}
        texts = rows.select(unlike_text(name, kind) for name, kind in asked.items())
        return {
            text.name: (text.is_not_null(), _refusal(text, asked[text.name], frame[text.name]))
            for text in texts
            if text.null_count() < len(text)
        }

    def _kind(self, frame: pl.DataFrame, name: str) -> Kind:
        """Return what a column holds; other columns than those of texts may hold any text here."""
        if frame[name].dtype != pl.String or is_free(name):
            return "text"
        if name not in self._kinds:
            self._kinds[name] = _kind(frame, name)
        return self._kinds[name]


def is_free(name: str) -> bool:
    """Return whether a column may hold any text, by its name.

    Example:
        >>> is_free("title"), is_free("session_id"), is_free("price")
        (True, True, False)
    """
    return name.lower() in FREE or is_id(name)


def is_id(name: str) -> bool:
    """Return whether a column is an id by its name.

    Example:
        >>> is_id("id"), is_id("movielens_id"), is_id("paid")
        (True, True, False)
    """
    return name.lower() == "id" or name.endswith(("_id", "Id", "ID"))


def may_be_codes(numbers: pl.Series) -> bool:
    """Return whether texts that are numbers may be codes, such as ``"007"``, or a few sizes.

    Example:
        >>> may_be_codes(pl.Series(["38", "40"])), may_be_codes(pl.Series(["9.50", "12"]))
        (True, False)
    """
    texts = numbers.str.strip_chars()
    sure = texts.str.contains(r"[.eE]").any() or texts.n_unique() >= SURE
    return not sure or has_codes(numbers)


def has_codes(numbers: pl.Series) -> bool:
    """Return whether some of the texts that are numbers start with a zero, such as ``"007"``."""
    return bool(numbers.str.strip_chars().str.contains(r"^[+-]?0\d").any())


def _plainly(column: pl.Series, kind: Kind) -> bool:
    """Return whether a few texts are plainly of a kind; for these, polars would take longer."""
    plain = _PLAIN.get(kind)
    if plain is None or column.dtype != pl.String or len(column) > FEW:
        return False
    return all(not text or plain.fullmatch(text) for text in column.to_list())


def _refusal(texts: pl.Series, kind: Kind, held: pl.Series) -> ValueError:
    bad, wanted = texts.drop_nulls()[0][:100], DESCRIBED[kind]
    first = next(iter(held.drop_nulls().head(1)), "")
    if kind == "time" and ":" in first:
        wanted = f"a time such as {first}"
    return ValueError(f"items: {texts.name} must be {wanted} as in the catalogue; got {bad!r}")


def _kind(frame: pl.DataFrame, name: str) -> Kind:
    """Return what a column holds; numbers that start with a zero are codes, so they are texts."""
    held = Columns(frame).holds(name)
    return "text" if held == "number" and has_codes(frame[name]) else held
