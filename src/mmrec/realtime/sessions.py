"""Sessions: the state of a user between two events."""

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Protocol, runtime_checkable

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Session:
    """A user's state after an event of the log; immutable.

    Attributes:
        version: name of the model that computed the state; no other model can use it.
        offset: the last event of the log that is in the state, 0 before the first.
        state: the tensors of the state that ``interest.step`` takes and returns, for one user.
        recent: the last events in the state, oldest first, at most
            :data:`mmrec.affinities.LAST`: the catalogue index of each item, and the number of the
            event's type, 0 if it is unknown.
        time: unix seconds of the last event.
        events: number of events in the state.
        positive: whether one of them is more than a no.
        key: the random number of the user in the log (:meth:`mmrec.realtime.EventLog.key_of`) when
            the events were read. With another one the state is of other events.
    """

    version: str
    offset: int
    state: tuple[Tensor, ...]
    recent: tuple[tuple[int, int], ...]
    time: float
    events: int
    positive: bool
    key: int = 0

    @property
    def item(self) -> int:
        """Catalogue index of the last item, 0 before the first."""
        return self.recent[-1][0] if self.recent else 0

    @property
    def event_type(self) -> int:
        """Number of the last event's type, 0 if it is unknown."""
        return self.recent[-1][1] if self.recent else 0


@runtime_checkable
class SessionStore(Protocol):
    """Keeps sessions by user. It may lose them: they are computed again from the log.

    Attributes:
        shared: whether other processes use the same store.
    """

    shared: bool

    def get(self, user: str) -> Session | None:
        """Return a user's session, or None."""
        ...

    def put(self, user: str, session: Session) -> None:
        """Store a session in place of the user's earlier one."""
        ...

    def delete(self, user: str) -> None:
        """Drop a user's session if there is one."""
        ...

    def __len__(self) -> int:
        """Return the number of sessions."""
        ...


class MemorySessions:
    """Sessions in the memory of this process. A full store drops the least recently used one.

    Args:
        capacity: the largest number of sessions.

    Raises:
        ValueError: ``capacity`` is not positive.

    Example:
        >>> store = MemorySessions(capacity=1)
        >>> store.put("ann", Session("1", 1, (), ((3, 0),), 0.0, 1, True))
        >>> store.put("bob", Session("1", 2, (), ((3, 0),), 0.0, 1, True))
        >>> store.get("ann") is None, store.get("bob").offset
        (True, 2)
    """

    shared = False

    def __init__(self, capacity: int = 100_000) -> None:
        if capacity < 1:
            raise ValueError(f"MemorySessions expects a capacity of 1 or more; got {capacity}")
        self.capacity = capacity
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._lock = Lock()

    def get(self, user: str) -> Session | None:
        """Return a user's session, or None."""
        with self._lock:
            session = self._sessions.get(user)
            if session is not None:
                self._sessions.move_to_end(user)
            return session

    def put(self, user: str, session: Session) -> None:
        """Store a session in place of the user's earlier one."""
        with self._lock:
            self._sessions[user] = session
            self._sessions.move_to_end(user)
            if len(self._sessions) > self.capacity:
                self._sessions.popitem(last=False)

    def delete(self, user: str) -> None:
        """Drop a user's session if there is one."""
        with self._lock:
            self._sessions.pop(user, None)

    def __len__(self) -> int:
        return len(self._sessions)
