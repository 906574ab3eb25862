"""Recommendations that follow a user event by event.

:class:`RealtimeRecommender` is the whole of it; the rest are its parts: logs of events, stores of
sessions, indexes of items.
"""

from mmrec.realtime.events import Event, EventLog, NewEvent
from mmrec.realtime.exact import ExactIndex
from mmrec.realtime.explain import Explanation
from mmrec.realtime.faiss_index import FaissIndex
from mmrec.realtime.fold import Fold
from mmrec.realtime.index import ItemIndex, SearchResult
from mmrec.realtime.item_changes import ItemChange
from mmrec.realtime.lance_index import LanceIndex
from mmrec.realtime.memory_log import MemoryLog
from mmrec.realtime.online import OnlineLearner
from mmrec.realtime.recommender import RealtimeRecommender
from mmrec.realtime.redis_sessions import RedisSessions
from mmrec.realtime.sessions import MemorySessions, Session, SessionStore
from mmrec.realtime.sqlite_log import SqliteLog
from mmrec.realtime.trainer import OnlineTrainer
from mmrec.realtime.versions import Version, Versions

__all__ = [
    "Event",
    "EventLog",
    "ExactIndex",
    "Explanation",
    "FaissIndex",
    "Fold",
    "ItemChange",
    "ItemIndex",
    "LanceIndex",
    "MemoryLog",
    "MemorySessions",
    "NewEvent",
    "OnlineLearner",
    "OnlineTrainer",
    "RealtimeRecommender",
    "RedisSessions",
    "SearchResult",
    "Session",
    "SessionStore",
    "SqliteLog",
    "Version",
    "Versions",
]
