"""Exponentially decayed popularity, and the smoothed share that is made of it.

An event that is ``a`` seconds old counts ``2 ** (-a / h)``, where ``h`` is the half-life.
"""

import numpy as np
from jaxtyping import Float, Num

PSEUDO_SHARE = 0.05
"""The pseudo-count, as a share of the usual number of recent events."""

LEAST_PSEUDO_COUNT = 0.5
"""The pseudo-count of a log whose usual number of recent events is 10 or less."""

ROOM = 1.5
"""Arrays of :class:`DecayedCounts` are extended by this factor, so that growth is rare."""


def check_half_life(half_life: float) -> None:
    """Raise a ``ValueError`` unless a half-life is positive; it may be infinite."""
    if not half_life > 0:
        raise ValueError(f"half_life must be positive seconds, or inf; got {half_life}")


def weight_of_age(age: Float[np.ndarray, "*S"], half_life: float) -> Float[np.ndarray, "*S"]:
    """Return what events of these ages (seconds) count: 1 when new, 1/2 after a half-life."""
    weight: np.ndarray = np.exp2(age / -half_life)
    return weight


class DecayedCounts:
    """The decayed number of events of each item, for a stream of events.

    An event takes constant time. Events may come in any order: a late one counts as much as if it
    had come in time. A time before an item's last event can't be answered; there the item has its
    value at that event. So one event with a wrong time in the future affects its own item alone.

    Not safe to read while another thread adds.

    Args:
        half_life: seconds after which an event counts half; ``inf`` for plain counts.
        catalog_size: V, the number of items.

    Raises:
        ValueError: the half-life is not positive.

    References:
        Cormode, Shkapenyuk, Srivastava and Xu, "Forward decay" (2009), on exponential decay.

    Example:
        >>> counts = DecayedCounts(3600.0, catalog_size=2)
        >>> counts.add(1, 0.0)
        >>> counts.add(1, 3600.0)
        >>> counts.values(7200.0)
        array([0.  , 0.75, 0.  ])
    """

    def __init__(self, half_life: float, catalog_size: int) -> None:
        check_half_life(half_life)
        self.half_life = half_life
        self._size = catalog_size + 1
        self._value = np.zeros(self._size)
        self._time = np.zeros(self._size)

    @classmethod
    def starting_at(
        cls, half_life: float, value: Float[np.ndarray, " V1"], time: Float[np.ndarray, " V1"]
    ) -> "DecayedCounts":
        """Return counts that continue from :attr:`state`; the arrays are copied."""
        counts = cls(half_life, len(value) - 1)
        counts._value, counts._time = value.astype(np.float64), time.astype(np.float64)
        return counts

    @property
    def catalog_size(self) -> int:
        """V, the number of items."""
        return self._size - 1

    @property
    def state(self) -> tuple[Float[np.ndarray, " V1"], Float[np.ndarray, " V1"]]:
        """The value of each item at its last event, and the time of that (copies)."""
        return self._value[: self._size].copy(), self._time[: self._size].copy()

    def add(self, item: int, time: float) -> None:
        """Count an event.

        Args:
            item: catalogue index, 1 to V.
            time: unix seconds.

        Raises:
            ValueError: the item is not in the catalogue, or the time is not finite.
        """
        if not 1 <= item < self._size:
            raise ValueError(f"item must be from 1 to {self._size - 1}; got {item}")
        if not np.isfinite(time):
            raise ValueError(f"time must be finite; got {time}")
        value, last = self._value.item(item), self._time.item(item)
        if value == 0.0 or time >= last:
            # An item without events has no time yet.
            age = 0.0 if value == 0.0 else time - last
            self._value[item] = value * 2.0 ** (-age / self.half_life) + 1.0
            self._time[item] = time
        else:
            self._value[item] = value + 2.0 ** ((time - last) / self.half_life)

    def values(self, at: float) -> Float[np.ndarray, " V1"]:
        """Return the decayed number of events of each catalogue index at a time, ``(V + 1,)``."""
        age = np.maximum(at - self._time[: self._size], 0.0)
        values: np.ndarray = self._value[: self._size] * weight_of_age(age, self.half_life)
        return values

    def grow(self, catalog_size: int) -> None:
        """Take items that were added at the end of the catalogue.

        Raises:
            ValueError: the catalogue would become smaller.
        """
        size = catalog_size + 1
        if size < self._size:
            raise ValueError(
                f"catalog_size must be {self._size - 1} or more, since indices stay valid; "
                f"got {catalog_size}"
            )
        if size > len(self._value):
            more = int(size * ROOM) - len(self._value)
            self._value = np.pad(self._value, (0, more))
            self._time = np.pad(self._time, (0, more))
        self._size = size


def smoothed_share(
    recent: Float[np.ndarray, " V1"],
    static: Float[np.ndarray, " V1"],
    pseudo_count: float,
) -> Float[np.ndarray, " V1"]:
    """Return each item's share of the recent events, drawn towards its long-run share.

    ``(recent + p · static) / (Σ recent + p)``, where ``p`` counts events of the long run: as many
    as recent ones lack to their usual number, at least the pseudo-count, and the pseudo-count alone
    if the usual number is 10 or less. Without recent events the shares are the long-run ones. An
    event that ends a pause counts as much as it usually does, if the usual number is above 10.

    Args:
        recent: decayed number of events.
        static: long-run shares, which sum to 1.
        pseudo_count: see :func:`mmrec.trends.pseudo_count`, above 0.

    Example:
        >>> long_run = np.array([0.0, 0.5, 0.5])
        >>> smoothed_share(np.array([0.0, 90.0, 0.0]), long_run, 4.0).round(3)
        array([0.   , 0.979, 0.021])
        >>> smoothed_share(np.array([0.0, 1.0, 0.0]), long_run, 4.0).round(3)
        array([0.   , 0.506, 0.494])
    """
    total = recent.sum(keepdims=True)
    prior = prior_count(total, pseudo_count)
    share: np.ndarray = (recent + prior * static) / (total + prior)
    return share


def prior_count(recent: Float[np.ndarray, "*S"], pseudo_count: float) -> Float[np.ndarray, "*S"]:
    """Return how many events of the long run stand beside the recent ones.

    There are as many as recent ones lack to their usual number, and at least the pseudo-count,
    which is 5 % of that number. So after a pause no event has a larger share than it usually has.

    If the pseudo-count is at its least, 0.5, the usual number is 10 or less. Such a log has few
    recent events at any time, so the pseudo-count alone stands beside them.

    Args:
        recent: decayed number of the events of all items.
        pseudo_count: see :func:`mmrec.trends.pseudo_count`.

    Example:
        >>> prior_count(np.array([0.0, 1.0, 90.0]), 4.0)
        array([80., 79.,  4.])
        >>> prior_count(np.array([0.0, 1.0, 90.0]), 0.5)
        array([0.5, 0.5, 0.5])
    """
    if pseudo_count <= LEAST_PSEUDO_COUNT:
        return np.full_like(recent, pseudo_count)
    prior: np.ndarray = np.maximum(pseudo_count / PSEUDO_SHARE - recent, pseudo_count)
    return prior


def static_share(counts: Num[np.ndarray, " V1"]) -> Float[np.ndarray, " V1"]:
    """Return each item's share of all events; 0 everywhere if there are none."""
    share: np.ndarray = counts / max(float(counts.sum()), 1.0)
    return share


def popularity_feature(
    share: Float[np.ndarray, " V1"], catalog_size: int
) -> Float[np.ndarray, " V1"]:
    """Return ``log1p(V · share)``: 0 for an item without events, log 2 for a mean item.

    Example:
        >>> popularity_feature(np.array([0.0, 0.5, 0.5]), 2).round(3)
        array([0.   , 0.693, 0.693])
    """
    feature: np.ndarray = np.log1p(catalog_size * share)
    return feature
