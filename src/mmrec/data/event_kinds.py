"""Live events in groups, so that one frame gives the types of many."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence, Set
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from mmrec.data.conditions.columns import readings

Kinded = tuple[Any, ...]
"""What the type of an event depends on: its own type, then name, class and value of columns."""

_PLAIN = (float, bool, date, type(None))
_INTEGERS = {  # as polars holds them
    "Int64": range(-(2**63), 2**63),
    "UInt64": range(2**63, 2**64),
    "Int128": range(2**64, 2**127),
    "negative Int128": range(-(2**127), -(2**63)),
}


def kinded(event_type: str, values: Mapping[str, Any], columns: Set[str]) -> Kinded:
    """Return what the type of an event depends on.

    Args:
        event_type: what happened.
        values: columns of the event.
        columns: those that conditions read.

    Raises:
        ValueError: a value that a condition reads is nested.

    Example:
        >>> kinded("review", {"rating": 1, "more": [2]}, {"rating"})
        ('review', ('rating', <class 'int'>, 1))
    """
    read = sorted(name for name in values if name in columns)
    key = (event_type, *((name, type(values[name]), values[name]) for name in read))
    try:
        hash(key)
    except TypeError as error:
        raise _refused(key) from error
    return key


def alike(events: Collection[Kinded]) -> list[list[Kinded]]:
    """Return events in groups, in which conditions read each event as they would read it alone.

    What a frame's column of texts holds depends on all of them: one that is no number makes it a
    column of words. So the events of a group have the same columns, values of one class in each,
    and texts that can be read as the same.

    Example:
        >>> events = [kinded("a", {"x": value}, {"x"}) for value in (1, 2.5, 3, "4", "five", "6")]
        >>> [[event[1][2] for event in group] for group in alike(events)]
        [[1, 3], [2.5], ['4', '6'], ['five']]
    """
    texts = list({value for _, *read in events for _, kind, value in read if _is_text(kind, value)})
    forms = dict(zip(texts, readings(texts), strict=True)) if texts else {}
    groups: dict[Any, list[Kinded]] = defaultdict(list)
    for event in events:
        form = tuple((name, _form(kind, value, forms)) for name, kind, value in event[1:])
        groups[form].append(event)
    return list(groups.values())


def frame_of(events: Sequence[Kinded]) -> pl.DataFrame:
    """Return the events of a group as a frame.

    Raises:
        ValueError: a column can't hold a value.

    Example:
        >>> frame_of([kinded("a", {"x": 1}, {"x"})]).to_dicts()
        [{'event': 'a', 'x': 1}]
    """
    columns: dict[str, list[Any]] = {"event": [event[0] for event in events]}
    for at, (name, *_) in enumerate(events[0][1:], 1):
        columns[name] = [event[at][2] for event in events]
    try:
        frame = pl.DataFrame(columns)
    except (TypeError, OverflowError, pl.exceptions.PolarsError) as error:
        raise _refused(events[0]) from error
    if "UInt128" in map(str, frame.dtypes):  # conditions compare integers up to Int128
        raise _refused(events[0])
    return frame


def _form(kind: type, value: Any, forms: Mapping[str, Any]) -> Any:
    """Return what the values of a group share: the value itself if nothing else is sure."""
    if kind in _PLAIN:
        return kind
    if kind is int and (held := [dtype for dtype, ends in _INTEGERS.items() if value in ends]):
        return (kind, *held)
    if kind is datetime and (value.tzinfo is None or value.tzinfo is UTC):
        return (kind, value.tzinfo)
    return forms.get(value, (kind, value)) if kind is str else (kind, value)


def _is_text(kind: type, value: Any) -> bool:
    """Return whether a value is a text that a column can hold: not half a character of UTF-16."""
    return kind is str and value == value.encode(errors="ignore").decode()


def _refused(event: Kinded) -> ValueError:
    read = {name: value for name, _, value in event[1:]}
    return ValueError(f"values of an event must be numbers, texts or times; got {read!r:.200}")
