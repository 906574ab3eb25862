"""Terms of the score that are the same for every history: popularity, and items without events."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from mmrec.affinities.protocol import Counted, Recent
from mmrec.data import Histories, Sequences


@dataclass(frozen=True)
class PerItem(ABC):
    """A function of the number of events of an item, whatever the history.

    Attributes:
        totals: events of each item, ``(V + 1,)``.
        weight: what 1 adds to the score.
        until: time of the last event that was counted, unix seconds.
        before: the counts before an update of the recommender.
    """

    kind: ClassVar[str]

    totals: Float[Tensor, " V1"]
    weight: float = 1.0
    until: float = 0.0
    before: Counted | None = None

    @staticmethod
    @abstractmethod
    def value(totals: Float[Tensor, " N"]) -> Float[Tensor, " N"]:
        """Return the term, without its weight, of items with these numbers of events."""

    @classmethod
    def of(
        cls, events: Sequences, catalog_size: int, negative_types: tuple[int, ...] = ()
    ) -> "PerItem":
        """Count the events of each item."""
        return cls(torch.from_numpy(events.counts(catalog_size)).float(), until=events.end)

    @property
    def catalog_size(self) -> int:
        """V, the number of items."""
        return len(self.totals) - 1

    def bonus(self, histories: Histories, size: int) -> Float[Tensor, "B V1"]:
        """Return the weighted term for ``size`` items; those beyond the counts have no events."""
        return self.row(size).expand(len(histories), -1)

    def row(self, size: int) -> Float[Tensor, " V1"]:
        """Return the weighted term for ``size`` items and padding."""
        totals = F.pad(self.totals, (0, size + 1 - len(self.totals)))
        row = self.weight * self.value(totals)
        row[0] = 0
        return row

    def live(self) -> "LivePerItem":
        """Return counts that go on from these."""
        return LivePerItem(self)

    def weighted(self, weight: float) -> "PerItem":
        """Return the same counts with another weight."""
        return replace(self, weight=weight)

    def updated(self, before: Counted | None) -> "PerItem":
        """Return the same counts with others as those before an update."""
        return replace(self, before=before)

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as plain values for JSON; the array is in :meth:`tensors`."""
        return {"kind": self.kind, "weight": self.weight, "until": self.until}

    def tensors(self) -> dict[str, Tensor]:
        """Return the array, for safetensors."""
        return {"totals": self.totals}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> "PerItem":
        """Return what :meth:`to_dict` and :meth:`tensors` have written."""
        return cls(tensors["totals"], float(values["weight"]), float(values["until"]))


@dataclass(frozen=True)
class Unseen(PerItem):
    """1 for an item without events, which the other counted terms leave behind.

    Example:
        >>> from mmrec.data import Catalog, Interactions, to_sequences
        >>> log = Interactions({"user_id": [*"uuv"], "item_id": [*"aba"], "position": range(3)})
        >>> events = to_sequences(log, Catalog({"item_id": [*"abc"]}))
        >>> Unseen.of(events, 3).weighted(2.0).bonus(Histories.of_items([[1]]), 3)
        tensor([[0., 0., 0., 2.]])
    """

    kind: ClassVar[str] = "unseen"

    @staticmethod
    def value(totals: Float[Tensor, " N"]) -> Float[Tensor, " N"]:
        """Return 1 for items without events, 0 for others."""
        return (totals == 0).to(totals)


@dataclass(frozen=True)
class Popularity(PerItem):
    """``log(1 + n)``, where ``n`` is the number of events of an item.

    With the weight 1 and nothing else, items have the probabilities of their shares.

    Example:
        >>> from mmrec.data import Catalog, Interactions, to_sequences
        >>> log = Interactions({"user_id": [*"uuv"], "item_id": [*"aba"], "position": range(3)})
        >>> events = to_sequences(log, Catalog({"item_id": [*"abc"]}))
        >>> Popularity.of(events, 3).bonus(Histories.of_items([[1]]), 3).exp()
        tensor([[1., 3., 2., 1.]])
    """

    kind: ClassVar[str] = "popularity"

    @staticmethod
    def value(totals: Float[Tensor, " N"]) -> Float[Tensor, " N"]:
        """Return the logarithm of the number of events and one more."""
        return totals.log1p()


class LivePerItem:
    """Numbers of events, and the term that they make, while events come.

    Args:
        start: the counts to start from; they stay as they are.

    Example:
        >>> live = LivePerItem(Unseen(torch.tensor([0.0, 1.0, 0.0, 0.0])))
        >>> live.add(2, after=[1], time=9.0)
        >>> live.bonus([])
        array([0., 0., 0., 1.], dtype=float32)
    """

    def __init__(self, start: PerItem) -> None:
        self._start, self._until = start, start.until
        self._totals = start.totals.numpy().copy()
        self._row = start.row(start.catalog_size).numpy()

    @property
    def kind(self) -> str:
        """What is counted."""
        return self._start.kind

    @property
    def weight(self) -> float:
        """What 1 adds to the score."""
        return self._start.weight

    @property
    def counted(self) -> PerItem:
        """The counts as they are now, to keep."""
        return replace(self._start, totals=torch.from_numpy(self._totals.copy()), until=self._until)

    def add(self, item: int, after: Sequence[int], time: float, *, again: bool = False) -> None:
        """Count an event."""
        self._until = max(self._until, time)
        self._totals[item] += 1
        self._row[item] = self._values(self._totals[item : item + 1])[0]

    def add_items(self, count: int) -> None:
        """Take items that were added at the end of the catalogue."""
        self._totals = np.pad(self._totals, (0, count))
        new = self._values(self._totals[len(self._row) :])
        self._row = np.concatenate([self._row, new])

    def bonus(self, recent: Recent) -> Float[np.ndarray, " V1"]:
        """Return the weighted term of each item and of padding; it must not be changed."""
        return self._row

    def _values(self, totals: Float[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
        found: np.ndarray = (self.weight * self._start.value(torch.from_numpy(totals))).numpy()
        return found
