"""Items that the same users take, by the events of a log."""

import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from threading import Lock

from jaxtyping import Float
from torch import Tensor

from mmrec.affinities import LAST, LiveNeighbours, Neighbours
from mmrec.data import Histories, Role
from mmrec.realtime.log.events import Event, EventLog
from mmrec.realtime.log_trend import WAITING
from mmrec.realtime.snapshot import Snapshot

USERS = 100_000
"""Users whose last items are kept; of one who was quiet for longer, the next event has no pairs."""


class LogNeighbours:
    """Neighbours that count the events of a log; several threads may use them.

    The counts of the training go on with the events of the log. Those up to its last event are
    passed over, because an imported log has the events of the training: they are only what a user
    took before. Negative, shown and ignored events don't count.

    A process that starts reads the log and has the same counts, less those of forgotten users,
    whose events are no longer in the log. In this process, what was counted stays.

    Args:
        neighbours: the neighbours at the end of the training.
        log: the log that is followed.
    """

    def __init__(self, neighbours: Sequence[Neighbours], log: EventLog) -> None:
        self.log = log
        # One event of a time to come in the training must not stop the counting.
        self._starts = [min(table.until, time.time()) for table in neighbours]
        self._live = [LiveNeighbours(table) for table in neighbours]
        self._size = max(table.catalog_size for table in neighbours)
        for live, table in zip(self._live, neighbours, strict=True):
            live.add_items(self._size - table.catalog_size)
        self._seen, self._offset = 0, 0
        self._last: OrderedDict[str, tuple[int, ...]] = OrderedDict()
        # On items that another process has added, until this one knows them.
        self._waiting: deque[Event] = deque(maxlen=WAITING)
        self._lock = Lock()

    def neighbours(self, now: Snapshot) -> tuple[Neighbours, ...]:
        """Return the neighbours as they are now, to keep."""
        with self._lock:
            self._follow(now)
            return tuple(live.neighbours for live in self._live)

    def terms(self, now: Snapshot, histories: Histories) -> dict[str, Float[Tensor, " V1"]]:
        """Return what is added to the score of every item of a snapshot, by the name of the term.

        Args:
            now: what is served.
            histories: the last events of one user, ``(1, T)``.
        """
        size = len(now.vectors) - 1
        with self._lock:
            self._follow(now)
            return {live.kind: live.bonus(histories, size)[0] for live in self._live}

    def forget(self, user: str) -> None:
        """Drop the last items of a user.

        Args:
            user: the name of the user in the log.
        """
        with self._lock:
            self._last.pop(user, None)

    def _follow(self, now: Snapshot) -> None:
        """Count the events since the last call, and take over items that were added."""
        size, grown = len(now.catalog), len(now.catalog) > self._seen
        self._seen = size
        if size > self._size:
            for live in self._live:
                live.add_items(size - self._size)
            self._size = size
        if grown and self._waiting:
            waiting, self._waiting = self._waiting, deque(maxlen=WAITING)
            for event in waiting:
                self._count(event, now)
        if self.log.last_offset > self._offset:
            for event in self.log.read(after=self._offset):
                self._offset = event.offset
                self._count(event, now)

    def _count(self, event: Event, now: Snapshot) -> None:
        if now.updater.reader.rules.role_of(event.event_type) > Role.TARGET:
            return
        item = now.catalog.find(event.item)
        if not item:
            self._waiting.append(event)
            return
        last = self._last.pop(event.user, ())
        for live, start in zip(self._live, self._starts, strict=True):
            if event.time > start:
                live.add(item, last, event.time)
        self._last[event.user] = last if last[-1:] == (item,) else (*last, item)[-LAST:]
        if len(self._last) > USERS:
            self._last.popitem(last=False)
