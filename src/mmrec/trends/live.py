"""A trend that counts events as they come."""

import math
from dataclasses import replace

import numpy as np
from jaxtyping import Float
from torch import Tensor

from mmrec.trends.popularity import DecayedCounts
from mmrec.trends.trend import Trend, known


class LiveTrend:
    """A trend that counts events as they come. Not safe to read while another thread changes it.

    Args:
        trend: the trend to start from; it isn't changed.

    Example:
        >>> from mmrec.trends import ItemEvents
        >>> events = ItemEvents(np.array([1, 1]), np.array([0.0, 10.0]))
        >>> live = LiveTrend(Trend.of(events, events.counts(2), half_life=9.0, pseudo_count=0.1))
        >>> live.add(2, 20.0)
        >>> live.popularity(20.0)
        tensor([0.0000, 0.4373, 0.5627])
    """

    def __init__(self, trend: Trend) -> None:
        self._trend, self._latest = trend, trend.latest
        self._created, self._first = trend.created.copy(), trend.first_times.copy()
        self._followed = trend
        self._counts = DecayedCounts.starting_at(trend.half_life, trend.value, trend.time)

    @property
    def trend(self) -> Trend:
        """The trend as it is now, to keep."""
        value, time = self._counts.state
        created, first = self._created.copy(), self._first.copy()
        return replace(self._trend, created=created, value=value, time=time, first=first)

    @property
    def active(self) -> bool:
        """Whether the bonus changes any score."""
        return self._trend.active

    def add(self, item: int, time: float) -> None:
        """Count an event; an item of unknown age begins to exist with its first event.

        Raises:
            ValueError: the item is not in the catalogue, or the time is not finite.
        """
        self._counts.add(item, time)
        self._latest = max(self._latest, time)
        for times in (self._created, self._first):
            if np.isnan(times[item]):
                times[item] = time

    def add_items(self, created: Float[np.ndarray, " N"]) -> None:
        """Take items that were added at the end of the catalogue, as ``Trend.with_items``."""
        self._trend = self._trend.with_items(created)
        self._counts.grow(self._trend.catalog_size)
        self._created = np.append(self._created, created)
        self._first = np.append(self._first, np.full(len(created), np.nan))

    def follow(self, trend: Trend) -> None:
        """Take what is new in the trend of a catalogue that changes: items, and their dates.

        An item whose date was taken away exists from its first event, a live one too.

        Args:
            trend: of the same catalogue, later or earlier; events are not taken from it.
        """
        if trend is self._followed:
            return
        self._followed, size = trend, self._trend.catalog_size
        if trend.catalog_size > size:
            self.add_items(trend.created[size + 1 :])
        dates = self._trend.created[: len(trend.created)]
        items = np.flatnonzero(~np.isclose(dates, trend.created, rtol=0, atol=0, equal_nan=True))
        if len(items):
            told, created = trend.created[items], self._trend.created.copy()
            created[items] = told
            self._trend = replace(self._trend, created=created)
            self._created[items] = np.where(np.isnan(told), self._first[items], told)

    def bonus(self, at: Float[Tensor, " B"]) -> Float[Tensor, "B V1"]:
        """Return what to add to the score of every catalogue index, see :meth:`Trend.bonus`."""
        at = known(at, self._latest)
        return self._trend.bonus_of(at, self._recent, self._created)

    def popularity(self, at: float = math.nan) -> Float[Tensor, " V1"]:
        """Return the smoothed share of each item at a time: what new users are shown."""
        now = self._latest if math.isnan(at) else at
        return self._trend.popularity_of(self._recent(now))

    def _recent(self, at: float) -> Float[np.ndarray, " V1"]:
        return self._counts.values(min(at, self._latest))
