"""Items that are taken by the same users, as a term of the score."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from mmrec.affinities.protocol import LAST, Counted, LiveCounts
from mmrec.data import Histories, Sequences

KEPT = 100
"""Neighbours that are kept for each item, those of the highest similarity."""

LEAST = 1e-12
"""The largest similarity of a history counts as this much at least."""

Array = TypeVar("Array", Tensor, np.ndarray)


class Met(NamedTuple):
    """What an event counts.

    Attributes:
        counted: the item whose total rises; 0 for none.
        row: the item whose neighbours are met.
        others: these neighbours.
    """

    counted: int = 0
    row: int = 0
    others: Sequence[int] = ()


@dataclass(frozen=True)
class Neighbours(ABC):
    """A sparse table of similarities of items, counted in a log, as a term of the score.

    The similarities to the last items are added up, each with ``decay`` to the power of its age.
    Their scale is that of :meth:`scaled`: by default the best item has 1.

    A subclass says what is counted: :class:`mmrec.affinities.CoOccurrence`,
    :class:`mmrec.affinities.Successors` and :class:`mmrec.affinities.EaseWeights`. Items that are
    met again are :class:`mmrec.affinities.Returns`.

    Attributes:
        items: neighbours of each item, 0 = none, ``(V + 1, K)``.
        counts: how often each was met, or its weight, ``(V + 1, K)``.
        totals: users of each item, or its events, ``(V + 1,)``.
        decay: weight of an item of the history relative to the one after it; with 0, the last
            item alone is read.
        weight: what 1 adds to the score.
        negative_types: event types that say no; their items are passed over.
        until: time of the last event that was counted, unix seconds.
        before: the counts before an update of the recommender.
    """

    kind: ClassVar[str]
    mutual: ClassVar[bool] = False  # whether two items that meet are neighbours of each other

    items: Int[Tensor, "V1 K"]
    counts: Float[Tensor, "V1 K"]
    totals: Float[Tensor, " V1"]
    decay: float
    weight: float = 1.0
    negative_types: tuple[int, ...] = ()
    until: float = 0.0
    before: Counted | None = None

    @classmethod
    @abstractmethod
    def of(
        cls, events: Sequences, catalog_size: int, negative_types: tuple[int, ...] = ()
    ) -> "Neighbours":
        """Count events; items of ``negative_types`` are passed over in histories."""

    def similarity(self, users: Array, near: Array, counts: Array, totals: Array) -> Array:
        """Return the similarity of items and their neighbours.

        Args:
            users: totals of each item, in a shape that fits that of ``near``.
            near: catalogue indices of the neighbours.
            counts: how often they were met.
            totals: of every catalogue index, ``(V + 1,)``.
        """
        return counts

    def scaled(
        self, sums: Float[Tensor, "*B V1"], totals: Float[Tensor, " V1"]
    ) -> Float[Tensor, "*B V1"]:
        """Return the term from the sums of similarities.

        Args:
            sums: for each catalogue index, with 0 for padding.
            totals: as they are now.
        """
        return sums / sums.amax(-1, keepdim=True).clamp(min=LEAST)

    def met(self, item: int, after: Sequence[int], again: bool) -> Met:
        """Return what an event counts.

        Args:
            item: its item.
            after: the last items of its user, oldest first.
            again: whether the user has taken the item before.
        """
        return Met()

    def first(self, item: int) -> Sequence[int]:
        """Return the neighbours that a new item has before any event."""
        return ()

    @property
    def catalog_size(self) -> int:
        """V, the number of items."""
        return len(self.items) - 1

    def scores(self, items: Int[Tensor, "B T"], age: Int[Tensor, "B T"]) -> Float[Tensor, "B V1"]:
        """Return the term for each history, without its weight.

        Args:
            items: catalogue indices; 0 is passed over.
            age: 0 for the last event of a history, 1 for the one before it, and so on.
        """
        weights = torch.full(age.shape, self.decay) ** age
        items = items.masked_fill(items > self.catalog_size, 0)
        near = self.items[items]
        users = self.totals[items].unsqueeze(2)
        value = self.similarity(users, near, self.counts[items], self.totals)
        value = value * weights.unsqueeze(2)
        sums = torch.zeros(len(items), self.catalog_size + 1)
        sums.scatter_add_(1, near.flatten(1), value.flatten(1))
        sums[:, 0] = 0
        return self.scaled(sums, self.totals)

    def bonus(self, histories: Histories, size: int) -> Float[Tensor, "B V1"]:
        """Return the weighted term for ``size`` items; those beyond the table have 0."""
        scores = self.weight * self.scores(*self.read(histories))
        return F.pad(scores, (0, size + 1 - scores.shape[1]))

    def read(self, histories: Histories) -> tuple[Int[Tensor, "B T"], Int[Tensor, "B T"]]:
        """Return the last items of histories, 0 for those that are passed over, and their ages."""
        recent = histories.tail(LAST)
        items, types = recent.items.cpu(), recent.event_type.cpu()
        no = torch.isin(types, torch.tensor(self.negative_types, dtype=types.dtype))
        age = recent.lengths.cpu().unsqueeze(1) - 1 - torch.arange(items.shape[1])
        return items.masked_fill(no, 0), age.clamp(min=0)

    def live(self) -> LiveCounts:
        """Return counts that go on from these."""
        from mmrec.affinities.live import LiveNeighbours

        return LiveNeighbours(self)

    def weighted(self, weight: float) -> "Neighbours":
        """Return the same table with another weight."""
        return replace(self, weight=weight)

    def updated(self, before: Counted | None) -> "Neighbours":
        """Return the same table with another one as that before an update."""
        return replace(self, before=before)

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as plain values for JSON; the arrays are in :meth:`tensors`."""
        return {
            "decay": self.decay,
            "kind": self.kind,
            "weight": self.weight,
            "negative_types": list(self.negative_types),
            "until": self.until,
        }

    def tensors(self) -> dict[str, Tensor]:
        """Return the arrays, for safetensors."""
        return {"items": self.items.int(), "counts": self.counts, "totals": self.totals}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> "Neighbours":
        """Return what :meth:`to_dict` and :meth:`tensors` have written."""
        return cls(
            tensors["items"].long(),
            tensors["counts"],
            tensors["totals"],
            decay=float(values["decay"]),
            weight=float(values["weight"]),
            negative_types=tuple(values["negative_types"]),
            until=float(values["until"]),
        )
