"""A trend at times of a log: for evaluation."""

import numpy as np
from jaxtyping import Float
from torch import Tensor

from mmrec.trends.events import ItemEvents
from mmrec.trends.history import PopularityHistory
from mmrec.trends.trend import Trend, with_first_times


class TrendHistory:
    """A trend at times of a log, from the events before each time alone: for evaluation.

    Popularity is that of the last event before a time, as in :class:`Trend`.

    Args:
        trend: half-life, weights and long-run counts.
        events: all events that requests may know of; those before the time of each count.

    Example:
        >>> events = ItemEvents(np.array([1, 1, 2]), np.array([0.0, 10.0, 20.0]))
        >>> trend = Trend.of(events, events.counts(2), half_life=10.0, pseudo_count=1.0)
        >>> TrendHistory(trend, events).popularity(21.0)
        tensor([0.0000, 0.6458, 0.3542])
    """

    def __init__(self, trend: Trend, events: ItemEvents) -> None:
        self.trend = trend
        self.history = PopularityHistory(events, trend.catalog_size, trend.half_life)
        self.created = with_first_times(trend.created, events)

    @property
    def active(self) -> bool:
        """Whether the bonus changes any score."""
        return self.trend.active

    def bonus(self, at: Float[Tensor, " B"]) -> Float[Tensor, "B V1"]:
        """Return what to add to the score of every catalogue index, float32, 0 for padding.

        Raises:
            ValueError: a time is NaN, and the trend is active.
        """
        return self.trend.bonus_of(at, self.history.at_last, self.created)

    def popularity(self, at: float) -> Float[Tensor, " V1"]:
        """Return the smoothed share of each item as of the last event before a time.

        Raises:
            ValueError: the time is NaN.
        """
        return self.trend.popularity_of(self.history.at_last(at))

    def features(self, at: float) -> tuple[Float[np.ndarray, " V1"], Float[np.ndarray, " V1"]]:
        """Return ``log1p(V · share)`` and the age of each item at a time."""
        return self.trend.features(self.history.at_last(at), self.created, at)
