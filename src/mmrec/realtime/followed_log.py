"""The events of a log that count, one after the other."""

import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable

from mmrec.data import Role
from mmrec.realtime.clock import AHEAD
from mmrec.realtime.log.events import Event, EventLog
from mmrec.realtime.snapshot import Snapshot

WAITING = 10_000
"""Events that wait for their items at most; older ones are not counted."""
USERS = 100_000
"""Users who are remembered; of one who was quiet for longer, the next event is as the first one."""


class FollowedLog:
    """Hands each event of a log that counts to a function, once its item is known.

    Negative, shown and ignored events don't count. Neither do repeats, if the rules of the RUN drop
    them: events on the item, and of the type, of their user's event before in the log, see
    ``mmrec.data.interactions.is_repeat``. A user who was forgotten or merged since, in whatever
    process, has no event before. An event on an item that another process has added
    waits until this process knows the item.

    An event that is more than a minute later than the clock counts as of when it came. Of those
    that came before this process began, this is not known: they count as of the latest of the
    events before them in the log. Not safe to use from several threads at once.

    Args:
        log: the log.
        size: number of items that are known.
        count: takes an event and the catalogue index of its item.
    """

    def __init__(self, log: EventLog, size: int, count: Callable[[Event, int], None]) -> None:
        self.log, self._size, self._count = log, size, count
        self._offset = self._start = 0  # of the last event, and of the one before the last call
        self._before, self._latest = log.last_offset, -math.inf
        self._waiting: deque[Event] = deque(maxlen=WAITING)
        self._last: OrderedDict[str, Event] = OrderedDict()

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
            self._start = self._offset
            for event in self.log.read(after=self._offset):
                self._offset = event.offset
                came = event._replace(time=self._time_of(event))
                if self._counts(came, now):
                    self._take(came, now)

    def forget(self, user: str) -> None:
        """Drop the last event of a user.

        Args:
            user: the name of the user in the log.
        """
        self._last.pop(user, None)

    def _time_of(self, event: Event) -> float:
        """Return the time as of which the next event of the log counts."""
        now = time.time()
        if event.time <= now + AHEAD:
            self._latest = max(self._latest, event.time)
            return event.time
        known = event.offset <= self._before and math.isfinite(self._latest)
        return self._latest if known else now

    def _counts(self, event: Event, now: Snapshot) -> bool:
        """Return whether the next event of the log counts."""
        rules = now.updater.reader.rules
        role = rules.role_of(event.event_type)
        if role >= Role.SHOWN:  # no event of the user: it doesn't separate two of them
            return False
        repeated = rules.drop_repeats and self._is_repeat(event, now)
        return role <= Role.TARGET and not repeated

    def _is_repeat(self, event: Event, now: Snapshot) -> bool:
        """Return whether an event is as its user's event before, in place of which it is kept."""
        before = self._last.pop(event.user, None)
        self._last[event.user] = event
        if len(self._last) > USERS:
            self._last.popitem(last=False)
        kind_of = now.updater.reader.kind_of
        if before is None or kind_of(before.event_type) != kind_of(event.event_type):
            return False
        if before.item != event.item:
            item = now.catalog.find(event.item)  # one item may be written as 7 and as "7"
            if item == 0 or item != now.catalog.find(before.item):
                return False
        return before.offset > self._start or self._are_of_one_user(before, event)

    def _are_of_one_user(self, before: Event, event: Event) -> bool:
        """Return whether nobody forgot or merged the user between two events of the same name."""
        return self.log.key_at(before.offset) == self.log.key_at(event.offset)

    def _take(self, event: Event, now: Snapshot) -> None:
        """Hand over an event that counts, or let it wait for its item."""
        item = now.catalog.find(event.item)
        if 0 < item <= self._size:
            self._count(event, item)
        else:
            self._waiting.append(event)
