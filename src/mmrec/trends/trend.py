"""The bonus of an item at the time of a request, frozen, in the past and live."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mmrec.trends.age import age_values, ages
from mmrec.trends.events import ItemEvents
from mmrec.trends.history import PopularityHistory
from mmrec.trends.popularity import (
    DecayedCounts,
    check_half_life,
    popularity_feature,
    smoothed_share,
    static_share,
)
from mmrec.trends.weights import TrendWeights

ARRAYS = ("counts", "created", "value", "time")


@dataclass(frozen=True)
class Trend:
    """What is popular now and how old items are, as a bonus on their scores.

    ``bonus = w_now · log1p(V · share(at)) + w_static · log1p(V · share_static) + f(age(at))``.

    Without further events, popularity decays from the end of the log on. :class:`TrendHistory`
    answers for earlier times, :class:`LiveTrend` counts events that come.

    Attributes:
        weights: what each term adds.
        half_life: seconds after which an event counts half; may be ``inf``.
        pseudo_count: events by which shares are drawn towards the long-run ones.
        scale: V in the formula: the number of items when the weights were fitted.
        counts: training events of each item, ``(V + 1,)``.
        created: when each item began to exist, unix seconds, NaN if unknown, ``(V + 1,)``.
        value: decayed number of events of each item, at its last event, ``(V + 1,)``.
        time: unix seconds of each item's last event, ``(V + 1,)``.

    Raises:
        ValueError: the half-life or the pseudo-count is not positive, or the arrays differ in
            length.

    Example:
        >>> events = ItemEvents(np.array([1, 1, 2]), np.array([0.0, 10.0, 20.0]))
        >>> trend = Trend.of(events, events.counts(2), half_life=10.0, pseudo_count=1.0)
        >>> trend = replace(trend, weights=TrendWeights(now=1.0))
        >>> trend.bonus(torch.tensor([20.0, 1e6], dtype=torch.float64))
        tensor([[0.0000, 0.7082, 0.6779],
                [0.0000, 0.8473, 0.5108]])
    """

    weights: TrendWeights
    half_life: float
    pseudo_count: float
    scale: int
    counts: Float[np.ndarray, " V1"]
    created: Float[np.ndarray, " V1"]
    value: Float[np.ndarray, " V1"]
    time: Float[np.ndarray, " V1"]

    def __post_init__(self) -> None:
        check_half_life(self.half_life)
        if not self.pseudo_count > 0:
            raise ValueError(f"pseudo_count must be above 0; got {self.pseudo_count}")
        lengths = {name: len(getattr(self, name)) for name in ARRAYS}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"the arrays of a trend must have the same length; got {lengths}")

    @classmethod
    def of(
        cls,
        events: ItemEvents,
        counts: Float[np.ndarray, " V1"],
        *,
        half_life: float,
        pseudo_count: float,
        created: Float[np.ndarray, " V1"] | None = None,
        weights: TrendWeights | None = None,
    ) -> "Trend":
        """Return the trend at the end of a log.

        Args:
            events: the log.
            counts: training events of each item, ``(V + 1,)``.
            half_life: seconds.
            pseudo_count: see :func:`mmrec.trends.pseudo_count`.
            created: see :func:`mmrec.trends.created_times`; by default the first events.
            weights: what each term adds; by default nothing.
        """
        size = len(counts) - 1
        empty = cls(
            weights=weights or TrendWeights(),
            half_life=half_life,
            pseudo_count=pseudo_count,
            scale=size,
            counts=counts.astype(np.float64),
            created=np.full(size + 1, np.nan) if created is None else created,
            value=np.zeros(size + 1),
            time=np.zeros(size + 1),
        )
        return empty.with_events(events)

    @property
    def active(self) -> bool:
        """Whether the bonus changes any score."""
        return self.weights.active

    @property
    def catalog_size(self) -> int:
        """V, the number of items."""
        return len(self.counts) - 1

    @property
    def latest(self) -> float:
        """The time of the last event; a request of unknown time (NaN) is answered as of then."""
        return float(self.time.max())

    def bonus(self, at: Float[Tensor, " B"]) -> Float[Tensor, "B V1"]:
        """Return what to add to the score of every catalogue index, float32, 0 for padding.

        Args:
            at: float64 unix seconds of each request; NaN if unknown.
        """
        return self._bonus(at, self._counts.values, self.created, self.latest)

    def popularity(self, at: float = math.nan) -> Float[Tensor, " V1"]:
        """Return the smoothed share of each item at a time: what new users are shown."""
        return self._popularity(self._counts.values(_known(at, self.latest)))

    def features(
        self, recent: Float[np.ndarray, " V1"], created: Float[np.ndarray, " V1"], at: float
    ) -> tuple[Float[np.ndarray, " V1"], Float[np.ndarray, " V1"]]:
        """Return ``log1p(V · share)`` and the age of each item, given its recent events."""
        share = smoothed_share(recent, self._static_share, self.pseudo_count)
        return popularity_feature(share, self.scale), ages(created, np.array([at]))[0]

    @cached_property
    def static_feature(self) -> Float[np.ndarray, " V1"]:
        """``log1p(V · long-run share)`` of each item."""
        return popularity_feature(self._static_share, self.scale)

    def with_items(self, created: Float[np.ndarray, " N"]) -> "Trend":
        """Return a trend of a catalogue with more items at its end; they have no events.

        Args:
            created: when each new item began to exist, unix seconds; NaN if unknown.
        """
        none = np.zeros(len(created))
        return replace(
            self,
            counts=np.append(self.counts, none),
            created=np.append(self.created, created),
            value=np.append(self.value, none),
            time=np.append(self.time, none),
        )

    def with_events(self, events: ItemEvents) -> "Trend":
        """Return the trend at the end of a longer log: ``events`` are all events, old and new.

        Raises:
            ValueError: an event's item is not in the catalogue.
        """
        end = float(events.time[-1]) if len(events) else 0.0
        history = PopularityHistory(events, self.catalog_size, self.half_life)
        value = history.before(math.nextafter(end, math.inf))
        created = _filled(self.created, events)
        return replace(self, value=value, time=np.full(len(value), end), created=created)

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as plain values for JSON; the arrays are in :meth:`tensors`."""
        return {
            # JSON has no infinity.
            "half_life": None if math.isinf(self.half_life) else self.half_life,
            "pseudo_count": self.pseudo_count,
            "scale": self.scale,
            "weights": self.weights.to_dict(),
        }

    def tensors(self) -> dict[str, Tensor]:
        """Return the arrays as float64 tensors, for safetensors."""
        return {name: torch.from_numpy(getattr(self, name).copy()) for name in ARRAYS}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> "Trend":
        """Return the trend that :meth:`to_dict` and :meth:`tensors` have written.

        Raises:
            ValueError: an array is missing.
        """
        missing = [name for name in ARRAYS if name not in tensors]
        if missing:
            raise ValueError(f"a trend must have the arrays {list(ARRAYS)}; got none of {missing}")
        half_life = math.inf if values["half_life"] is None else float(values["half_life"])
        return cls(
            TrendWeights.from_dict(values["weights"]),
            half_life,
            float(values["pseudo_count"]),
            int(values["scale"]),
            **{name: tensors[name].double().cpu().numpy().copy() for name in ARRAYS},
        )

    @cached_property
    def _static_share(self) -> Float[np.ndarray, " V1"]:
        return static_share(self.counts)

    @cached_property
    def _counts(self) -> DecayedCounts:
        return DecayedCounts.starting_at(self.half_life, self.value, self.time)

    def _bonus(
        self,
        at: Tensor,
        recent: Callable[[float], np.ndarray],
        created: np.ndarray,
        latest: float,
    ) -> Float[Tensor, "B V1"]:
        rows = np.zeros((len(at), self.catalog_size + 1), dtype=np.float32)
        if not self.active:
            return torch.from_numpy(rows)
        # Requests of one moment, such as those of a served batch, share a row.
        times = [_known(float(time), latest) for time in at.double().cpu()]
        done: dict[float, int] = {}
        for row, time in enumerate(times):
            first = done.setdefault(time, row)
            rows[row] = rows[first] if first < row else self._row(recent(time), created, time)
        return torch.from_numpy(rows)

    def _row(self, recent: np.ndarray, created: np.ndarray, at: float) -> np.ndarray:
        now, age = self.features(recent, created, at)
        row = self.weights.now * now + self.weights.static * self.static_feature
        if any(self.weights.age):
            row += age_values(age, np.array(self.weights.age))
        row[0] = 0.0
        return row

    def _popularity(self, recent: np.ndarray) -> Float[Tensor, " V1"]:
        share = smoothed_share(recent, self._static_share, self.pseudo_count)
        return torch.from_numpy(share).float()


class TrendHistory:
    """A trend at times of a log, from the events before each time alone: for evaluation.

    Args:
        trend: half-life, weights and long-run counts.
        events: all events that requests may know of; those before the time of each count.

    Example:
        >>> events = ItemEvents(np.array([1, 1, 2]), np.array([0.0, 10.0, 20.0]))
        >>> trend = Trend.of(events, events.counts(2), half_life=10.0, pseudo_count=1.0)
        >>> TrendHistory(trend, events).popularity(20.0)
        tensor([0.0000, 0.8095, 0.1905])
    """

    def __init__(self, trend: Trend, events: ItemEvents) -> None:
        self.trend = trend
        self.history = PopularityHistory(events, trend.catalog_size, trend.half_life)
        self.created = _filled(trend.created, events)

    def bonus(self, at: Float[Tensor, " B"]) -> Float[Tensor, "B V1"]:
        """Return what to add to the score of every catalogue index, float32, 0 for padding.

        Raises:
            ValueError: a time is NaN, and the trend is active.
        """
        return self.trend._bonus(at, self.history.before, self.created, math.nan)

    def popularity(self, at: float) -> Float[Tensor, " V1"]:
        """Return the smoothed share of each item just before a time.

        Raises:
            ValueError: the time is NaN.
        """
        return self.trend._popularity(self.history.before(at))

    def features(self, at: float) -> tuple[Float[np.ndarray, " V1"], Float[np.ndarray, " V1"]]:
        """Return ``log1p(V · share)`` and the age of each item at a time."""
        return self.trend.features(self.history.before(at), self.created, at)


class LiveTrend:
    """A trend that counts events as they come. Not safe to read while another thread changes it.

    Args:
        trend: the trend to start from; it isn't changed.

    Example:
        >>> events = ItemEvents(np.array([1, 1]), np.array([0.0, 10.0]))
        >>> live = LiveTrend(Trend.of(events, events.counts(2), half_life=9.0, pseudo_count=1.0))
        >>> live.add(2, 20.0)
        >>> live.popularity(20.0)
        tensor([0.0000, 0.6265, 0.3735])
    """

    def __init__(self, trend: Trend) -> None:
        self._trend, self._latest = trend, trend.latest
        self._created = trend.created.copy()
        self._counts = DecayedCounts.starting_at(trend.half_life, trend.value, trend.time)

    @property
    def trend(self) -> Trend:
        """The trend as it is now, to keep."""
        value, time = self._counts.state
        return replace(self._trend, created=self._created.copy(), value=value, time=time)

    def add(self, item: int, time: float) -> None:
        """Count an event; an item of unknown age begins to exist with its first event.

        Raises:
            ValueError: the item is not in the catalogue, or the time is not finite.
        """
        self._counts.add(item, time)
        self._latest = max(self._latest, time)
        if np.isnan(self._created[item]):
            self._created[item] = time

    def add_items(self, created: Float[np.ndarray, " N"]) -> None:
        """Take items that were added at the end of the catalogue, as ``Trend.with_items``."""
        self._trend = self._trend.with_items(created)
        self._counts.grow(self._trend.catalog_size)
        self._created = np.append(self._created, created)

    def bonus(self, at: Float[Tensor, " B"]) -> Float[Tensor, "B V1"]:
        """Return what to add to the score of every catalogue index, see :meth:`Trend.bonus`."""
        return self._trend._bonus(at, self._counts.values, self._created, self._latest)

    def popularity(self, at: float = math.nan) -> Float[Tensor, " V1"]:
        """Return the smoothed share of each item at a time: what new users are shown."""
        return self._trend._popularity(self._counts.values(_known(at, self._latest)))


def _known(at: float, latest: float) -> float:
    return latest if math.isnan(at) else at


def _filled(created: np.ndarray, events: ItemEvents) -> np.ndarray:
    """Return ``created`` with the times of first events where it is NaN."""
    return np.where(np.isnan(created), events.first_times(len(created) - 1), created)
