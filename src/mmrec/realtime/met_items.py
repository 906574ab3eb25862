"""Items of which nothing is known but the events of a log."""

from threading import Lock

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from mmrec.realtime.followed_log import FollowedLog
from mmrec.realtime.log.events import Event, EventLog
from mmrec.realtime.snapshot import Snapshot


class MetItems:
    """The items of a log with an event that counts; several threads may use it.

    The log is read only where a snapshot has items of which nothing else is known.

    Args:
        log: the log that is followed.
    """

    def __init__(self, log: EventLog) -> None:
        self._met = np.zeros(1, dtype=bool)
        self._log, self._lock = FollowedLog(log, 0, self._count), Lock()

    def unknown(self, now: Snapshot) -> Bool[Tensor, " V1"] | None:
        """Return the items of a snapshot of which nothing is known; None if there are none."""
        if not now.unknown.any():
            return None
        size = len(now.unknown)
        with self._lock:
            if size > len(self._met):
                self._met = np.pad(self._met, (0, size - len(self._met)))
            self._log.follow(now, len(self._met) - 1)
            met = torch.from_numpy(self._met[:size].copy())
        return now.unknown & ~met

    def forget(self, user: str) -> None:
        """Drop the last event of a user.

        Args:
            user: the name of the user in the log.
        """
        with self._lock:
            self._log.forget(user)

    def _count(self, event: Event, item: int) -> None:
        self._met[item] = True
