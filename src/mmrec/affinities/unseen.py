"""Items without events, as a term of the score."""

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
class Unseen:
    """1 for an item without events, which the other counted terms leave behind.

    It is the same for every history.

    Attributes:
        totals: events of each item, ``(V + 1,)``.
        weight: what 1 adds to the score.
        until: time of the last event that was counted, unix seconds.
        before: the counts before an update of the recommender.

    Example:
        >>> from mmrec.data import Catalog, Interactions, to_sequences
        >>> log = Interactions({"user_id": [*"uuv"], "item_id": [*"aba"], "position": range(3)})
        >>> events = to_sequences(log, Catalog({"item_id": [*"abc"]}))
        >>> Unseen.of(events, 3).weighted(2.0).bonus(Histories.of_items([[1]]), 3)
        tensor([[0., 0., 0., 2.]])
    """

    kind: ClassVar[str] = "unseen"

    totals: Float[Tensor, " V1"]
    weight: float = 1.0
    until: float = 0.0
    before: Counted | None = None

    @classmethod
    def of(
        cls, events: Sequences, catalog_size: int, negative_types: tuple[int, ...] = ()
    ) -> "Unseen":
        """Count the events of each item."""
        return cls(torch.from_numpy(events.counts(catalog_size)).float(), until=events.end)

    @property
    def catalog_size(self) -> int:
        """V, the number of items."""
        return len(self.totals) - 1

    def bonus(self, histories: Histories, size: int) -> Float[Tensor, "B V1"]:
        """Return the weighted term for ``size`` items; those beyond the counts are unseen."""
        return self.row(size).expand(len(histories), -1)

    def row(self, size: int) -> Float[Tensor, " V1"]:
        """Return the weighted term for ``size`` items and padding."""
        unseen = self.weight * (self.totals == 0)
        unseen[0] = 0
        return F.pad(unseen, (0, size + 1 - len(unseen)), value=self.weight)

    def live(self) -> "LiveUnseen":
        """Return counts that go on from these."""
        return LiveUnseen(self)

    def weighted(self, weight: float) -> "Unseen":
        """Return the same counts with another weight."""
        return replace(self, weight=weight)

    def updated(self, before: Counted | None) -> "Unseen":
        """Return the same counts with others as those before an update."""
        return replace(self, before=before)

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as plain values for JSON; the array is in :meth:`tensors`."""
        return {"kind": self.kind, "weight": self.weight, "until": self.until}

    def tensors(self) -> dict[str, Tensor]:
        """Return the array, for safetensors."""
        return {"totals": self.totals}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> "Unseen":
        """Return what :meth:`to_dict` and :meth:`tensors` have written."""
        return cls(tensors["totals"], float(values["weight"]), float(values["until"]))


class LiveUnseen:
    """Items without events, while events come: the first one ends it.

    Args:
        start: the counts to start from; they stay as they are.

    Example:
        >>> live = LiveUnseen(Unseen(torch.tensor([0.0, 1.0, 0.0, 0.0])))
        >>> live.add(2, after=[1], time=9.0)
        >>> live.bonus([])
        array([0., 0., 0., 1.], dtype=float32)
    """

    def __init__(self, start: Unseen) -> None:
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
    def counted(self) -> Unseen:
        """The counts as they are now, to keep."""
        return replace(self._start, totals=torch.from_numpy(self._totals.copy()), until=self._until)

    def add(self, item: int, after: Sequence[int], time: float, *, again: bool = False) -> None:
        """Count an event."""
        self._until = max(self._until, time)
        self._totals[item] += 1
        self._row[item] = 0

    def add_items(self, count: int) -> None:
        """Take items that were added at the end of the catalogue."""
        self._totals = np.pad(self._totals, (0, count))
        self._row = np.pad(self._row, (0, count), constant_values=self.weight)

    def bonus(self, recent: Recent) -> Float[np.ndarray, " V1"]:
        """Return the weighted term of each item and of padding; it must not be changed."""
        return self._row
