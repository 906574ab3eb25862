"""What the text columns of a catalogue hold, so that a new value doesn't spoil a condition."""

import polars as pl

from mmrec.data.conditions.columns import DESCRIBED, Columns, Kind
from mmrec.data.text import TEXT_COLUMNS

CODES = {"sku", "isbn", "ean", "gtin", "asin", "mpn", "model", "author", "brand"}
SIZES = {"size", "größe", "groesse", "taille", "talla", "taglia", "maat"}
FREE = {*TEXT_COLUMNS, *CODES, *SIZES, "kind", "image", "images"}
"""Columns in lower case that may hold any text, also if all texts so far are numbers."""


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
        for name in rows.columns:
            if name not in frame.columns or frame[name].dtype != pl.String or is_free(name):
                continue
            if name not in self._kinds:
                self._kinds[name] = _kind(frame, name)
            kind = self._kinds[name]
            if kind != "text" and (bad := Columns(rows).first_unlike(name, kind)) is not None:
                raise ValueError(
                    f"items: {name} must be {DESCRIBED[kind]} as in the catalogue; "
                    f"got {bad[:100]!r}"
                )


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


def _kind(frame: pl.DataFrame, name: str) -> Kind:
    """Return what a column holds; numbers that start with a zero are codes, so they are texts."""
    held = Columns(frame).holds(name)
    return "text" if held == "number" and has_codes(frame[name]) else held
