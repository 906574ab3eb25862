"""Affinities that are counted, by the events of a log."""

import time
from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mmrec.affinities import LAST, Counted, Recent
from mmrec.realtime.followed_log import USERS, FollowedLog
from mmrec.realtime.log.events import Event, EventLog
from mmrec.realtime.snapshot import Snapshot


class LogNeighbours:
    """Affinities that count the events of a log; several threads may use them.

    The counts of the training go on with the events of the log. Those up to its last event are
    passed over, because an imported log has the events of the training: they are only what a user
    took before. Which of the others count is decided by ``FollowedLog``: repeats don't, as in
    training. The last items of ``USERS`` users are kept; of others, the next event has no pairs.

    A process that starts reads the log and has the same counts, less those of forgotten users,
    whose events are no longer in the log. In this process, what was counted stays.

    Args:
        counted: the counts at the end of the training.
        log: the log that is followed.
    """

    def __init__(self, counted: Sequence[Counted], log: EventLog) -> None:
        # One event of a time to come in the training must not stop the counting.
        self._starts = [min(one.until, time.time()) for one in counted]
        self._live = [one.live() for one in counted]
        self._size = max(one.catalog_size for one in counted)
        for live, one in zip(self._live, counted, strict=True):
            live.add_items(self._size - one.catalog_size)
        self._last: OrderedDict[str, tuple[int, ...]] = OrderedDict()
        self._log, self._lock = FollowedLog(log, self._size, self._count), Lock()

    def counted(self, now: Snapshot) -> tuple[Counted, ...]:
        """Return the counts as they are now, to keep."""
        with self._lock:
            self._follow(now)
            return tuple(live.counted for live in self._live)

    def bonus(self, now: Snapshot, recent: Recent) -> Float[Tensor, " V1"] | None:
        """Return what is added to the score of every item of a snapshot; None for nothing.

        Args:
            now: what is served.
            recent: the last events of a user.
        """
        terms = [*self.terms(now, recent).values()]
        # A copy, since a single term may be an array that goes on changing.
        return None if not terms else torch.from_numpy(sum(terms[1:], start=terms[0].copy()))

    def terms(self, now: Snapshot, recent: Recent) -> dict[str, Float[np.ndarray, " V1"]]:
        """Return the parts of the bonus by the name of the term."""
        with self._lock:
            self._follow(now)
            terms = {live.kind: live.bonus(recent) for live in self._live if live.weight}
        # There may be items that were added after the snapshot.
        return {kind: term[: len(now.vectors)] for kind, term in terms.items()}

    def forget(self, user: str) -> None:
        """Drop the last items, and the last event, of a user.

        Args:
            user: the name of the user in the log.
        """
        with self._lock:
            self._last.pop(user, None)
            self._log.forget(user)

    def _follow(self, now: Snapshot) -> None:
        """Take over items that were added, and count the events since the last call."""
        if len(now.catalog) > self._size:
            for live in self._live:
                live.add_items(len(now.catalog) - self._size)
            self._size = len(now.catalog)
        if len(now.catalog) >= self._size:  # an older snapshot may lack the items of new events
            self._log.follow(now, self._size)

    def _count(self, event: Event, item: int) -> None:
        last = self._last.pop(event.user, ())
        for live, start in zip(self._live, self._starts, strict=True):
            if event.time > start:
                live.add(item, last, event.time)
        self._last[event.user] = last if last[-1:] == (item,) else (*last, item)[-LAST:]
        if len(self._last) > USERS:
            self._last.popitem(last=False)
