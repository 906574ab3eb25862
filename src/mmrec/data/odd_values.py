"""Columns of text that look like numbers, dates or truth values, but for some values."""

import logging

import polars as pl

from mmrec.data.conditions.columns import Kind, unlike
from mmrec.data.held_kinds import has_codes, is_free, may_be_codes
from mmrec.data.wording import counted, verb

log = logging.getLogger(__name__)

SAMPLE = 1000
"""Rows that show what a column looks like, spread over the table."""

RARE = 0.01
"""Share of other texts up to which numbers that may be codes or sizes look like numbers."""

_LOOKS: dict[Kind, str] = {"number": "numbers", "time": "dates", "boolean": "truth values"}
_OTHER = ("event", "timestamp", "position")  # read by rules of their own


def warn_of_odd_values(frame: pl.DataFrame, what: str) -> None:
    """Warn of each column of text of which half or more are numbers, dates or truth values.

    One such value makes a column a text for conditions and modalities. Titles, ids, codes and other
    columns that may hold any text are passed over. A few different whole numbers may be sizes, of
    which some are texts (``38``, ``XL``), unless one value of a hundred or fewer is a text.

    Args:
        frame: a table.
        what: name of its rows for messages.

    Example:
        >>> from mmrec.data.said import collected
        >>> with collected() as said:
        ...     warn_of_odd_values(pl.DataFrame({"price": ["9.50", "12.00", "n/a"]}), "items")
        >>> print(said[0][1])
        items: price looks like numbers but is read as text, since 1 of 3 values is another text,
        first 'n/a': correct it, or leave it empty
    """
    for name, dtype in frame.schema.items():
        if dtype != pl.String or is_free(name) or name in _OTHER:
            continue
        kind = _looks_like(frame.select(name).gather_every(max(len(frame) // SAMPLE, 1)), name)
        if kind is None:
            continue
        different = unlike(frame.select(pl.col(name).unique(maintain_order=True)), name, kind)
        if len(different):
            odd = int(frame[name].is_in(different.implode()).sum())
            many = int((frame[name] != "").sum())
            if kind == "number" and odd > RARE * many and _may_be_codes(frame[name], different):
                continue
            log.warning(
                "%s: %s looks like %s but is read as text, since %s of %s %s another text, first "
                "%.100r: correct %s, or leave %s empty",
                *(what, name, _LOOKS[kind], f"{odd:,}", counted(many, "value")),
                *(verb(odd, "is", "are"), different[0]),
                *[verb(odd, "it", "them")] * 2,
            )


def _looks_like(frame: pl.DataFrame, name: str) -> Kind | None:
    """Return the kind that half or more of the filled values of a column have, other than text."""
    filled = frame[name].filter(frame[name] != "")
    for kind in _LOOKS:
        odd = unlike(frame, name, kind)
        if len(filled) and 2 * len(odd) <= len(filled):
            like = filled.filter(~filled.is_in(odd.implode()))
            return None if kind == "number" and has_codes(like) else kind
    return None


def _may_be_codes(column: pl.Series, odd: pl.Series) -> bool:
    return may_be_codes(column.filter((column != "") & ~column.is_in(odd.implode())))
