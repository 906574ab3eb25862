"""Importing a table of past events into a log."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from mmrec.data import Catalog, EventReader, EventRules, Interactions, ItemId, Table, TimeUnit
from mmrec.realtime.log.event_parts import events_path, read_parts
from mmrec.realtime.log.event_values import OF_EVENTS, short_values
from mmrec.realtime.log.events import EventLog, NewEvent
from mmrec.realtime.log.import_report import NAMED, ImportReport

TRANSACTION = 50_000
"""Events that are stored in one commit."""
ROWS = 1_000_000
"""Rows that are in memory at once, about; see ``read_parts``."""
MISSING = "unknown"
"""Type of an event without one, where others have types."""

_SAME = ["user", "item", "time", "event_type"]
_STORED = pl.DataFrame(
    schema={"user": pl.String, "text": pl.String, "event_type": pl.String, "time": pl.Float64}
)


def import_events(
    source: Table,
    log: EventLog,
    catalog: Catalog,
    *,
    columns: Mapping[str, str] | None = None,
    time_unit: TimeUnit | None = None,
    rules: EventRules | None = None,
    event_types: Sequence[str] = (),
    rows: int = ROWS,
) -> ImportReport:
    """Store the events of a table in a log, those that the log has not.

    An event is known if the log has it with the same user, item, time and type; of several equal
    rows, the log has as many as it has equal events. So a table that grew adds its new rows only,
    wherever they stand in it, and events that were observed live and exported don't count twice.
    The id of a new event is a hash of these four and the number of the occurrence, so that two
    imports at the same time store it once.

    The events of a user are stored in the order of their times. An integer user is stored as its
    text, and an event without a type as ``"view"``, or ``"unknown"`` where others have types. If
    there are positions instead of timestamps, they count as seconds, as in training. Large files
    are read in parts; see ``read_parts``. What was stored before an error stays, and the next
    call continues.

    Args:
        source: a data folder, or a table with the columns of :class:`mmrec.data.Interactions`.
        log: where the events are stored, as :meth:`EventLog.import_many` does it.
        catalog: the items; events on other items are left out.
        columns: our names of columns by theirs, such as ``{"who": "user_id"}``.
        time_unit: as for :class:`mmrec.data.Interactions`.
        rules: what events mean; those that fit a condition are stored under the type they have
            then, such as ``"watch:negative"``. The columns that they read are stored as values, a
            text of more than 1,000 characters as None.
        event_types: those of the training. Events of other types are counted in the report; they
            are stored all the same.
        rows: rows that are in memory at once, about.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the table is malformed, or the log can't store an event.
        OSError: the log can't be written.

    Example:
        >>> from mmrec.realtime import MemoryLog
        >>> log, catalog = MemoryLog(), Catalog({"item_id": ["a", "b"]})
        >>> table = {"user_id": ["u", "u", "v"], "item_id": [*"abx"], "timestamp": [20, 10, 30]}
        >>> report = import_events(table, log, catalog)
        >>> report.new, report.users, report.unknown_items
        (2, 1, ('x',))
        >>> [event.item for event in log.of_user("u")]
        ['b', 'a']
        >>> import_events(table, log, catalog).known
        2
    """
    path = events_path(source)
    note = None if path is None else f"imported {_fingerprint(path, catalog, columns, time_unit)}"
    before = None if note is None else log.recall(note)
    if before is not None:
        return ImportReport.again(json.loads(before))
    reader = EventReader(rules or EventRules(), tuple(event_types))
    report = ImportReport()
    read = set() if rules is None else rules.columns
    table = source if path is None else path
    for part in read_parts(table, rows, read, columns=columns, time_unit=time_unit):
        if rules is not None:
            part = part.with_frame(rules.named(part.frame))
        report += _import_part(
            part, log, catalog.frame["item_id"], reader, sorted(read - OF_EVENTS)
        )
    if note is not None:
        log.remember(note, json.dumps(asdict(report)))
    return report


def _fingerprint(
    path: Path, catalog: Catalog, columns: Mapping[str, str] | None, time_unit: TimeUnit | None
) -> str:
    """Return a hash of a file and of what decides which of its events are stored, and how."""
    ids = hashlib.sha256("\n".join(map(repr, catalog.ids)).encode())
    if columns or time_unit:
        ids.update(json.dumps([sorted((columns or {}).items()), time_unit]).encode())
    with path.open("rb") as file:
        return f"{hashlib.file_digest(file, 'sha256').hexdigest()} {ids.hexdigest()}"


def _import_part(
    part: Interactions, log: EventLog, items: pl.Series, reader: EventReader, read: Sequence[str]
) -> ImportReport:
    """Import all events of some users, with the columns that conditions read."""
    events = _events(part, items.dtype, read)
    is_known = pl.col("item").is_in(items.implode()).fill_null(False)
    unknown = events.filter(~is_known)
    # Equal events are told apart by a number that doesn't depend on other rows.
    events = events.filter(is_known).with_columns(number=pl.col("user").cum_count().over(_SAME))
    stored = _stored(log, events["user"].unique().to_list()) if log.last_offset else _STORED.clear()
    new = _without(events, stored)
    new = new.with_columns(state=pl.Series(_store(new, log), dtype=pl.String))
    new = new.join(stored.group_by("user").agg(pl.col("time").last().alias("last")), "user", "left")
    fresh = new.filter(state="new")
    untyped = reader.unknown(fresh.filter(pl.col("event_type") != MISSING)["event_type"])
    return ImportReport(
        new=len(fresh),
        users=fresh["user"].n_unique(),
        known=len(events) - len(new) + len(new.filter(state="known")),
        forgotten=len(new.filter(state="forgotten")),
        unknown=len(unknown),
        unknown_items=tuple(unknown["sent"].unique(maintain_order=True).head(NAMED)),
        untyped=untyped.total(),
        unknown_types=tuple(untyped)[:NAMED],
        late=len(fresh.filter(pl.col("time") < pl.col("last"))),
    )


def _events(part: Interactions, item_type: Any, read: Sequence[str]) -> pl.DataFrame:
    """Return events as a log stores them: ``user``, ``item``, ``event_type``, ``time``, ``values``.

    An item gets the type of the catalogue's ids; it is null if its text is not that of an integer.
    ``sent`` is the item as it is in the table.
    """
    frame, item = part.frame, pl.col("item_id")
    cast = item.cast(item_type, strict=False)
    same = cast.cast(pl.String) == item.cast(pl.String)  # "007" is not 7
    kind = pl.lit("view")
    if "event" in frame.columns:
        kind = pl.when(pl.col("event").fill_null("") == "").then(pl.lit(MISSING))
        kind = kind.otherwise(pl.col("event"))
    return frame.select(
        user=pl.col("user_id").cast(pl.String),
        item=pl.when(same).then(cast),
        event_type=kind,
        time=pl.col(part.order).cast(pl.Float64),
        sent=item,
        values=pl.struct(read) if read else pl.lit(None),
    )


def _stored(log: EventLog, users: list[str]) -> pl.DataFrame:
    """Return the events that a log has of some users, each user's in the order of the log."""
    rows = [
        (user, str(event.item), event.event_type, event.time)
        for user in users
        for event in log.of_user(user, merged=True)
    ]
    return pl.DataFrame(rows, schema=_STORED.schema, orient="row")


def _without(events: pl.DataFrame, stored: pl.DataFrame) -> pl.DataFrame:
    """Return the events without as many of several equal ones as are stored."""
    have = stored.group_by("user", "text", "event_type", "time").agg(have=pl.len())
    events = events.with_columns(text=pl.col("item").cast(pl.String))
    events = events.join(
        have, ["user", "text", "event_type", "time"], "left", maintain_order="left"
    )
    return events.filter(pl.col("number") > pl.col("have").fill_null(0))


def _store(events: pl.DataFrame, log: EventLog) -> list[str]:
    """Store events; return what became of each: ``"new"``, ``"known"`` or ``"forgotten"``."""
    states: list[str] = []
    for start in range(0, len(events), TRANSACTION):
        rows = events[start : start + TRANSACTION]
        names = ("user", "item", "event_type", "time", "values", "number")
        columns = (rows[name] for name in names)
        found = log.import_many([_new_event(*row) for row in zip(*columns, strict=True)])
        states += [
            "new" if offset in found.new else "known" if offset else "forgotten"
            for offset in found.offsets
        ]
    return states


def _new_event(
    user: str,
    item: ItemId,
    event_type: str,
    time: float,
    values: Mapping[str, Any] | None,
    number: int,
) -> NewEvent:
    same = json.dumps([user, str(item), event_type, time, number]).encode()
    id = f"import:{hashlib.blake2b(same, digest_size=16).hexdigest()}"
    return NewEvent(user, item, event_type, time, id, short_values(values))
