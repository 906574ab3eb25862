"""What a server adds to scores for popularity and age, as of each event that a learner follows."""

import time as clock
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mmrec.realtime.clock import AHEAD
from mmrec.trends import LiveTrend, Trend

PREFIX = "trend."
"""Of the names of its tensors in a checkpoint."""


class EventTrend:
    """A trend that goes on from a training, one event of a log after the other.

    Events up to the last one of the training have no effect, since the trend has them. An event
    that is more than a minute later than the clock counts as of now.

    Args:
        trend: the trend at the end of the training.

    Example:
        >>> import numpy as np
        >>> from mmrec.trends import ItemEvents, TrendWeights
        >>> before = ItemEvents(np.array([1]), np.array([0.0]))
        >>> weights = TrendWeights(now=1.0)
        >>> args = {"half_life": 9.0, "pseudo_count": 0.1, "weights": weights}
        >>> trend = EventTrend(Trend.of(before, before.counts(2), **args))
        >>> every = torch.tensor([True, True])
        >>> rows = trend.bonuses(torch.tensor([2, 2]), torch.tensor([5.0, 6.0]), every, every)
        >>> bool(rows[0, 2] < rows[1, 2])
        True
    """

    def __init__(self, trend: Trend) -> None:
        self._trend, self._start, self._live = trend, trend.latest, LiveTrend(trend)

    def bonuses(
        self,
        items: Int[Tensor, " B"],
        times: Float[Tensor, " B"],
        counts: Bool[Tensor, " B"],
        wanted: Bool[Tensor, " B"],
    ) -> Float[Tensor, "N V1"]:
        """Count events, and return the bonus of all items just before each event that is wanted.

        Args:
            items: the catalogue index of each event's item.
            times: unix seconds.
            counts: which events count; negative ones don't.
            wanted: for which events the bonus is returned, N of them.
        """
        rows = [torch.zeros(0, self._trend.catalog_size + 1)]
        latest = clock.time() + AHEAD
        for item, time, count, want in zip(items, times.double(), counts, wanted, strict=True):
            at = time.clamp(max=latest)
            if want:
                rows.append(self._live.bonus(at.reshape(1)))
            if count and at > self._start:
                self._live.add(int(item), float(at))
        return torch.cat(rows)

    def follow(self, trend: Trend) -> None:
        """Take items that were added at the end of the catalogue, and changed dates of items."""
        self._trend = trend
        self._live.follow(trend)

    def tensors(self) -> dict[str, Tensor]:
        """Return what a checkpoint holds."""
        return {f"{PREFIX}{name}": array for name, array in self._live.trend.tensors().items()}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from what :meth:`tensors` returned, of as many items."""
        arrays: dict[str, Any] = {
            name.removeprefix(PREFIX): array.numpy() for name, array in tensors.items()
        }
        arrays.setdefault("first", arrays["created"])  # checkpoints of earlier versions lack it
        self._live = LiveTrend(replace(self._trend, **arrays))
