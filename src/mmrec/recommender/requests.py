"""Checks of the arguments of a recommendation: histories, items and counts."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from mmrec.data import GivenId

Where = Mapping[str, Any] | pl.Expr
History = Sequence[GivenId] | np.ndarray | pl.Series


def check_count(k: object) -> None:
    """Raise a ``ValueError`` unless ``k`` is a whole number of 1 or more."""
    if isinstance(k, bool) or not isinstance(k, int | np.integer):
        raise ValueError(f"k must be a whole number; got {k!r}")
    if k < 1:
        raise ValueError(f"k must be 1 or more; got {k}")


def check_item(item: object) -> None:
    """Raise a ``ValueError`` unless ``item`` could be the id of one item."""
    whole = isinstance(item, float | np.floating) and float(item).is_integer()
    if not (whole or isinstance(item, str | int | np.integer)):
        raise ValueError(f"item must be the id of one item; got {item!r}")


def as_history(history: Any) -> list[GivenId]:
    """Return a :data:`History` as a list of Python strings and numbers.

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
