"""Logs of events of users and of changes of items."""

from mmrec.realtime.log.event_rows import InvalidEvents
from mmrec.realtime.log.events import Event, EventLog, Imported, NewEvent
from mmrec.realtime.log.import_report import ImportReport
from mmrec.realtime.log.importing import import_events
from mmrec.realtime.log.item_changes import ItemChange
from mmrec.realtime.log.memory_log import MemoryLog
from mmrec.realtime.log.sqlite_log import SqliteLog

__all__ = [
    "Event",
    "EventLog",
    "ImportReport",
    "Imported",
    "InvalidEvents",
    "ItemChange",
    "MemoryLog",
    "NewEvent",
    "SqliteLog",
    "import_events",
]
