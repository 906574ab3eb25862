"""What a server is started with, and the live recommender that it describes."""

import json
import os
from dataclasses import asdict, dataclass, field
from typing import Any

from mmrec.realtime import ItemIndex, MemorySessions, RealtimeRecommender, SessionStore, SqliteLog
from mmrec.recommender import Recommender
from mmrec.serving.guard import Limits, check_exposure

VARIABLE = "MMREC_SERVE"
"""The environment variable by which worker processes get their settings."""

INDEXES = ("exact", "hnsw")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to serve a RUN.

    Attributes:
        run: folder of the RUN.
        log: file of the event log.
        versions: folder of the versions to follow, which a learner publishes; None serves the RUN.
        redis: URL of the Redis server that holds the sessions; in memory if None.
        index: ``"exact"``, or ``"hnsw"`` for large catalogues.
        host: address to listen on.
        port: and its port.
        workers: processes; several need Redis to share what they know of a user.
        readers: lists that a process makes at once; more than one pays where a catalogue is so
            large that a search takes milliseconds.
        limits: of sizes and rates.

    Raises:
        ValueError: an index is unknown, or there are several workers without Redis.
    """

    run: str
    log: str
    versions: str | None = None
    redis: str | None = None
    index: str = "exact"
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    readers: int = 2
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if self.index not in INDEXES:
            raise ValueError(f"index must be one of {list(INDEXES)}; got {self.index!r}")
        for name in ("workers", "readers"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more; got {getattr(self, name)}")
        if self.workers > 1 and self.redis is None:
            raise ValueError(
                f"{self.workers} workers need a Redis server to share sessions: --redis URL"
            )
        check_exposure(self.host, self.token)

    @property
    def token(self) -> str | None:
        """What clients must send: the environment's ``MMREC_TOKEN``, never in a file."""
        return os.environ.get("MMREC_TOKEN") or None

    @property
    def user_key(self) -> bytes | None:
        """With the environment's ``MMREC_USER_KEY``, the log keeps users as keyed hashes only."""
        key = os.environ.get("MMREC_USER_KEY")
        return None if not key else key.encode()

    def to_environment(self) -> None:
        """Leave the settings to worker processes."""
        os.environ[VARIABLE] = json.dumps(asdict(self))

    @classmethod
    def from_environment(cls) -> "Settings":
        """Take what :meth:`to_environment` left."""
        values: dict[str, Any] = json.loads(os.environ[VARIABLE])
        return cls(**values | {"limits": Limits(**values["limits"])})

    def open(self) -> RealtimeRecommender:
        """Return the live recommender, its log durable before an event is acknowledged."""
        recommender = Recommender.load(self.run)  # first: without a RUN no log is begun
        return RealtimeRecommender(
            recommender,
            log=SqliteLog(self.log, durability="full", user_key=self.user_key),
            sessions=self._sessions(),
            index=self._make_index,
        )

    def _sessions(self) -> SessionStore:
        if self.redis is None:
            return MemorySessions()
        from mmrec.realtime import RedisSessions

        return RedisSessions.from_url(self.redis)

    def _make_index(self, dim: int) -> ItemIndex:
        from mmrec.realtime import ExactIndex, HnswIndex

        return ExactIndex(dim) if self.index == "exact" else HnswIndex(dim)
