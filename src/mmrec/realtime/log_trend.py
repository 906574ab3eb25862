"""What is popular now, by the events of a log."""

import math
from threading import Lock

import torch
from jaxtyping import Float
from torch import Tensor

from mmrec.realtime.followed_log import FollowedLog
from mmrec.realtime.log.events import Event, EventLog
from mmrec.realtime.snapshot import Snapshot
from mmrec.trends import LiveTrend, Trend


class LogTrend:
    """A trend that counts the events of a log; several threads may use it.

    The trend of the training goes on with the events of the log. Those up to its last event are
    passed over, because an imported log has the events of the training. Which of the others count
    is decided by ``FollowedLog``: repeats don't, as in training.

    Args:
        trend: the trend at the end of the training.
        log: the log that is followed.
    """

    def __init__(self, trend: Trend, log: EventLog) -> None:
        self._start, self._live = trend.latest, LiveTrend(trend)
        self._size = trend.catalog_size
        self._log, self._lock = FollowedLog(log, self._size, self._count), Lock()

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

    def forget(self, user: str) -> None:
        """Drop the last event of a user.

        Args:
            user: the name of the user in the log.
        """
        with self._lock:
            self._log.forget(user)

    def _follow(self, now: Snapshot) -> None:
        """Take over new items and changed dates, and count the events since the last call."""
        if now.state.trend is not None:
            self._live.follow(now.state.trend)
            self._size = max(self._size, now.state.trend.catalog_size)
        if len(now.catalog) >= self._size:  # an older snapshot may lack the items of new events
            self._log.follow(now, self._size)

    def _count(self, event: Event, item: int) -> None:
        if event.time > self._start:
            self._live.add(item, event.time)
