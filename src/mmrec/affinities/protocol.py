"""The contract of an affinity that is counted in a log."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from torch import Tensor

from mmrec.data import Histories, Sequences

LAST = 20
"""Last items of a history that are read."""

Recent = Sequence[tuple[int, int]]
"""At most :data:`LAST` events of a user, oldest first: catalogue index of the item, number of the
event's type."""


@runtime_checkable
class Counted(Protocol):
    """A term of the score that is counted in a log. It is immutable; live events make a new one."""

    kind: ClassVar[str]
    """Its name: in a report, in a RUN, and where a score is explained."""

    @property
    def weight(self) -> float:
        """What 1 adds to the score; a term of weight 0 is counted all the same."""
        ...

    @property
    def until(self) -> float:
        """Time of the last event that was counted, unix seconds."""
        ...

    @property
    def before(self) -> "Counted | None":
        """The counts before an update of the recommender."""
        ...

    @property
    def catalog_size(self) -> int:
        """V, the number of items."""
        ...

    @classmethod
    def of(
        cls, events: Sequences, catalog_size: int, negative_types: tuple[int, ...] = ()
    ) -> "Counted":
        """Count events; ``negative_types`` are those event types whose items are passed over."""
        ...

    def bonus(self, histories: Histories, size: int) -> Float[Tensor, "B V1"]:
        """Return the weighted term for each of ``size`` items and for padding, which has 0."""
        ...

    def live(self) -> "LiveCounts":
        """Return counts that go on from these; these stay as they are."""
        ...

    def weighted(self, weight: float) -> "Counted":
        """Return the same counts with another weight."""
        ...

    def updated(self, before: "Counted | None") -> "Counted":
        """Return the same counts with others as those before an update."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers and the kind as plain values for JSON."""
        ...

    def tensors(self) -> dict[str, Tensor]:
        """Return the arrays, for safetensors."""
        ...

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> "Counted":
        """Return what :meth:`to_dict` and :meth:`tensors` have written."""
        ...


@runtime_checkable
class LiveCounts(Protocol):
    """Counts that go on with events. Not safe to read while another thread changes them."""

    @property
    def kind(self) -> str:
        """What is counted."""
        ...

    @property
    def weight(self) -> float:
        """What 1 adds to the score."""
        ...

    @property
    def counted(self) -> Counted:
        """The counts as they are now, to keep."""
        ...

    def add(self, item: int, after: Sequence[int], time: float, *, again: bool = False) -> None:
        """Count an event.

        Args:
            item: catalogue index of its item.
            after: the last items of its user, oldest first.
            time: unix seconds.
            again: whether the user has taken the item before, as far as that is known.
        """
        ...

    def add_items(self, count: int) -> None:
        """Take items that were added at the end of the catalogue."""
        ...

    def bonus(self, recent: Recent) -> Float[np.ndarray, " V1"]:
        """Return the weighted term of each item and of padding for one user, float32.

        The array may be the counts' own: it must not be changed.
        """
        ...
