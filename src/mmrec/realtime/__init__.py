"""Recommendations that change with every event of a user.

:class:`RealtimeRecommender` does all of it. The other classes are its parts: logs of events, stores
of sessions, indexes of items.
"""

from mmrec.realtime.explain import Explanation
from mmrec.realtime.import_history import import_history
from mmrec.realtime.index import ExactIndex, HnswIndex, ItemIndex, LanceIndex, SearchResult
from mmrec.realtime.learning import OnlineLearner, OnlineTrainer, Version, Versions
from mmrec.realtime.log import (
    Event,
    EventLog,
    Imported,
    ImportReport,
    InvalidEvents,
    ItemChange,
    MemoryLog,
    NewEvent,
    SqliteLog,
    import_events,
)
from mmrec.realtime.recommender import CheckedEvents, Noted, RealtimeRecommender
from mmrec.realtime.redis_sessions import RedisSessions
from mmrec.realtime.sessions import MemorySessions, Session, SessionStore
from mmrec.realtime.state_updater import StateUpdater

__all__ = [
    "CheckedEvents",
    "Event",
    "EventLog",
    "ExactIndex",
    "Explanation",
    "HnswIndex",
    "ImportReport",
    "Imported",
    "InvalidEvents",
    "ItemChange",
    "ItemIndex",
    "LanceIndex",
    "MemoryLog",
    "MemorySessions",
    "NewEvent",
    "Noted",
    "OnlineLearner",
    "OnlineTrainer",
    "RealtimeRecommender",
    "RedisSessions",
    "SearchResult",
    "Session",
    "SessionStore",
    "SqliteLog",
    "StateUpdater",
    "Version",
    "Versions",
    "import_events",
    "import_history",
]
