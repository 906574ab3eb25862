"""Items of which nothing is known but the events of a log."""

from threading import Lock
from time import sleep

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from mmrec.data import ItemId, Role
from mmrec.realtime.log.events import EventLog
from mmrec.realtime.snapshot import Snapshot

PIECE = 2_000
"""Offsets that are read for one list at most, so that no list waits for a long log."""
WAITING = 10_000
"""Items that wait until they are in the catalogue at most; older ones are dropped."""


class MetItems:
    """The items of a log with an event that counts; several threads may use it.

    The log is read only where a snapshot has items of which nothing else is known. Any event will
    do, so the order doesn't matter: each call reads the newest events first, and a piece of the
    older ones, until all are read.

    Args:
        log: the log that is read.
    """

    def __init__(self, log: EventLog) -> None:
        self._log, self._lock = log, Lock()
        self._met = np.zeros(1, dtype=bool)
        self._end = 0  # what is later has not been seen yet
        self._unread: list[tuple[int, int]] = []  # after, up to; the newest last
        self._waiting: dict[ItemId, None] = {}  # met, and not in the catalogue yet

    def unknown(self, now: Snapshot, *, whole: bool = False) -> Bool[Tensor, " V1"] | None:
        """Return the items of a snapshot of which nothing is known; None if there are none.

        Args:
            now: what is served.
            whole: whether all of the log is read first. Other threads wait for a piece of it only.
        """
        if not now.unknown.any():
            return None
        size, unread = len(now.unknown), True
        while unread:
            with self._lock:
                self._know(now, size)
                if size == len(self._met):  # an older snapshot may lack the items of new events
                    self._read(now)
                met = torch.from_numpy(self._met[:size].copy())
                unread = whole and size == len(self._met) and bool(self._unread)
            if unread:
                sleep(0.001)  # lists may have the lock now
        return now.unknown & ~met

    def _know(self, now: Snapshot, size: int) -> None:
        """Take over items that were added."""
        if size <= len(self._met):
            return
        self._met = np.pad(self._met, (0, size - len(self._met)))
        waiting, self._waiting = self._waiting, {}
        for item in waiting:
            self._meet(item, now)

    def _read(self, now: Snapshot) -> None:
        """Read the newest events that were not read yet, ``PIECE`` at most."""
        last = self._log.last_offset
        if last > self._end:
            self._unread.append((self._end, last))
            self._end = last
        left = PIECE
        while left and self._unread:
            after, until = self._unread[-1]
            start = max(after, until - left)
            for event in self._log.read(start, until - start):
                if event.offset > until:  # some before it were forgotten
                    break
                if now.updater.reader.rules.role_of(event.event_type) <= Role.TARGET:
                    self._meet(event.item, now)
            self._unread[-1:] = [(after, start)] if start > after else []
            left -= until - start

    def _meet(self, item: ItemId, now: Snapshot) -> None:
        if index := now.catalog.find(item):
            self._met[index] = True
            return
        self._waiting[item] = None
        if len(self._waiting) > WAITING:
            del self._waiting[next(iter(self._waiting))]
