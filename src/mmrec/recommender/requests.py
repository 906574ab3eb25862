"""What a recommender is asked: one history or many, and how many items."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from mmrec.data import ItemId

Where = Mapping[str, Any] | pl.Expr
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


def as_rows(history: Any) -> tuple[list[list[ItemId]], bool]:
    """Return one :data:`History` or a list of them as lists of ids, and whether it was a list.

    Raises:
        ValueError: a history is something other than a list of ids.

    Example:
        >>> as_rows(np.array([3, 4]))
        ([[3, 4]], False)
        >>> as_rows([["a"], []])
        ([['a'], []], True)
    """
    _check_history(history)
    many = len(history) > 0 and isinstance(history[0], Sequence | np.ndarray | pl.Series)
    many = many and not isinstance(history[0], str)
    rows = history if many else [history]
    return [_plain(row) for row in rows], many


def _check_history(history: object) -> None:
    if isinstance(history, str):
        raise ValueError(f"a history must be a list of item ids; got the text {history!r}")
    if hasattr(type(history), "columns"):
        kind = type(history).__name__
        raise ValueError(f"a history must be a list of item ids; got a {kind}: pass its column")
    if isinstance(history, Mapping) or not hasattr(history, "__getitem__"):
        raise ValueError(f"a history must be a list of item ids; got {history!r}")


def _plain(history: Any) -> list[ItemId]:
    """Return ids as Python's text and integers, whatever the history is made of."""
    _check_history(history)
    for item in history:
        if not isinstance(item, Hashable):
            raise ValueError(f"a history must be a list of item ids; it holds {item!r}")
    return [item.item() if isinstance(item, np.generic) else item for item in history]
