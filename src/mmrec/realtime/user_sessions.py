"""The session of each user, brought up to date with the log."""

import logging
from dataclasses import replace
from threading import Lock

from mmrec.realtime.log.events import Event, EventLog
from mmrec.realtime.sessions import Session, SessionStore
from mmrec.realtime.snapshot import Snapshot
from mmrec.realtime.snapshot_store import SnapshotStore

log = logging.getLogger(__name__)

LOCKS = 256
"""Users share locks by the hash of their name: few to hold, and two users rarely share one."""


class UserSessions:
    """Sessions of users over a log: a stored session and the events after it.

    Args:
        events: the log.
        sessions: where sessions are kept between events.
        snapshots: what is served.
    """

    def __init__(self, events: EventLog, sessions: SessionStore, snapshots: SnapshotStore) -> None:
        self.events, self.sessions, self.snapshots = events, sessions, snapshots
        self._locks = [Lock() for _ in range(LOCKS)]

    def latest(self, user: str, now: Snapshot) -> Session:
        """Return the session after the user's last event, and store it.

        Args:
            user: name of the user, as it was sent.
            now: the snapshot of the caller; its model makes the session.
        """
        with self._lock_of(user):
            return self._latest(user, now)

    def forget(self, user: str) -> int:
        """Remove a user's events and session; return how many events there were."""
        try:
            return self.events.forget(user)
        finally:  # also if the file of the log couldn't be rewritten at once
            with self._lock_of(user):
                self.sessions.delete(self.events.name_of(user))

    def merge(self, source: str, target: str) -> int:
        """Make a user's events those of another; return how many there were."""
        moved = self.events.merge_users(source, target)
        for user in (source, target):
            with self._lock_of(user):
                self._drop(self.events.name_of(user))
        return moved

    def has_features(self, user: str, now: Snapshot) -> bool:
        """Return whether there are features of a user who was not forgotten."""
        users = now.state.users
        return users is not None and users.find(user) > 0 and not self.events.was_forgotten(user)

    def _start(self, user: str, now: Snapshot) -> Session:
        return now.updater.start(user if self.has_features(user, now) else None)

    def _lock_of(self, user: str) -> Lock:
        return self._locks[hash(user) % LOCKS]

    def _latest(self, user: str, now: Snapshot) -> Session:
        # The key is read before the events: a merge in between makes the session an outdated one.
        name, key = self.events.name_of(user), self.events.key_of(user)
        kept = self.sessions.get(name)
        if kept is not None and kept.key != key:  # the user was forgotten or merged
            self._drop(name)
            kept = None
        if kept is None or kept.version != now.updater.version:
            kept = replace(self._start(user, now), key=key)
        events = self.events.of_user(user, after=kept.offset)
        now, events = self._with_known_items(now, events)
        if not events:
            return kept
        session = now.updater(kept, events, now.vectors, now.catalog.find)
        self.sessions.put(name, session)
        if self.sessions.shared and self.events.key_of(user) != key:
            self._drop(name)  # another process forgot or merged the user in between
        return session

    def _with_known_items(self, now: Snapshot, events: list[Event]) -> tuple[Snapshot, list[Event]]:
        """Return a snapshot, and the events before the first item that is still to be added."""
        if all(event.item in now.catalog for event in events):
            return now, events
        if self.snapshots.now.version == now.version:
            now = self.snapshots.now
        if self.snapshots.behind:
            unknown = (n for n, event in enumerate(events) if event.item not in now.catalog)
            events = events[: next(unknown, None)]
        return now, events

    def _drop(self, name: str) -> None:
        try:
            self.sessions.delete(name)
        except OSError as error:  # it is never served, since its key is that of no user
            log.warning(
                "the session of a forgotten or merged user stays until it expires: %s", error
            )
