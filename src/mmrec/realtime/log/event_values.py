"""Columns of events that conditions have read, as a log keeps them."""

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from math import isfinite
from typing import Any

import numpy as np

LONGEST_VALUE = 1000
"""Characters of a text among the values of an event."""

OF_EVENTS = frozenset({"user_id", "item_id", "event", "timestamp", "position"})
"""Columns that are no values: a log has them as fields of an event, and may hide the user."""

Value = str | int | float | bool | None
"""A column of an event, as a log keeps it."""


def plain_values(values: Mapping[str, Any] | None) -> dict[str, Value] | None:
    """Return columns of an event as a log keeps them; None if there are none.

    What is neither a text, a finite number nor a truth value is kept as its text, and a number that
    isn't finite as None. Columns that are fields of an event are left out, see ``OF_EVENTS``.

    Raises:
        ValueError: a text is longer than 1,000 characters, or can't be encoded as UTF-8.

    Example:
        >>> plain_values({"watched": np.float32(0.5), "rating": float("nan"), "user_id": "ann"})
        {'watched': 0.5, 'rating': None}
    """
    kept = {str(name): _plain(value) for name, value in (values or {}).items()}
    kept = {name: value for name, value in kept.items() if name not in OF_EVENTS}
    for name, value in kept.items():
        if isinstance(value, str):
            _check_text(name, value)
    return kept or None


def short_values(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return columns of an event with None in place of each text that a log would refuse.

    Example:
        >>> short_values({"note": "x" * 1001, "watched": 0.5})
        {'note': None, 'watched': 0.5}
    """
    if values is None:
        return None
    return {n: v if len(str(v)) <= LONGEST_VALUE else None for n, v in values.items()}


class StoredValues(Mapping[str, Value]):
    """The values of an event in a file, parsed when they are first read: lists don't read them.

    Example:
        >>> values = StoredValues('{"watched": 0.5}')
        >>> values["watched"], values == {"watched": 0.5}, values
        (0.5, True, {'watched': 0.5})
    """

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def _values(self) -> dict[str, Value]:
        return dict(json.loads(self._text))

    def __getitem__(self, name: str) -> Value:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(self._values)


def _plain(value: Any) -> Value:
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and not isfinite(value):
        return None
    return value if value is None or isinstance(value, str | int | float) else str(value)


def _check_text(name: str, text: str) -> None:
    want = f"values: expected texts of at most {LONGEST_VALUE:,} characters"
    if len(text) > LONGEST_VALUE:
        raise ValueError(f"{want}; got {len(text):,} characters of {name}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{want}; got one of {name} that can't be encoded as UTF-8") from None
