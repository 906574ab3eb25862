"""An event log in the memory of a process."""

import hmac
import secrets
import time as clock
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, takewhile
from threading import Lock
from typing import Any

from mmrec.data import ItemId
from mmrec.realtime.log.compaction import Compaction, compacted, is_kept
from mmrec.realtime.log.event_values import plain_values
from mmrec.realtime.log.events import (
    Event,
    Imported,
    NewEvent,
    check_event,
    check_merge,
    check_merged,
    check_text,
)
from mmrec.realtime.log.item_changes import ItemChange


class MemoryLog:
    """Events in memory, for experiments and tests. They are lost when the process ends.

    It fulfills the contract of :class:`mmrec.realtime.EventLog` except for durability.

    Example:
        >>> log = MemoryLog()
        >>> log.append("ann", "lamp", time=1.0), log.append("ann", "chair", time=2.0)
        (1, 2)
        >>> [event] = log.of_user("ann", after=1)
        >>> event.item
        'chair'
    """

    def __init__(self) -> None:
        self._events: dict[int, Event] = {}
        self._users: defaultdict[str, list[Event]] = defaultdict(list)
        self._ids: dict[str, Event] = {}
        self._keys: dict[str, int] = {}
        self._changes: dict[int, ItemChange] = {}
        self._last = self._last_change = self._compacted = 0
        self._imported: list[range] = []
        self._forgotten: set[bytes] = set()
        self._salt = secrets.token_bytes(32)
        # Users by those who were merged into them, and the times of the last moved events.
        self._merged: dict[str, tuple[str, float]] = {}
        self._notes: dict[str, str] = {}
        self._lock = Lock()

    def append(
        self,
        user: str,
        item: ItemId,
        *,
        event_type: str = "view",
        time: float | None = None,
        id: str | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> int:
        """Store an event and return its offset; see :meth:`EventLog.append`."""
        return self.append_many([NewEvent(user, item, event_type, time, id, values)])[0]

    def append_many(self, events: Sequence[NewEvent]) -> list[int]:
        """Store events, all or none; see :meth:`EventLog.append_many`."""
        for event in events:
            check_event(event)
        with self._lock:
            return self._store_all(events)

    def import_many(self, events: Sequence[NewEvent]) -> Imported:
        """Store events that a model was trained on; see :meth:`EventLog.import_many`."""
        for event in events:
            check_event(event)
        with self._lock:
            # By the name in the event, since a user may be forgotten first and merged then.
            gone = {user for user in {e.user for e in events} if self.was_forgotten(user)}
            first = self._last + 1
            kept = [self._as_moved(e) for e in events if e.user not in gone]
            offsets = iter(self._store_all(kept))
            new = range(first, self._last + 1)
            if new:
                self._imported.append(new)
            return Imported([0 if e.user in gone else next(offsets) for e in events], new)

    @property
    def imported(self) -> list[range]:
        """The offsets of imported events, as ranges in order."""
        return list(self._imported)

    def remember(self, name: str, value: str) -> None:
        """Keep a text under a name."""
        self._notes[name] = value

    def recall(self, name: str) -> str | None:
        """Return the text that was kept under a name, or None."""
        return self._notes.get(name)

    def read(self, after: int = 0, limit: int | None = None) -> Iterator[Event]:
        """Iterate over the events after an offset, at most ``limit``."""
        with self._lock:
            # From the end, since callers mostly follow the log.
            later = takewhile(lambda event: event.offset > after, reversed(self._events.values()))
            events = list(later)[::-1]
        return islice(events, limit)

    def of_user(
        self, user: str, *, after: int = 0, last: int | None = None, merged: bool = False
    ) -> list[Event]:
        """Return a user's events after an offset, in log order; see :meth:`EventLog.of_user`."""
        events = self._users.get(user, [])
        if merged and user in self._merged:
            target, until = self._merged[user]
            moved = [event for event in self._users.get(target, []) if event.time <= until]
            events = sorted(events + moved)
        if events and events[-1].offset <= after:
            return []
        found: list[Event] = []
        for event in reversed(events):
            if event.offset <= after or len(found) == last:
                break
            found.append(event)
        return found[::-1]

    def items_of(self, user: str) -> list[ItemId]:
        """Return the distinct items that a user interacted with."""
        return list(dict.fromkeys(event.item for event in self._users.get(user, [])))

    def name_of(self, user: str) -> str:
        """Return the name of a user in :class:`Event`: the id itself."""
        check_text("user", user)
        return user

    def before(self, offset: int, last: int | None = None) -> list[Event]:
        """Return the user's events before an event, in log order: all, or the ``last`` ones."""
        with self._lock:
            event = self._events.get(offset)
            past = (
                [] if event is None else [e for e in self._users[event.user] if e.offset < offset]
            )
        return past if last is None else past[max(0, len(past) - last) :]

    def key_at(self, offset: int) -> int:
        """Return the random number of the user of an event, 0 if the event was removed."""
        with self._lock:
            event = self._events.get(offset)
            if event is None:
                return 0
            return self._key(event.user)

    def key_of(self, user: str) -> int:
        """Return the random number of a user, 0 without events."""
        with self._lock:
            return self._key(user) if self._users.get(user) else 0

    def known_keys(self, keys: Sequence[int]) -> set[int]:
        """Return the ``keys`` whose users were neither forgotten nor merged."""
        return set(keys) & set(self._keys.values())

    def merge_users(self, source: str, target: str) -> int:
        """Make the events of one user those of another; see :meth:`EventLog.merge_users`."""
        check_merge(source, target)
        with self._lock:
            before, until = self._merged.get(source, (None, 0.0))
            check_merged(source, before, target)
            moved = {e.offset: e._replace(user=target) for e in self._users.pop(source, [])}
            if not moved:
                return 0
            self._events |= moved
            self._users[target] = sorted([*self._users[target], *moved.values()])
            self._ids = {name: moved.get(e.offset, e) for name, e in self._ids.items()}
            for user in (source, target):
                self._keys.pop(user, None)
            for user, (end, last) in list(self._merged.items()):
                if end == source:
                    self._merged[user] = (target, last)
            if self._merged.get(target, ("", 0.0))[0] == target:  # merged back: no other user
                del self._merged[target]
            self._merged[source] = (target, max(until, *(e.time for e in moved.values())))
            return len(moved)

    def forget(self, user: str) -> int:
        """Remove all data of a user; return the number of removed events."""
        with self._lock:
            before = [one for one, (end, _) in self._merged.items() if end == user]
            for one in (user, *before):
                self._merged.pop(one, None)
                self._forgotten.add(self._mark(one))
            events = self._users.pop(user, [])
            self._keys.pop(user, None)
            for event in events:
                del self._events[event.offset]
            self._ids = {name: event for name, event in self._ids.items() if event.user != user}
            return len(events)

    def was_forgotten(self, user: str) -> bool:
        """Return whether a user was forgotten once."""
        return bool(self._forgotten) and self._mark(user) in self._forgotten

    def change_items(self, change: ItemChange) -> int:
        """Store a change of the catalogue and return its number, from 1."""
        with self._lock:
            self._last_change += 1
            self._changes[self._last_change] = change
            return self._last_change

    def item_changes(self, after: int = 0) -> list[tuple[int, ItemChange]]:
        """Return the changes with a number larger than ``after``, in their order."""
        with self._lock:
            return [(number, c) for number, c in self._changes.items() if number > after]

    def compact_items(self) -> Compaction:
        """Replace changes of items by fewer ones; see :meth:`EventLog.compact_items`."""
        with self._lock:
            before = self._last_change
            kept = {number: c for number, c in self._changes.items() if is_kept(c)}
            new = [c for c in compacted(self._changes.values()) if not is_kept(c)]
            folded = len(self._changes) - len(kept)
            self._changes = kept | dict(enumerate(new, before + 1))
            self._last_change = self._compacted = before + len(new)
            return Compaction(folded, before, self._last_change)

    @property
    def loose_changes(self) -> int:
        """How many changes of items came after the last compaction."""
        return self._last_change - self._compacted

    @property
    def last_change(self) -> int:
        """The number of the last change, 0 without changes."""
        return self._last_change

    @property
    def last_offset(self) -> int:
        """The largest offset ever given, including forgotten events; 0 without events."""
        return self._last

    def close(self) -> None:
        """Do nothing: there is no file to close."""

    def _key(self, user: str) -> int:
        return self._keys.setdefault(user, secrets.randbelow(2**62) + 1)

    def _mark(self, user: str) -> bytes:
        return hmac.digest(self._salt, user.encode(), "sha256")

    def _as_moved(self, event: NewEvent) -> NewEvent:
        """Return an event as one of whom its user was merged into, unless it is later."""
        target, until = self._merged.get(event.user, (event.user, 0.0))
        old = event.time is not None and event.time <= until
        return event._replace(user=target) if old else event

    def _store_all(self, events: Sequence[NewEvent]) -> list[int]:
        new: dict[str, NewEvent | Event] = {}
        for event in events:
            known = None if event.id is None else self._ids.get(event.id)
            if known is not None and event.user in self._merged:
                target, _ = self._merged[event.user]
                event = event._replace(user=target) if known.user == target else event
            _check_same(event, self._ids, new)
        return [self._store(event) for event in events]

    def _store(self, event: NewEvent) -> int:
        known = None if event.id is None else self._ids.get(event.id)
        if known is not None:
            return known.offset
        self._last += 1
        moment = clock.time() if event.time is None else float(event.time)
        values = plain_values(event.values)
        stored = Event(self._last, event.user, event.item, event.event_type, moment, values)
        self._events[self._last] = stored
        self._users[event.user].append(stored)
        if event.id is not None:
            self._ids[event.id] = stored
        return stored.offset


def _check_same(
    event: NewEvent, stored: Mapping[str, Event], new: dict[str, NewEvent | Event]
) -> None:
    """Raise a ``ValueError`` if an id has other content already; add a new id to ``new``."""
    if event.id is None:
        return
    known = stored.get(event.id) or new.setdefault(event.id, event)
    same = (known.user, known.item, known.event_type) == (event.user, event.item, event.event_type)
    if not same or (event.time is not None and known.time not in (None, event.time)):
        raise ValueError(f"id: {event.id!r} names another event already; got other content")
