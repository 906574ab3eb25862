"""Items that are taken by the same users, as a term of the score."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from mmrec.baselines import EASE
from mmrec.baselines.pairs import Pairs
from mmrec.data import Histories, Sequences

KEPT = 100
"""Neighbours that are kept for each item, those of the highest similarity."""

SHRINK = 10.0
"""Users that a similarity is shrunk by, so that one user in common says little."""

LAST = 20
"""Last items of a history that are read."""

Kind = Literal["co-occurrence", "successors", "ease", "unseen"]

TENSORS = ("items", "counts", "totals")


@dataclass(frozen=True)
class Neighbours:
    """A sparse table of similarities of items, counted in a log, as a term of the score.

    The kinds are

    - ``"co-occurrence"`` (item-kNN): ``n_ij / (sqrt(n_i n_j) + shrink)``, where ``n_ij`` counts the
      users of both items;
    - ``"successors"`` (a Markov chain): how often ``j`` came next after ``i``;
    - ``"ease"``: the weights of a linear autoencoder, see :class:`mmrec.baselines.EASE`;
    - ``"unseen"``: no similarity, but 1 for items without events, which the others leave behind.

    The similarities to the last items are added up, each with ``decay`` to the power of its age,
    and divided by the largest, so that the best item has 1.

    Attributes:
        items: neighbours of each item, 0 = none, ``(V + 1, K)``.
        counts: how often each was met, or its weight, ``(V + 1, K)``.
        totals: users of each item, ``(V + 1,)``.
        decay: weight of an item of the history relative to the one after it; with 0, the last
            item alone is read.
        kind: what is counted.
        weight: what 1 adds to the score.
        negative_types: event types that say no; their items are passed over.
        until: time of the last event that was counted, unix seconds.
        before: the counts before an update of the recommender; a RUN doesn't keep them.

    References:
        Steck, "Embarrassingly shallow autoencoders for sparse data" (2019), arXiv 1905.03375;
        Sarwar et al., "Item-based collaborative filtering recommendation algorithms" (2001).

    Example:
        >>> from mmrec.data import Catalog, Interactions, to_sequences
        >>> log = Interactions({"user_id": [*"uuv"], "item_id": [*"aba"], "position": range(3)})
        >>> events = to_sequences(log, Catalog({"item_id": [*"abc"]}))
        >>> Neighbours.of_users(events, 3).bonus(Histories.of_items([[1]]), 3)
        tensor([[0., 0., 1., 0.]])
    """

    items: Int[Tensor, "V1 K"]
    counts: Float[Tensor, "V1 K"]
    totals: Float[Tensor, " V1"]
    decay: float
    kind: Kind
    weight: float = 1.0
    negative_types: tuple[int, ...] = ()
    until: float = 0.0
    before: "Neighbours | None" = None

    @classmethod
    def of_users(cls, events: Sequences, catalog_size: int) -> "Neighbours":
        """Count the users that two items have in common."""
        pairs, kept = Pairs.of_events(events, catalog_size), min(KEPT, catalog_size)
        totals = torch.from_numpy(pairs.sizes).float()
        items = torch.zeros(catalog_size + 1, kept, dtype=torch.long)
        counts = torch.zeros(catalog_size + 1, kept)
        for rows, shared in pairs.shared():
            both = torch.from_numpy(shared)
            both[torch.arange(len(rows)), rows] = 0
            similar = both / (torch.outer(totals[rows], totals).sqrt() + SHRINK)
            top = similar.topk(kept, dim=1).indices
            counts[rows] = both.gather(1, top)
            items[rows] = torch.where(counts[rows] > 0, top, 0)
        return cls(items, counts, totals, 0.9, "co-occurrence", until=_end(events))

    @classmethod
    def of_successors(cls, events: Sequences, catalog_size: int) -> "Neighbours":
        """Count how often an item came next after another."""
        side = catalog_size + 1
        same = np.diff(events.owner) == 0
        before, after = events.item[:-1][same], events.item[1:][same]
        moved = before != after
        pairs, counts = np.unique(
            before[moved].astype(np.int64) * side + after[moved], return_counts=True
        )
        items, found = _table(pairs // side, pairs % side, counts, side)
        totals = torch.from_numpy(np.bincount(before, minlength=side)).float()
        return cls(items, found, totals, 0.0, "successors", until=_end(events))

    @classmethod
    def of_weights(cls, events: Sequences, catalog_size: int) -> "Neighbours":
        """Fit the weights of EASE.

        Raises:
            ValueError: there are too many users and items, see :class:`mmrec.baselines.EASE`.
        """
        side = catalog_size + 1
        kept = min(KEPT, catalog_size)
        items, weights = torch.zeros(side, kept, dtype=torch.long), torch.zeros(side, kept)
        model = EASE().fit(events, catalog_size)
        for rows in torch.from_numpy(np.unique(events.item)).split(1024):
            found = model.scores(Histories.of_items(rows.unsqueeze(1).tolist()))
            top = found.abs().topk(kept, dim=1).indices
            weights[rows] = found.gather(1, top)
            items[rows] = torch.where(weights[rows] == 0, 0, top)
        totals = torch.from_numpy(events.counts(catalog_size)).float()
        return cls(items, weights, totals, model.decay, "ease", until=_end(events))

    @classmethod
    def of_unseen(cls, events: Sequences, catalog_size: int) -> "Neighbours":
        """Count the events of each item."""
        nothing = torch.zeros(catalog_size + 1, 1)
        totals = torch.from_numpy(events.counts(catalog_size)).float()
        return cls(nothing.long(), nothing, totals, 0.0, "unseen", until=_end(events))

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
        return scaled(self.sums(items, age))

    def sums(self, items: Int[Tensor, "B T"], age: Int[Tensor, "B T"]) -> Float[Tensor, "B V1"]:
        """Return the sums of similarities before the division by the largest; see `scores`."""
        if self.kind == "unseen":
            unseen = (self.totals == 0).float()
            unseen[0] = 0
            return unseen.repeat(len(items), 1)
        weights = torch.full(age.shape, self.decay) ** age
        items = items.masked_fill(items > self.catalog_size, 0)
        near, met = self.items[items], self.counts[items]
        value = self.similarity(items.unsqueeze(2), near, met) * weights.unsqueeze(2)
        found = torch.zeros(len(items), self.catalog_size + 1)
        found.scatter_add_(1, near.flatten(1), value.flatten(1))
        found[:, 0] = 0
        return found

    def bonus(self, histories: Histories, size: int) -> Float[Tensor, "B V1"]:
        """Return the weighted term for ``size`` items; those beyond the table are unseen."""
        return self.weighed(self.scores(*self.read(histories)), size)

    def read(self, histories: Histories) -> tuple[Int[Tensor, "B T"], Int[Tensor, "B T"]]:
        """Return the last items of histories, 0 for those that are passed over, and their ages."""
        recent = histories.tail(LAST)
        items, types = recent.items.cpu(), recent.event_type.cpu()
        no = torch.isin(types, torch.tensor(self.negative_types, dtype=types.dtype))
        age = recent.lengths.cpu().unsqueeze(1) - 1 - torch.arange(items.shape[1])
        return items.masked_fill(no, 0), age.clamp(min=0)

    def weighed(self, scores: Float[Tensor, "B V1"], size: int) -> Float[Tensor, "B _"]:
        """Return scores times the weight, for ``size`` items and padding."""
        later = self.weight if self.kind == "unseen" else 0.0  # items beyond the table
        return F.pad(self.weight * scores, (0, size + 1 - scores.shape[1]), value=later)

    def similarity(
        self, items: Tensor, near: Tensor, counts: Tensor, totals: Tensor | None = None
    ) -> Tensor:
        """Return the similarity of items and their neighbours, given how often they were met.

        Args:
            items: catalogue indices.
            near: those of their neighbours.
            counts: how often they were met.
            totals: users of each item, if there are other ones by now.
        """
        if self.kind != "co-occurrence":
            return counts
        users = self.totals if totals is None else totals
        return counts / ((users[items] * users[near]).sqrt() + SHRINK)

    def weighted(self, weight: float) -> "Neighbours":
        """Return the same term with another weight."""
        return replace(self, weight=weight)

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
        return {name: getattr(self, name) for name in TENSORS}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> "Neighbours":
        """Return what :meth:`to_dict` and :meth:`tensors` have written."""
        return cls(
            tensors["items"],
            tensors["counts"],
            tensors["totals"],
            decay=float(values["decay"]),
            kind=values["kind"],
            weight=float(values["weight"]),
            negative_types=tuple(values["negative_types"]),
            until=float(values["until"]),
        )


def scaled(sums: Float[Tensor, "B V1"]) -> Float[Tensor, "B V1"]:
    """Return each row divided by its largest value."""
    return sums / sums.amax(1, keepdim=True).clamp(min=1e-12)


def _table(
    rows: np.ndarray, columns: np.ndarray, counts: np.ndarray, side: int
) -> tuple[Tensor, Tensor]:
    """Return the most frequent columns of each row, and their counts."""
    order = np.lexsort((-counts, rows))
    rows, columns, counts = rows[order], columns[order], counts[order]
    starts = np.searchsorted(rows, np.arange(side))
    place = np.arange(len(rows)) - starts[rows]
    kept = place < KEPT
    width = int(place[kept].max(initial=0)) + 1
    items = np.zeros((side, width), dtype=np.int64)
    found = np.zeros((side, width), dtype=np.float32)
    items[rows[kept], place[kept]], found[rows[kept], place[kept]] = columns[kept], counts[kept]
    return torch.from_numpy(items), torch.from_numpy(found)


def _end(events: Sequences) -> float:
    return float(events.time.max()) if len(events.time) else 0.0
