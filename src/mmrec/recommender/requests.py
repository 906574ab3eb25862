"""Checks of the arguments of a recommendation: histories, items and counts."""

from collections.abc import Collection, Hashable, Iterable, Mapping, Set
from datetime import UTC, datetime
from typing import Any

import numpy as np

from mmrec.data import EventReader, GivenId, Where
from mmrec.data.event_rules import Role
from mmrec.data.times import LATEST, other_unit
from mmrec.data.wording import did_you_mean

Seen = bool | Collection[str]
"""Whose items are not recommended again: all of a history's, none, or those of event types.

Items that the user said no to last are left out in any case.
"""

When = float | datetime
"""A time: unix seconds, or a datetime, which is UTC if it has no zone."""

__all__ = [
    "Count",
    "History",
    "Seen",
    "When",
    "Where",
    "as_history",
    "as_seconds",
    "check_count",
    "check_item",
    "check_many",
    "check_seen",
]

Count = int | np.integer[Any]
History = Any
"""Item ids, oldest first: a list, tuple, NumPy array, pandas or polars series, or a generator.

Or events, as a table, a mapping of columns or a list of mappings, with the columns ``item_id`` and,
if they are known, ``event`` and ``timestamp``. The names of live events, ``item``, ``event_type``
and ``time``, are taken too. A list may have ids and mappings.
"""


_OTHERWISE = (
    "recommend_many takes many histories, and an event with a type or time is a mapping, "
    "{'item_id': ..., 'event': ..., 'timestamp': ...}"
)


def check_count(k: object) -> int:
    """Return ``k`` as an ``int``; raise a ``ValueError`` unless it is 1 or more."""
    if isinstance(k, bool) or not isinstance(k, int | np.integer):
        raise ValueError(f"k must be a whole number; got {k!r}")
    if k < 1:
        raise ValueError(f"k must be 1 or more; got {k}")
    return int(k)


def check_item(item: object) -> None:
    """Raise a ``ValueError`` unless ``item`` could be the id of one item."""
    whole = isinstance(item, float | np.floating) and float(item).is_integer()
    if not (whole or isinstance(item, str | int | np.integer)):
        raise ValueError(f"item must be the id of one item; got {item!r}")


def check_seen(exclude_seen: Seen, reader: EventReader) -> None:
    """Raise a ``ValueError`` unless ``exclude_seen`` is a choice or names known event types."""
    if isinstance(exclude_seen, bool):
        return
    names = () if isinstance(exclude_seen, str) else exclude_seen
    known = reader.plain_types
    unknown = [name for name in names if name not in known | {*reader.event_types}]
    if isinstance(exclude_seen, str) or unknown:
        meant = did_you_mean(str(unknown[0]), known) if unknown else ""
        if unknown and (role := reader.rules.role_of(str(unknown[0]))) in (
            Role.SHOWN,
            Role.IGNORED,
        ):
            meant = f": {unknown[0]!r} is {role.name.lower()}, so that no event of it is read"
        raise ValueError(
            f"exclude_seen must be True, False or a list of event types among "
            f"{sorted(known)}; got {exclude_seen!r}{meant}"
        )


def as_seconds(at: When) -> float:
    """Return the time of a request in unix seconds.

    Raises:
        ValueError: it is not a time between 1970 and 2200.

    Example:
        >>> as_seconds(datetime(1970, 1, 2))
        86400.0
    """
    if isinstance(at, datetime):
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    number = isinstance(at, int | float | np.number) and not isinstance(at, bool)
    if not number or not 0 <= float(at) < LATEST:
        unit = other_unit(float(at)) if number else ""
        raise ValueError(
            f"at must be unix seconds before the year 2200, or a datetime; got {at!r}{unit}"
        )
    return float(at)


def check_many(histories: object) -> None:
    """Raise a ``ValueError`` unless ``histories`` could be several histories."""
    if isinstance(histories, str | Mapping) or hasattr(type(histories), "columns"):
        kind = type(histories).__name__
        raise ValueError(f"recommend_many expects histories, each a list of item ids; got a {kind}")
    if not _is_iterable(histories):
        raise ValueError(f"recommend_many expects a list of histories; got {histories!r}")


def as_history(history: Any, what: str = "a history") -> list[GivenId]:
    """Return a :data:`History` as a list of Python strings and numbers.

    Args:
        history: the item ids; an iterator is used up.
        what: the argument, for error messages.

    Raises:
        ValueError: ``history`` is not a list of item ids.

    Example:
        >>> as_history(np.array([3, 4]))
        [3, 4]
    """
    _check_history(history, what)
    items = list(history)
    for item in items:
        if not isinstance(item, Hashable) or isinstance(item, tuple):
            many = f": {_OTHERWISE}" if what == "a history" else ""
            raise ValueError(f"{what} must be a list of item ids; it holds {item!r}{many}")
    return [item.item() if isinstance(item, np.generic) else item for item in items]


def _check_history(history: object, what: str) -> None:
    wanted = f"{what} must be a list of item ids"
    if isinstance(history, str):
        raise ValueError(f"{wanted}; got the text {history!r}")
    if hasattr(type(history), "columns"):
        raise ValueError(f"{wanted}; got a {type(history).__name__}: pass its column")
    if isinstance(history, Set) and what == "a history":
        raise ValueError(f"{wanted}; got {history!r}, which has no order")
    if isinstance(history, Mapping | bytes | bytearray) or not _is_iterable(history):
        raise ValueError(f"{wanted}; got {history!r}")


def _is_iterable(history: object) -> bool:
    # A NumPy array without axes has the method, but no items.
    return isinstance(history, Iterable) and getattr(history, "ndim", 1) > 0
