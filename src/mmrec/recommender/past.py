"""A history as a user gives it, in the one form that an event reader takes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from mmrec.data import Catalog, EventReader, EventRules, PastEvent
from mmrec.data.tables import read_table, require_columns
from mmrec.data.times import to_seconds
from mmrec.recommender.requests import as_history

COLUMNS = ("item_id", "event", "timestamp")
"""Columns of a history with types and times; the last two are optional."""

LIVE = {"item": "item_id", "event_type": "event", "time": "timestamp"}
"""Our names by those of live events."""


def past_of_history(
    history: Any, catalog: Catalog, reader: EventReader | None = None
) -> list[PastEvent]:
    """Return a history as events with catalogue indices, oldest first.

    Args:
        history: item ids, oldest first; or events, as a table or a list of mappings with
            ``item_id`` and, if they are known, ``event`` and ``timestamp``, such as the rows of one
            user in a log, or with the names of live events, see ``LIVE``. An event of a list may
            lack what others have, except for its item and, if others have one, its time; one that
            has an item alone may be its id. Events
            with times are sorted by time; those of one time keep their order. Columns that
            conditions of rules read give events the types that they have then; an event without a
            type has the only one of the training.
        catalog: the items.
        reader: has the rules, and the types of the training.

    Raises:
        ValueError: ``history`` is neither or of several users, an item is unknown, a time is
            malformed, or types are missing.

    Example:
        >>> catalog = Catalog({"item_id": ["a", "b"]})
        >>> past_of_history({"item_id": ["b", "a"], "timestamp": [9, 5]}, catalog)
        [PastEvent(item=1, event_type=None, time=5.0), PastEvent(item=2, event_type=None, time=9.0)]
    """
    rules = EventRules() if reader is None else reader.rules
    if not _has_columns(history):
        return [PastEvent(int(index)) for index in catalog.indices_of(as_history(history))]
    if isinstance(history, Sequence) and not isinstance(history, str):
        history = _columns([_with_our_names(event, rules) for event in map(_as_event, history)])
    if _is_empty(history):
        return []
    frame = read_table(history, "a history")
    frame = frame.rename(_our_names(frame.columns, rules))
    require_columns(frame, ["item_id"], "a history")
    if "user_id" in frame.columns:  # a part of a log, of one user
        if (users := frame["user_id"].n_unique()) > 1:
            raise ValueError(f"a history is of one user; got events of {users} users")
        frame = frame.drop("user_id")
    known = [*COLUMNS, *sorted(rules.columns - set(COLUMNS))]
    if unknown := sorted(set(frame.columns) - set(known)):
        raise ValueError(f"a history must have columns among {known}; got also {unknown}")
    if "event" in frame.columns:
        frame = frame.with_columns(pl.col("event").cast(pl.String))
    if reader is not None and rules.columns & set(frame.columns):
        given = frame["event"] if "event" in frame.columns else [None] * len(frame)
        frame = frame.with_columns(pl.Series("event", [reader.typed(kind) for kind in given]))
        frame = rules.named(frame, whole=False)
    count = len(frame)
    indices = catalog.indices_of(frame["item_id"].to_list())
    types: list[Any] = [None] * count
    if "event" in frame.columns:
        types = frame["event"].to_list()
    times: list[Any] = [None] * count
    if timed := frame["timestamp"].count() if "timestamp" in frame.columns else 0:
        if timed < count:
            raise ValueError(
                f"a history must have a time for all events or none; {timed} of {count} have one"
            )
        times = to_seconds(frame["timestamp"], "a history").to_list()
    past = [
        PastEvent(int(item), kind or None, time)
        for item, kind, time in zip(indices, types, times, strict=True)
    ]
    return sorted(past, key=lambda event: event.time or 0.0)  # stable; all 0 without times


def _has_columns(history: Any) -> bool:
    if isinstance(history, Mapping) or hasattr(type(history), "columns"):
        return True
    if isinstance(history, list | tuple) and history:
        return any(isinstance(event, Mapping) for event in history)
    return False


def _is_empty(history: Any) -> bool:
    """Return whether a table or a mapping of columns has no rows."""
    columns = history.values() if isinstance(history, Mapping) else [history]
    return len(columns) > 0 and all(hasattr(c, "__len__") and len(c) == 0 for c in columns)


def _our_names(names: Iterable[str], rules: EventRules) -> dict[str, str]:
    """Return our names of those that are the names of live events and no columns of rules."""
    there = set(names)
    live = {name: ours for name, ours in LIVE.items() if ours not in there}
    return {name: ours for name, ours in live.items() if name in there - rules.columns}


def _as_event(given: Any) -> Mapping[str, Any]:
    """Return an event of a list as a mapping; some may be ids alone."""
    return given if isinstance(given, Mapping) else {"item_id": as_history([given])[0]}


def _with_our_names(event: Mapping[str, Any], rules: EventRules) -> dict[str, Any]:
    ours = _our_names(event, rules)
    return {ours.get(name, name): value for name, value in event.items()}


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return rows as columns, with None where a row lacks a name that others have."""
    for number, row in enumerate(rows):
        if row.get("item_id") is None:
            raise ValueError(
                f"events of a history must have an item_id; event {number} (counted from 0) has "
                f"{sorted(map(str, row))}"
            )
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}
