"""Decayed popularity at any time of a log, from the events before that time alone."""

import numpy as np
from jaxtyping import Float

from mmrec.trends.events import ItemEvents, check_items
from mmrec.trends.popularity import check_half_life, weight_of_age

ELEMENTS = 2**24
"""Numbers in all snapshots together: 128 MB."""

STRIDE = 256
"""A snapshot is taken after at least so many events; adding them is cheap."""


class PopularityHistory:
    """The decayed number of events of each item, at any time of a log.

    An event counts strictly after its instant, so the popularity at a target's time knows neither
    the target nor anything later. Values are exact: snapshots are taken after every so many events,
    and a time starts at the last snapshot before it and adds the events since.

    Args:
        events: the log.
        catalog_size: V, the number of items.
        half_life: seconds after which an event counts half; ``inf`` for plain counts.

    Raises:
        ValueError: the half-life is not positive, or an event's item is not in the catalogue.

    Example:
        >>> events = ItemEvents(np.array([1, 1, 2]), np.array([0.0, 3600.0, 3600.0]))
        >>> PopularityHistory(events, 2, 3600.0).values(np.array([0.0, 3600.0, 7200.0]))
        array([[0.  , 0.  , 0.  ],
               [0.  , 0.5 , 0.  ],
               [0.  , 0.75, 0.5 ]])
    """

    def __init__(self, events: ItemEvents, catalog_size: int, half_life: float) -> None:
        check_half_life(half_life)
        check_items(events, catalog_size)
        self.events, self.catalog_size, self.half_life = events, catalog_size, half_life
        most = max(ELEMENTS // (catalog_size + 1), 1)
        self._stride = max(-(-(len(events) + 1) // most), STRIDE)
        self._snapshots = self._take_snapshots()

    def before(self, time: float) -> Float[np.ndarray, " V1"]:
        """Return the decayed number of each item's events before a time, ``(V + 1,)``.

        Raises:
            ValueError: the time is NaN.
        """
        return self._until(self._stop(time), time)

    def at_last(self, time: float) -> Float[np.ndarray, " V1"]:
        """Return :meth:`before`, but as of the last event before a time: it counts 1.

        Raises:
            ValueError: the time is NaN.

        Example:
            >>> events = ItemEvents(np.array([1, 2]), np.array([0.0, 3600.0]))
            >>> PopularityHistory(events, 2, 3600.0).at_last(1e6)
            array([0. , 0.5, 1. ])
        """
        stop = self._stop(time)
        return self._until(stop, float(self.events.time[stop - 1]) if stop else time)

    def values(self, times: Float[np.ndarray, " B"]) -> Float[np.ndarray, "B V1"]:
        """Return :meth:`before` for each of many times, ``(B, V + 1)``."""
        values = np.empty((len(times), self.catalog_size + 1))
        for row, time in enumerate(times):
            values[row] = self.before(float(time))
        return values

    def _stop(self, time: float) -> int:
        """Return the number of events before a time."""
        if np.isnan(time):
            raise ValueError("a history of popularity needs the time of each request; got NaN")
        return int(np.searchsorted(self.events.time, time, side="left"))

    def _until(self, stop: int, time: float) -> Float[np.ndarray, " V1"]:
        """Return what the first ``stop`` events of each item count at a time."""
        snapshot = stop // self._stride
        start = snapshot * self._stride
        values = self._snapshots[snapshot] * self._decay_since(start, time)
        return self._with_events(values, start, stop, time)

    def _take_snapshots(self) -> Float[np.ndarray, "G V1"]:
        """Return the values just after the first 0, S, 2 S, … events, at the last one's time."""
        number = len(self.events) // self._stride + 1
        snapshots = np.zeros((number, self.catalog_size + 1))
        for row in range(1, number):
            start, stop = (row - 1) * self._stride, row * self._stride
            now = float(self.events.time[stop - 1])
            values = snapshots[row - 1] * self._decay_since(start, now)
            snapshots[row] = self._with_events(values, start, stop, now)
        return snapshots

    def _decay_since(self, start: int, time: float) -> float:
        """Return what the values after the first ``start`` events are multiplied by at a time."""
        if not start:
            return 1.0
        last = float(self.events.time[start - 1])
        return float(2.0 ** ((last - time) / self.half_life))

    def _with_events(
        self, values: Float[np.ndarray, " V1"], start: int, stop: int, time: float
    ) -> Float[np.ndarray, " V1"]:
        weights = weight_of_age(time - self.events.time[start:stop], self.half_life)
        np.add.at(values, self.events.item[start:stop], weights)
        return values
