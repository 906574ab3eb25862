"""Logs of events of users and of changes of items."""

from mmrec.realtime.log.events import Event, EventLog, NewEvent
from mmrec.realtime.log.item_changes import ItemChange
from mmrec.realtime.log.memory_log import MemoryLog
from mmrec.realtime.log.sqlite_log import SqliteLog

__all__ = ["Event", "EventLog", "ItemChange", "MemoryLog", "NewEvent", "SqliteLog"]
