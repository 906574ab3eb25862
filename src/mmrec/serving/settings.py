"""The settings of a server, and the live recommender that they describe."""

import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from mmrec.data import Catalog, TimeUnit
from mmrec.data.given_columns import columns_given
from mmrec.data.inherited import TableReading
from mmrec.realtime import (
    ExactIndex,
    HnswIndex,
    ItemIndex,
    MemorySessions,
    RealtimeRecommender,
    RedisSessions,
    SessionStore,
    SqliteLog,
)
from mmrec.recommender import Recommender
from mmrec.recommender.artifact.run import COUNT, SLOT, VECTOR, read_run
from mmrec.recommender.quotas import Quotas
from mmrec.serving.guard import Limits, check_exposure
from mmrec.serving.schemas import refuse_unknown
from mmrec.serving.sentences import sentences

PREFIX = "MMREC_"
Positive = Annotated[int, Field(ge=1)]
Secret = Annotated[str | None, Field(min_length=1, repr=False)]


class Settings(BaseSettings):
    """How to serve a RUN. A setting that is not given is read from the environment.

    The variables are ``MMREC_`` and the name in capitals: ``MMREC_TOKEN``, ``MMREC_USER_KEY``,
    ``MMREC_PORT``; ``MMREC_LIMITS`` is JSON. Empty variables count as missing.

    Attributes:
        run: folder of the RUN.
        log: file of the event log.
        history: data folder or table of events that :func:`mmrec.serving.serve` first imports into
            the log, so that the users of the training are known.
        columns: our names of the history's columns by theirs; by default as for the training.
        time_unit: unit of the history's timestamps; by default as for the training.
        images: folder of the items' images; by default the one that the RUN names.
        versions: folder of the versions that a learner publishes; the newest is served. None serves
            the RUN.
        redis: URL of the Redis server that holds the sessions; None holds them in memory.
        index: ``"exact"``, or ``"hnsw"`` for large catalogues.
        where: a condition on items that holds for every list, such as ``"stock > 0"``; that of a
            request holds as well.
        at_most: how many items of any list may have the same value, by column, such as
            ``{"author": 2}``; a request may set lower numbers.
        host: address to listen on.
        port: port to listen on; 0 picks a free one.
        workers: number of processes; two or more need Redis to share sessions.
        readers: number of lists that a process computes at once. More than two pay off only where
            the catalogue is so large that a search takes milliseconds.
        limits: limits of sizes and rates.
        warm_up: whether the encoders of new items are loaded after the start, in the background, so
            that the first addition is quick. Each process holds them in memory from then on.
        parts: the parts of the RUN that are not ours, or the modules that define them, by their
            dotted names; they are imported.
        token: what clients must send. Keep it in the environment rather than in a file.
        user_key: the log then stores users as hashes with this key only, see :class:`SqliteLog`.

    Raises:
        ValueError: a setting is missing, unknown or out of range; there are several workers without
            Redis; or others can reach ``host`` and there is no token.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True
    )

    run: Path
    log: Path
    history: Path | None = None
    columns: dict[str, str] | None = None
    time_unit: TimeUnit | None = None
    images: Path | None = None
    versions: Path | None = None
    redis: str | None = None
    index: Literal["exact", "hnsw"] = "exact"
    where: Annotated[str | None, Field(min_length=1)] = None
    at_most: dict[str, Positive] | None = None
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    workers: Positive = 1
    readers: Positive = 2
    limits: Limits = Limits()
    warm_up: bool = True
    parts: tuple[str, ...] = ()
    token: Secret = None
    user_key: Secret = None

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:  # "from None": its text repeats secrets
            raise ValueError(sentences(error.errors())) from None

    @model_validator(mode="before")
    @classmethod
    def _known(cls, values: Any) -> Any:
        refuse_unknown(cls, values)
        return values

    @model_validator(mode="after")
    def _check(self) -> "Settings":
        if self.workers > 1 and self.redis is None:
            raise ValueError(
                f"{self.workers} workers need a Redis server to share sessions: --redis URL"
            )
        check_exposure(self.host, self.token)
        return self

    def to_environment(self) -> None:
        """Set the variables from which ``Settings()`` reads these settings in a worker process."""
        for name, value in self:
            variable = f"{PREFIX}{name.upper()}"
            text = value.model_dump_json() if isinstance(value, BaseModel) else str(value)
            text = json.dumps(value) if isinstance(value, tuple | dict) else text
            if value is None:
                os.environ.pop(variable, None)
            else:
                os.environ[variable] = text

    def open(self) -> RealtimeRecommender:
        """Return the live recommender. Its log is durable before an event is acknowledged."""
        # First, because without a RUN no log file is created.
        recommender = Recommender.load(self.run, parts=self.parts, images=self.images)
        key = None if self.user_key is None else self.user_key.encode()
        return RealtimeRecommender(
            recommender,
            log=SqliteLog(self.log, durability="full", user_key=key),
            sessions=self._sessions(),
            index=self._make_index,
            where=self.where,
            at_most=self.at_most,
        )

    def check(self) -> None:
        """Read the RUN, and apply to its items what is to hold for every list.

        Raises:
            FileNotFoundError: there is no such RUN.
            ValueError: the RUN is damaged, or ``where`` or ``at_most`` can't be applied.
        """
        found = read_run(self.run)
        items = Catalog(found.items.drop(VECTOR, COUNT, SLOT, strict=False))
        with columns_given(TableReading.of(found.config["about"], found.given).columns):
            items.where(self.where or {})
            Quotas(items, self.at_most or {})

    def _sessions(self) -> SessionStore:
        return MemorySessions() if self.redis is None else RedisSessions.from_url(self.redis)

    def _make_index(self, dim: int) -> ItemIndex:
        return ExactIndex(dim) if self.index == "exact" else HnswIndex(dim)
