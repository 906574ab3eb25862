"""When each item had an event, for all users together."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True)
class ItemEvents:
    """Events without their users, in the order of time.

    The constructor sorts by time; events of one instant keep their order.

    Attributes:
        item: catalogue index of each event, ``(E,)``.
        time: unix seconds of each event, ``(E,)``.

    Raises:
        ValueError: the arrays differ in length, an index is below 1, or a time is not finite.

    Example:
        >>> ItemEvents(np.array([1, 2]), np.array([20.0, 10.0])).item
        array([2, 1])
    """

    item: Int[np.ndarray, " E"]
    time: Float[np.ndarray, " N"]

    def __post_init__(self) -> None:
        if self.item.shape != self.time.shape:
            raise ValueError(
                f"item and time must have the same length; got {len(self.item)} and "
                f"{len(self.time)}"
            )
        if len(self.item) and self.item.min() < 1:
            raise ValueError(f"item must hold indices of 1 or more; got {self.item.min()}")
        wrong = ~np.isfinite(self.time)
        if wrong.any():
            raise ValueError(f"time must be finite; got {self.time[wrong][0]}")
        order = np.argsort(self.time, kind="stable")
        object.__setattr__(self, "item", self.item[order])
        object.__setattr__(self, "time", self.time[order].astype(np.float64))

    def __len__(self) -> int:
        return len(self.item)

    def before(self, time: float) -> "ItemEvents":
        """Return the events before a time; one at that very instant is not among them.

        Example:
            >>> ItemEvents(np.array([1, 2]), np.array([10.0, 20.0])).before(20.0).item
            array([1])
        """
        stop = int(np.searchsorted(self.time, time, side="left"))
        return ItemEvents(self.item[:stop], self.time[:stop])

    def counts(self, catalog_size: int) -> Float[np.ndarray, " V1"]:
        """Return the number of events of each catalogue index, ``(V + 1,)``."""
        return np.bincount(self.item, minlength=catalog_size + 1).astype(np.float64)

    def first_times(self, catalog_size: int) -> Float[np.ndarray, " V1"]:
        """Return the time of each item's first event, NaN where there is none, ``(V + 1,)``.

        Example:
            >>> ItemEvents(np.array([2, 2]), np.array([20.0, 10.0])).first_times(2)
            array([nan, nan, 10.])
        """
        first = np.full(catalog_size + 1, np.nan)
        items, at = np.unique(self.item, return_index=True)
        first[items] = self.time[at]
        return first


def check_items(events: ItemEvents, catalog_size: int) -> None:
    """Raise a ``ValueError`` unless the items of all events are in the catalogue."""
    if len(events) and events.item.max() > catalog_size:
        raise ValueError(
            f"events must be of the {catalog_size} items of the catalogue; "
            f"got index {events.item.max()}"
        )
