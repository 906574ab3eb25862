"""Sessions on a Redis server, shared by processes and machines; extra ``redis``."""

import json
import logging
import time
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save

from mmrec.realtime.sessions import Session

log = logging.getLogger(__name__)

PREFIX = "mmrec:session:"

TIMEOUT = 0.5
"""Seconds to wait for the server."""
PAUSE = 5.0
"""Seconds without requests to a server that timed out, so that not every user waits for it."""


class RedisSessions:
    """A :class:`SessionStore` for several processes.

    Two processes that serve one user at once may overwrite each other's session with an older
    one. This costs a step but loses no event: a session has the offset of its last event, and later
    events are applied from there.

    States are stored as safetensors. A session that can't be read counts as lost, and so do all
    sessions while the server doesn't answer: they are computed from the log, which is slower. A
    Redis server that writes snapshots keeps a forgotten user's state in its last snapshot until it
    writes the next one.

    Args:
        client: a ``redis.Redis`` client that returns bytes.
        ttl: seconds after which an unused session is dropped; None keeps all.

    Raises:
        ValueError: ``ttl`` is not positive.
    """

    shared = True

    def __init__(self, client: Any, *, ttl: int | None = 30 * 24 * 3600) -> None:
        if ttl is not None and ttl < 1:
            raise ValueError(f"RedisSessions expects a ttl of 1 second or more; got {ttl}")
        self.client, self.ttl = client, ttl
        self._silent_until = 0.0

    @classmethod
    def from_url(cls, url: str, *, ttl: int | None = 30 * 24 * 3600) -> "RedisSessions":
        """Connect to a server.

        Args:
            url: such as ``redis://127.0.0.1:6379/0``.
            ttl: as for the class.

        Raises:
            ImportError: the client is not installed.
            ConnectionError: the server doesn't answer.
        """
        try:
            import redis
        except ImportError as error:
            raise ImportError("Redis sessions need redis: pip install 'mmrec[redis]'") from error
        client = redis.Redis.from_url(url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT)
        try:
            client.ping()
        except redis.exceptions.RedisError as error:
            raise ConnectionError(f"no Redis server answers at {url}: {error}") from error
        return cls(client, ttl=ttl)

    def get(self, user: str) -> Session | None:
        """Return a user's session, or None."""
        found = self._try("get", PREFIX + user)
        return None if found is None else _unpack(found)

    def put(self, user: str, session: Session) -> None:
        """Store a session in place of the user's earlier one."""
        self._try("set", PREFIX + user, _pack(session), ex=self.ttl)

    def delete(self, user: str) -> None:
        """Drop a user's session if there is one.

        Raises:
            ConnectionError: the server doesn't answer; the session may still be stored.
        """
        from redis.exceptions import RedisError

        try:
            self.client.delete(PREFIX + user)
        except RedisError as error:
            raise ConnectionError(f"the Redis server doesn't answer: {error}") from error

    def __len__(self) -> int:
        from redis.exceptions import RedisError

        try:
            return sum(1 for _ in self.client.scan_iter(f"{PREFIX}*", count=1000))
        except RedisError:
            return 0

    def _try(self, command: str, *values: Any, **options: Any) -> Any:
        """Run a command; return None if the server doesn't answer."""
        from redis.exceptions import RedisError

        if time.monotonic() < self._silent_until:
            return None
        try:
            return getattr(self.client, command)(*values, **options)
        except RedisError as error:
            self._silent_until = time.monotonic() + PAUSE
            log.warning("Redis doesn't answer; sessions are computed from the log: %s", error)
            return None


FIELDS = ("version", "offset", "recent", "time", "events", "positive", "key")
"""The fields of a session that JSON holds."""


def _pack(session: Session) -> bytes:
    """Return a session as bytes: a line of JSON, then the tensors."""
    tensors = {str(place): part.contiguous() for place, part in enumerate(session.state)}
    fields = [getattr(session, name) for name in FIELDS]
    return json.dumps(fields).encode() + b"\n" + save(tensors)


def _unpack(data: bytes) -> Session | None:
    """Return the session that :func:`_pack` turned into bytes; None if they are damaged.

    Bytes of an earlier mmrec have other fields and count as damaged.
    """
    line, _, tensors = data.partition(b"\n")
    try:
        fields = dict(zip(FIELDS, json.loads(line), strict=True))
        parts = load(tensors)
        state = tuple(parts[str(place)] for place in range(len(parts)))
        recent = tuple((int(item), int(kind)) for item, kind in fields.pop("recent"))
    except (ValueError, TypeError, KeyError, SafetensorError):
        return None
    return Session(state=state, recent=recent, **fields)
