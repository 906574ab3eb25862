"""Rows of events, as a client sends many at once."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from mmrec.data import ItemId, Table
from mmrec.data.tables import read_table
from mmrec.data.times import to_seconds
from mmrec.data.wording import did_you_mean
from mmrec.realtime.log.event_types import Given
from mmrec.realtime.log.events import NewEvent, check_event

EventRows = Table | Sequence[Mapping[str, Any]]
"""A table, or a list of mappings, with the fields of :class:`NewEvent`."""

OF_TABLES = {"user_id": "user", "item_id": "item", "event": "event_type", "timestamp": "time"}
"""Our names of fields by the columns of a training."""

TypesOf = Callable[[Sequence[Given]], list[str | ValueError]]
"""Returns the type of each event, or why it is refused; see ``types_of``."""

_SHOWN, _NUMBERED = 3, 100  # in a message: reasons, and positions of further events


class InvalidEvents(ValueError):
    """Some events of a batch are invalid, so that none was stored.

    Args:
        reasons: why, by position in the batch, from 0.
        count: number of events in the batch.

    Attributes:
        reasons: all of them; the message has the first three, and the positions of the next ones.
    """

    def __init__(self, reasons: Mapping[int, str], count: int) -> None:
        self.reasons = dict(reasons)
        shown = [f"event {n}: {reason}" for n, reason in list(self.reasons.items())[:_SHOWN]]
        more = list(self.reasons)[_SHOWN:]
        rest = [f"also events {_shortened(more)}"] if more else []
        super().__init__(
            f"expected {count:,} valid events (counted from 0); got {len(self.reasons):,} invalid "
            f"ones, and none was stored: {'; '.join(shown + rest)}"
        )


def _shortened(numbers: Sequence[int]) -> str:
    more = f" and {len(numbers) - _NUMBERED:,} more" if len(numbers) > _NUMBERED else ""
    return ", ".join(map(str, numbers[:_NUMBERED])) + more


def read_events(
    rows: EventRows, is_known: Callable[[ItemId], bool], types_of: TypesOf | None = None
) -> list[NewEvent]:
    """Return the events of rows, all of which are checked.

    Args:
        rows: the events; optional fields may be None. An integer user is its text. Fields may have
            the names of the columns of a training, see ``OF_TABLES``.
        is_known: whether an item is in the catalogue.
        types_of: gives events their types by their ``values``, all at once; without it, rows have
            no ``values``.

    Raises:
        InvalidEvents: some rows are invalid; the error names all of them.
        ValueError: the table can't be read.

    Example:
        >>> read_events([{"user": 7, "item": "lamp"}], lambda item: True)
        [NewEvent(user='7', item='lamp', event_type='view', time=None, id=None, values=None)]
        >>> read_events({"user": ["ann", ""], "item": ["x", "lamp"]}, lambda item: item == "lamp")
        Traceback (most recent call last):
        ...
        mmrec.realtime.log.event_rows.InvalidEvents: expected 2 valid events (counted from 0); got 2
        invalid ones, and none was stored: event 0: item: expected an item of the catalogue; got
        'x'; event 1: user: expected a text of 1 to 256 characters; got 0 characters
    """
    mappings = list(rows) if isinstance(rows, list | tuple) else _rows_of(rows)
    events: dict[int, NewEvent] = {}
    given: list[Given] = []
    reasons: dict[int, str] = {}
    for number, row in enumerate(mappings):
        try:
            event = _read(row, with_values=types_of is not None)
        except ValueError as error:
            reasons[number] = str(error)
        else:
            events[number] = event
            given.append((event.event_type, event.values or {}))
    types = [kind for kind, _ in given] if types_of is None else types_of(given)
    for (number, event), kind in zip(events.items(), types, strict=True):
        if isinstance(kind, ValueError):
            reasons[number] = str(kind)
        elif not is_known(event.item):
            reasons[number] = f"item: expected an item of the catalogue; got {event.item!r:.100}"
        else:
            events[number] = event._replace(event_type=kind)
    if reasons:
        raise InvalidEvents(dict(sorted(reasons.items())), len(mappings))
    return [*events.values()]


def _rows_of(table: Table) -> list[dict[str, Any]]:
    frame = read_table(table, "events")
    frame = frame.rename({name: _named(name, frame.columns) for name in frame.columns})
    if "time" in frame.columns and not frame["time"].dtype.is_numeric():  # texts or datetimes
        frame = frame.with_columns(to_seconds(frame["time"], "events"))
    return frame.to_dicts()


def with_our_names(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event whose fields have our names.

    Example:
        >>> with_our_names({"user_id": "ann", "item": "b", "event": "cart"})
        {'user': 'ann', 'item': 'b', 'event_type': 'cart'}
    """
    return {_named(name, row): value for name, value in row.items()}


def _named(name: str, given: Collection[str]) -> str:
    """Return our name of a field, which may be given as a table of a training has it."""
    ours = OF_TABLES.get(name, name)
    return name if ours in given else ours


def _read(row: object, *, with_values: bool) -> NewEvent:
    """Return the event of a row, which was checked but for its item and its ``values``."""
    if not isinstance(row, Mapping):
        raise ValueError(f"expected an event with user and item; got {type(row).__name__}")
    fields = {_named(name, row): value for name, value in row.items() if value is not None}
    values = fields.pop("values", {}) if with_values else {}
    known = [name for name in NewEvent._fields if name != "values" or with_values]
    lacking = [name for name in ("user", "item") if name not in fields]
    unknown = [name for name in row if _named(name, row) not in known]
    if lacking or unknown:
        want = f"expected user and item, and optionally {', '.join(known[2:-1])} and {known[-1]}"
        meant = did_you_mean(str(unknown[0]), known) if unknown else ""
        raise ValueError(f"{want}; got {sorted(map(str, row))!s:.200}{meant}")
    if isinstance(fields["user"], int) and not isinstance(fields["user"], bool):
        fields["user"] = str(fields["user"])
    event = NewEvent(**fields)
    check_event(event)
    if not isinstance(values, Mapping):
        raise ValueError(f"values: expected columns by name; got {type(values).__name__}")
    return event._replace(values=values or None)
