"""Checks of the arguments of a recommendation: histories, items and counts."""

from collections.abc import Hashable, Iterable, Mapping, Set
from typing import Any

import numpy as np

from mmrec.data import ItemId, Where

__all__ = ["Count", "History", "Where", "as_history", "check_count", "check_item", "check_many"]

Count = int | np.integer[Any]
History = Iterable[ItemId | np.integer[Any]] | np.ndarray
"""Item ids, oldest first: a list, tuple, NumPy array, pandas or polars series, or a generator."""


def check_count(k: object) -> int:
    """Return ``k`` as an ``int``; raise a ``ValueError`` unless it is 1 or more."""
    if isinstance(k, bool) or not isinstance(k, int | np.integer):
        raise ValueError(f"k must be a whole number; got {k!r}")
    if k < 1:
        raise ValueError(f"k must be 1 or more; got {k}")
    return int(k)


def check_item(item: object) -> None:
    """Raise a ``ValueError`` unless ``item`` could be the id of one item."""
    if not isinstance(item, str | int | np.integer):
        raise ValueError(f"item must be the id of one item; got {item!r}")


def check_many(histories: object) -> None:
    """Raise a ``ValueError`` unless ``histories`` could be several histories."""
    if isinstance(histories, str | Mapping) or hasattr(type(histories), "columns"):
        kind = type(histories).__name__
        raise ValueError(f"recommend_many expects histories, each a list of item ids; got a {kind}")
    if not _is_iterable(histories):
        raise ValueError(f"recommend_many expects a list of histories; got {histories!r}")


def as_history(history: Any, what: str = "a history") -> list[ItemId]:
    """Return a :data:`History` as a list of Python strings and integers.

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
            many = ": recommend_many takes many histories" if what == "a history" else ""
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
