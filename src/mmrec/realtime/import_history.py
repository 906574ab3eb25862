"""Importing the history of a RUN's users into its log."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from mmrec.data import Catalog, Table, TimeUnit
from mmrec.data.inherited import EVENT_COLUMNS, TableReading
from mmrec.realtime.log.event_parts import events_path
from mmrec.realtime.log.events import EventLog
from mmrec.realtime.log.import_report import ImportReport
from mmrec.realtime.log.importing import import_events
from mmrec.realtime.log.sqlite_log import SqliteLog
from mmrec.recommender.artifact.run import read_run
from mmrec.recommender.options import Options


def import_history(
    run: str | Path,
    source: Table,
    log: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    time_unit: TimeUnit | None = None,
    user_key: bytes | None = None,
) -> ImportReport:
    """Store past events on the items of a RUN in the file of a log, as ``mmrec import-log`` does.

    Items that were added live count as items of the RUN. Other processes may use the log meanwhile.
    For a live recommender, ``import_events(source, live.log, live.catalog)`` does the same.

    Args:
        run: folder of the RUN.
        source: a data folder or a table, as for :func:`import_events`.
        log: the file, see :class:`SqliteLog`; created if it is missing.
        columns: our names of columns by theirs; by default those of the training. A name of the
            training that the table lacks is no error if the table has ours.
        time_unit: unit of timestamps that are numbers; by default that of the training.
        user_key: the key of the log, if it has one.

    Raises:
        FileNotFoundError: there is no RUN or no table; no log is created.
        ValueError: the RUN or the table is damaged, or the log can't store an event.
        OSError: the log can't be written.
    """
    found = read_run(Path(run))
    items = found.items.select("item_id")
    rules = Options.from_dict(found.config["options"]).event_rules
    path = events_path(source)
    if path is not None and not path.is_file():
        raise FileNotFoundError(f"no table of events at {path}")
    trained = TableReading.of(found.config["about"], found.given)
    table = source if path is None else path
    needed = EVENT_COLUMNS | rules.columns
    how = trained.fitted({"interactions": table}, columns, time_unit, needed=needed)
    events = SqliteLog(log, durability="full", user_key=user_key)
    try:
        catalog = _with_added(Catalog(items), events)
        types = found.config["event_types"]
        return import_events(
            source,
            events,
            catalog,
            columns=how.columns,
            time_unit=how.time_unit,
            rules=rules,
            event_types=types,
        )
    finally:
        events.close()


def _with_added(catalog: Catalog, log: EventLog) -> Catalog:
    """Return the catalogue with the ids of the items that the log adds."""
    for _, change in log.item_changes():
        ids = change.rows["item_id"]
        new = ids.filter(pl.Series([item not in catalog for item in ids], dtype=pl.Boolean))
        if change.action == "add" and len(new):
            catalog.append(new.to_frame())
    return catalog
