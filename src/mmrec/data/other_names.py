"""Columns of ours that a table has under another name: which one it may be, and what to type."""

import re
from collections.abc import Sequence
from difflib import get_close_matches

import polars as pl

USUAL = {
    "user_id": "user customer client reader member visitor viewer listener account person uid",
    "item_id": "item product article sku asin isbn post video movie film book song track content",
    "timestamp": "timestamp time datetime date when ts unix at",
}
"""Words in names of columns that tables of others have for ours, the likeliest first."""


_WORD = re.compile("[A-Z]?[a-z]+|[A-Z]+")


def require_own(frame: pl.DataFrame, wanted: Sequence[str], what: str) -> None:
    """Refuse a table that lacks columns of ours, and say how one of another name is given.

    Args:
        frame: the table.
        wanted: names of ours, such as ``user_id``.
        what: name of the rows for the message.

    Raises:
        ValueError: a column is missing.

    Example:
        >>> require_own(pl.DataFrame({"customer": [1], "sku": [2]}), ["user_id", "item_id"], "rows")
        Traceback (most recent call last):
        ...
        ValueError: rows must have the columns ['user_id', 'item_id']; got ['customer', 'sku']:
        columns with other names are given as customer=user_id,sku=item_id (--columns, columns=)
    """
    missing = [name for name in wanted if name not in frame.columns]
    if missing:
        raise ValueError(
            f"{what} must have the columns {missing}; got {frame.columns}: "
            f"{how_given(missing, frame.columns)}"
        )


def how_given(missing: Sequence[str], there: Sequence[str]) -> str:
    """Return how columns with other names are given, with those that they may be.

    Example:
        >>> how_given(["timestamp"], ["user_id", "price", "event_time"])
        'a column with another name is given as event_time=timestamp (--columns, columns=)'
        >>> how_given(["item_id"], ["user_id", "x"])
        'a column with another name is given as THEIRS=item_id (--columns, columns=)'
    """
    pairs, left = [], [name for name in there if name not in USUAL]
    for ours in missing:
        theirs = _likely(ours, left)
        if theirs is None and "id" in left and not {"user_id", "item_id"} & set(there):
            theirs = "id" if ours.endswith("_id") else None  # of an event, it may be the event's
        left = [name for name in left if name != theirs]
        pairs.append(f"{theirs or 'THEIRS'}={ours}")
    some = "a column with another name is" if len(pairs) == 1 else "columns with other names are"
    return f"{some} given as {','.join(pairs)} (--columns, columns=)"


def _likely(ours: str, there: Sequence[str]) -> str | None:
    """Return the column that may be one of ours: a usual word, or nearly the same name."""
    # Those that end in "id" first: a customer's id rather than the name.
    ordered = sorted(there, key=lambda name: not name.lower().endswith("id"))
    words = {name: [word.lower() for word in _WORD.findall(name)] for name in ordered}
    for word in USUAL[ours].split():
        for name, parts in words.items():
            if word in parts or word == "".join(parts).removesuffix("id"):
                return name
    near = get_close_matches(ours, there, n=1, cutoff=0.8)
    return near[0] if near else None
