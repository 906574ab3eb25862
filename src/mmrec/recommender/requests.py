"""Checks of the arguments of a recommendation: histories, items and counts."""

from collections.abc import Collection, Hashable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl

from mmrec.data import ItemId, Where
from mmrec.data.times import LATEST

Seen = bool | Collection[str]
"""Whose items are not recommended again: all of a history's, none, or those of event types."""

When = float | datetime
"""A time: unix seconds, or a datetime, which is UTC if it has no zone."""

__all__ = [
    "History",
    "Seen",
    "When",
    "Where",
    "as_history",
    "as_seconds",
    "check_count",
    "check_item",
    "check_seen",
]

History = Sequence[ItemId] | np.ndarray | pl.Series


def check_count(k: object) -> None:
    """Raise a ``ValueError`` unless ``k`` is a whole number of 1 or more."""
    if isinstance(k, bool) or not isinstance(k, int | np.integer):
        raise ValueError(f"k must be a whole number; got {k!r}")
    if k < 1:
        raise ValueError(f"k must be 1 or more; got {k}")


def check_item(item: object) -> None:
    """Raise a ``ValueError`` unless ``item`` could be the id of one item."""
    if not isinstance(item, str | int | np.integer):
        raise ValueError(f"item must be the id of one item; got {item!r}")


def check_seen(exclude_seen: Seen, event_types: Collection[str]) -> None:
    """Raise a ``ValueError`` unless ``exclude_seen`` is a choice or names known event types."""
    if isinstance(exclude_seen, bool):
        return
    if isinstance(exclude_seen, str) or not set(exclude_seen) <= set(event_types):
        raise ValueError(
            f"exclude_seen must be True, False or a list of event types among "
            f"{sorted(event_types)}; got {exclude_seen!r}"
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
        raise ValueError(f"at must be unix seconds before the year 2200, or a datetime; got {at!r}")
    return float(at)


def as_history(history: Any) -> list[ItemId]:
    """Return a :data:`History` as a list of Python strings and integers.

    Raises:
        ValueError: ``history`` is not a list of item ids.

    Example:
        >>> as_history(np.array([3, 4]))
        [3, 4]
    """
    _check_history(history)
    for item in history:
        if not isinstance(item, Hashable) or isinstance(item, tuple):
            raise ValueError(
                f"a history must be a list of item ids; it holds {item!r}: recommend_many takes "
                f"many histories"
            )
    return [item.item() if isinstance(item, np.generic) else item for item in history]


def _check_history(history: object) -> None:
    if isinstance(history, str):
        raise ValueError(f"a history must be a list of item ids; got the text {history!r}")
    if hasattr(type(history), "columns"):
        kind = type(history).__name__
        raise ValueError(f"a history must be a list of item ids; got a {kind}: pass its column")
    if isinstance(history, Mapping) or not hasattr(history, "__getitem__"):
        raise ValueError(f"a history must be a list of item ids; got {history!r}")
