"""What is popular now and how old items are, as a bonus on their scores."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from mmrec.trends.age import age_values, ages
from mmrec.trends.events import ItemEvents, check_items
from mmrec.trends.popularity import (
    DecayedCounts,
    check_half_life,
    popularity_feature,
    smoothed_share,
    static_share,
    weight_of_age,
)
from mmrec.trends.weights import TrendWeights

Recent = Callable[[float], Float[np.ndarray, " V1"]]
"""Returns the decayed number of each item's events at a time."""

ARRAYS = ("counts", "created", "value", "time")

FIRST = "first"  # RUNs of earlier versions lack this array


@dataclass(frozen=True)
class Trend:
    """What is popular now and how old items are, as a bonus on their scores.

    ``bonus = w_now · log1p(V · share(at)) + w_static · log1p(V · share_static) + f(age(at))``.

    Events decay up to the last event before ``at``. From then on all would decay by one factor,
    which says nothing of their order, so a pause changes no share; ages go on.
    :class:`TrendHistory` answers for earlier times, :class:`LiveTrend` counts events that come.

    Attributes:
        weights: what each term adds.
        half_life: seconds after which an event counts half; may be ``inf``.
        pseudo_count: events by which shares are drawn towards the long-run ones, at least; see
            :func:`mmrec.trends.smoothed_share`.
        scale: V in the formula: the number of items when the weights were fitted.
        counts: training events of each item, ``(V + 1,)``.
        created: when each item began to exist, unix seconds, NaN if unknown, ``(V + 1,)``.
        value: decayed number of events of each item, at its last event, ``(V + 1,)``.
        time: unix seconds of each item's last event, ``(V + 1,)``.
        first: unix seconds of each item's first event, NaN if none is known, ``(V + 1,)``; an item
            without a date exists from then. By default ``created``.

    Raises:
        ValueError: the half-life or the pseudo-count is not positive, or the arrays differ in
            length.

    Example:
        >>> events = ItemEvents(np.array([1, 1, 2]), np.array([0.0, 10.0, 20.0]))
        >>> trend = Trend.of(events, events.counts(2), half_life=10.0, pseudo_count=1.0)
        >>> trend = replace(trend, weights=TrendWeights(now=1.0))
        >>> trend.bonus(torch.tensor([20.0, 1e6], dtype=torch.float64))
        tensor([[0.0000, 0.8293, 0.5355],
                [0.0000, 0.8293, 0.5355]])
    """

    weights: TrendWeights
    half_life: float
    pseudo_count: float
    scale: int
    counts: Float[np.ndarray, " V1"]
    created: Float[np.ndarray, " V1"]
    value: Float[np.ndarray, " V1"]
    time: Float[np.ndarray, " V1"]
    first: Float[np.ndarray, " V1"] | None = None

    def __post_init__(self) -> None:
        check_half_life(self.half_life)
        if not self.pseudo_count > 0:
            raise ValueError(f"pseudo_count must be above 0; got {self.pseudo_count}")
        lengths = {name: len(array) for name, array in self._arrays.items()}
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
            first=np.full(size + 1, np.nan),
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
        return self.bonus_of(known(at, self.latest), self._recent, self.created)

    def popularity(self, at: float = math.nan) -> Float[Tensor, " V1"]:
        """Return the smoothed share of each item at a time: what new users are shown."""
        return self.popularity_of(self._recent(self.latest if math.isnan(at) else at))

    def bonus_of(
        self, at: Float[Tensor, " B"], recent: Recent, created: Float[np.ndarray, " V1"]
    ) -> Float[Tensor, "B V1"]:
        """Return :meth:`bonus`, given the recent events and the ages of items from elsewhere.

        Args:
            at: float64 unix seconds of each request, none NaN.
            recent: returns the decayed number of each item's events at a time, ``(V + 1,)``.
            created: when each item began to exist, ``(V + 1,)``.
        """
        rows = np.zeros((len(at), self.catalog_size + 1), dtype=np.float32)
        if self.active:
            # Requests of one moment, such as those of a served batch, share a row.
            times, place = np.unique(at.double().cpu().numpy(), return_inverse=True)
            made = [self._row(recent(float(time)), created, float(time)) for time in times]
            for row, number in enumerate(place):
                rows[row] = made[number]
        return torch.from_numpy(rows)

    def popularity_of(self, recent: Float[np.ndarray, " V1"]) -> Float[Tensor, " V1"]:
        """Return :meth:`popularity`, given the decayed number of each item's events."""
        share = smoothed_share(recent, self._static_share, self.pseudo_count)
        return torch.from_numpy(share).float()

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
            first=np.append(self.first_times, np.full(len(created), np.nan)),
        )

    def with_dates(self, items: Int[np.ndarray, " N"], created: Float[np.ndarray, " N"]) -> "Trend":
        """Return a trend of items with other dates.

        Args:
            items: their catalogue indices.
            created: when they began to exist, unix seconds; NaN for the time of the first event.
        """
        dates = self.created.copy()
        dates[items] = np.where(np.isnan(created), self.first_times[items], created)
        return replace(self, created=dates)

    def with_events(self, events: ItemEvents) -> "Trend":
        """Return the trend at the end of a longer log: ``events`` are all events, old and new.

        Raises:
            ValueError: an event's item is not in the catalogue.
        """
        check_items(events, self.catalog_size)
        end = float(events.time[-1]) if len(events) else 0.0
        weights = weight_of_age(end - events.time, self.half_life)
        counted = np.bincount(events.item, weights, minlength=self.catalog_size + 1)
        created = with_first_times(self.created, events)
        value, time = counted.astype(np.float64), np.full(len(counted), end)
        first = with_first_times(self.first_times, events)
        return replace(self, value=value, time=time, created=created, first=first)

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
        return {name: torch.from_numpy(array.copy()) for name, array in self._arrays.items()}

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
            **{
                name: tensors[name].double().cpu().numpy().copy()
                for name in (*ARRAYS, FIRST)
                if name in tensors
            },
        )

    @property
    def first_times(self) -> Float[np.ndarray, " V1"]:
        """The time from which each item exists if it has no date, ``(V + 1,)``."""
        return self.created if self.first is None else self.first

    @property
    def _arrays(self) -> dict[str, np.ndarray]:
        arrays = {name: getattr(self, name) for name in ARRAYS}
        return arrays if self.first is None else arrays | {FIRST: self.first}

    @cached_property
    def _static_share(self) -> Float[np.ndarray, " V1"]:
        return static_share(self.counts)

    @cached_property
    def _counts(self) -> DecayedCounts:
        return DecayedCounts.starting_at(self.half_life, self.value, self.time)

    def _recent(self, at: float) -> Float[np.ndarray, " V1"]:
        return self._counts.values(min(at, self.latest))

    def _row(self, recent: np.ndarray, created: np.ndarray, at: float) -> np.ndarray:
        now, age = self.features(recent, created, at)
        row = self.weights.now * now + self.weights.static * self.static_feature
        if any(self.weights.age):
            row += age_values(age, np.array(self.weights.age))
        row[0] = 0.0
        return row


def known(at: Float[Tensor, " B"], latest: float) -> Float[Tensor, " B"]:
    """Return times with ``latest`` in the place of NaN."""
    return at.double().nan_to_num(latest)


def with_first_times(
    created: Float[np.ndarray, " V1"], events: ItemEvents
) -> Float[np.ndarray, " V1"]:
    """Return when items began to exist, with the time of the first event where it is NaN."""
    return np.where(np.isnan(created), events.first_times(len(created) - 1), created)
