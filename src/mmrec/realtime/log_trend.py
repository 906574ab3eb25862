"""What is popular now, by the events of a log."""

import math
from collections import deque
from threading import Lock

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mmrec.data import Role
from mmrec.realtime.log.events import Event, EventLog
from mmrec.realtime.snapshot import Snapshot
from mmrec.trends import LiveTrend, Trend

WAITING = 10_000
"""Events that wait for their items at most; older ones are not counted."""


class LogTrend:
    """A trend that counts the events of a log; several threads may use it.

    The trend of the training goes on with the events of the log. Those up to its last event are
    passed over, because an imported log has the events of the training. Negative, shown and ignored
    events don't count.

    Args:
        trend: the trend at the end of the training.
        log: the log that is followed.
    """

    def __init__(self, trend: Trend, log: EventLog) -> None:
        self.log = log
        self._start, self._live = trend.latest, LiveTrend(trend)
        self._size, self._offset = trend.catalog_size, 0
        # On items that another process has added, until this one knows them.
        self._waiting: deque[Event] = deque(maxlen=WAITING)
        self._lock = Lock()

    @property
    def active(self) -> bool:
        """Whether the bonus changes any score."""
        return self._live.active

    def trend(self, now: Snapshot) -> Trend:
        """Return the trend as it is now, to keep."""
        with self._lock:
            self._follow(now)
            return self._live.trend

    def bonus(self, now: Snapshot, at: float) -> Float[Tensor, " V1"]:
        """Return what is added to the score of every item of a snapshot at a time."""
        with self._lock:
            self._follow(now)
            row = self._live.bonus(torch.tensor([at], dtype=torch.float64))[0]
        return row[: len(now.vectors)]

    def popularity(self, now: Snapshot, at: float = math.nan) -> Float[Tensor, " V1"]:
        """Return the share of every item of a snapshot in what happens at a time."""
        with self._lock:
            self._follow(now)
            share = self._live.popularity(at)
        return share[: len(now.vectors)]

    def _follow(self, now: Snapshot) -> None:
        """Count the events since the last call, and take over items that were added."""
        created = now.state.trend
        grown = created is not None and created.catalog_size > self._size
        if created is not None and grown:
            self._live.add_items(np.asarray(created.created[self._size + 1 :]))
            self._size = created.catalog_size
        if grown:
            waiting, self._waiting = self._waiting, deque(maxlen=WAITING)
            for event in waiting:
                self._count(event, now)
        if self.log.last_offset > self._offset:
            for event in self.log.read(after=self._offset):
                self._offset = event.offset
                self._count(event, now)

    def _count(self, event: Event, now: Snapshot) -> None:
        role = now.updater.reader.rules.role_of(event.event_type)
        if event.time <= self._start or role > Role.TARGET:
            return
        item = now.catalog.find(event.item)
        if 0 < item <= self._size:
            self._live.add(item, event.time)
        else:
            self._waiting.append(event)
