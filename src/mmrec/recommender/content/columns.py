"""Reading single columns of a catalogue for modalities."""

import re
from collections.abc import Iterable, Sequence

import polars as pl

from mmrec.data import Catalog
from mmrec.data.conditions import is_not_flat
from mmrec.data.wording import some_meant

LEAST_SEPARATED = 0.1
"""Share of the texts with several values that must have a semicolon, if it separates them."""


def as_names(columns: str | Sequence[str] | None) -> list[str] | None:
    """Return names of columns as a list; None if none were given.

    Raises:
        ValueError: there is no name, a name twice, or something else than text.
    """
    if columns is None:
        return None
    names = [columns] if isinstance(columns, str) else list(columns)
    wrong = not names or len(set(names)) < len(names)
    if wrong or not all(isinstance(name, str) and name for name in names):
        raise ValueError(f"columns must be one or more different names; got {columns!r}")
    return names


def find_columns(
    kind: str, catalog: Catalog, wanted: Sequence[str] | None, usual: Sequence[str]
) -> list[str]:
    """Return the columns that a modality reads.

    Args:
        kind: kind of the modality, for the message.
        catalog: the items.
        wanted: the columns that were named; all of them must exist.
        usual: the columns that are looked for if none were named.

    Returns:
        The named columns, or those of ``usual`` that exist.

    Raises:
        ValueError: a named column, or all of ``usual``, are missing.
    """
    there = catalog.frame.columns
    found = [name for name in wanted or usual if name in there]
    if not found or (wanted is not None and len(found) < len(wanted)):
        looked = list(wanted or usual)
        what = f"the columns {looked}" if wanted else f"a column of {looked}"
        meant = some_meant([name for name in looked if name not in there], there)
        raise ValueError(f"modality {kind!r} must find {what}; items have {there}{meant}")
    return found


def column_of(items: Catalog, name: str) -> pl.Series:
    """Return a column; all values are null if later items lack it."""
    if name in items.frame.columns:
        return items.frame[name]
    return pl.Series(name, [None] * len(items), dtype=pl.Null)


def may_have_values(column: pl.Series) -> bool:
    """Return whether a column has single values, or lists of them."""
    dtype = column.dtype
    inner = dtype.inner if isinstance(dtype, pl.List | pl.Array) else dtype
    return inner != pl.Duration and not is_not_flat(pl.Series(dtype=inner))


def values_of(kind: str, items: Catalog, name: str, separator: str) -> list[list[str]]:
    """Return the different values of each item in a column, without empty ones.

    Args:
        kind: kind of the modality, for the message.
        items: the items.
        name: the column; a text may have several values, those of a list are whole.
        separator: a regular expression of what separates the values of a text.

    Raises:
        ValueError: the column has neither single values nor lists of them.
    """
    column = column_of(items, name)
    dtype = column.dtype
    if not may_have_values(column):
        raise ValueError(
            f"modality {kind!r}: {name} must be single values or lists of them; got {dtype}"
        )
    if isinstance(dtype, pl.List | pl.Array):
        texts = column.cast(pl.List(pl.String)).to_list()
        return [_filled(text or "" for text in row or []) for row in texts]
    if dtype.is_float():  # 1.0 is the category 1
        whole = column.cast(pl.Int64, strict=False)
        column = whole if (whole == column).all() else column
    split = re.compile(separator).split
    return [_filled(split(text)) for text in column.cast(pl.String).fill_null("").to_list()]


def separators_of(column: pl.Series) -> str:
    """Return what separates the values of a column's texts: ``|``, else ``;``, or else commas.

    Where bars or semicolons separate, a comma is part of a value, as in names of people. A
    semicolon must be in one of ten texts that have any of these signs: ``&amp;`` separates nothing.

    Example:
        >>> [
        ...     separators_of(pl.Series(texts))
        ...     for texts in (["Downey, Robert Jr.|Evans, Chris"], ["Drama, War"], ["Drama"])
        ... ]
        ['|', ',', '']
    """
    if column.dtype in (pl.Categorical, pl.Enum):
        column = column.cast(pl.String)
    if column.dtype != pl.String:
        return ""
    some = column.filter(column.str.contains("[|;,]"))
    found = {sign: some.str.contains(sign, literal=True).sum() for sign in "|;,"}
    separates = {"|": found["|"] > 0, ";": found[";"] > LEAST_SEPARATED * len(some)}
    sure = "".join(sign for sign, does in separates.items() if does)
    return sure or ("," if found[","] else "")


def pattern_of(separators: str) -> str:
    """Return a regular expression of what separates values, as :func:`separators_of` found it.

    Where nothing is separated, later texts may have any sign.

    Example:
        >>> pattern_of("|"), pattern_of("")
        ('[|]', '[|;,]')
    """
    return f"[{separators}]" if separators else "[|;,]"


def _filled(texts: Iterable[str]) -> list[str]:
    """Return the texts that are not empty, each once."""
    return list(dict.fromkeys(text.strip() for text in texts if text.strip()))
