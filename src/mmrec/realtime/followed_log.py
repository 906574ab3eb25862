"""The events of a log that count, one after the other."""

from collections import deque
from collections.abc import Callable

from mmrec.data import Role
from mmrec.realtime.log.events import Event, EventLog
from mmrec.realtime.snapshot import Snapshot

WAITING = 10_000
"""Events that wait for their items at most; older ones are not counted."""


class FollowedLog:
    """Hands each event of a log that counts to a function, once its item is known.

    Negative, shown and ignored events don't count. An event on an item that another process has
    added waits until this process knows the item. Not safe to use from several threads at once.

    Args:
        log: the log.
        size: number of items that are known.
        count: takes an event and the catalogue index of its item.
    """

    def __init__(self, log: EventLog, size: int, count: Callable[[Event, int], None]) -> None:
        self.log, self._size, self._count, self._offset = log, size, count, 0
        self._waiting: deque[Event] = deque(maxlen=WAITING)

    def follow(self, now: Snapshot, size: int) -> None:
        """Hand over the events since the last call.

        Args:
            now: what is served.
            size: number of items that are known by now.
        """
        if size > self._size:
            self._size = size
            waiting, self._waiting = self._waiting, deque(maxlen=WAITING)
            for event in waiting:
                self._take(event, now)
        if self.log.last_offset > self._offset:
            for event in self.log.read(after=self._offset):
                self._offset = event.offset
                self._take(event, now)

    def _take(self, event: Event, now: Snapshot) -> None:
        if now.updater.reader.rules.role_of(event.event_type) > Role.TARGET:
            return
        item = now.catalog.find(event.item)
        if 0 < item <= self._size:
            self._count(event, item)
        else:
            self._waiting.append(event)
