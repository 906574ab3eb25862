"""Neighbours that count events as they come."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from mmrec.affinities.neighbours import KEPT, Neighbours
from mmrec.affinities.protocol import LAST, Recent

ROOM = 4 * KEPT
"""New neighbours of an item at most; then the :data:`KEPT` that were met most often are kept."""


class LiveNeighbours:
    """Neighbours that count events as they come. Not safe to read while another thread changes it.

    The table of the training is neither copied nor changed: what is new lies beside it.

    Args:
        start: the counts to start from.

    Example:
        >>> from mmrec.affinities import Successors
        >>> from mmrec.data import Catalog, Interactions, to_sequences
        >>> log = Interactions({"user_id": [*"uuv"], "item_id": [*"aba"], "position": range(3)})
        >>> events = to_sequences(log, Catalog({"item_id": [*"abc"]}))
        >>> live = Successors.of(events, 3).live()
        >>> for _ in range(4):
        ...     live.add(3, after=[1], time=9.0)
        >>> int(live.bonus([(1, 0)]).argmax())
        3
    """

    def __init__(self, start: Neighbours) -> None:
        self._start, self._until = start, start.until
        self._items, self._counts = start.items.numpy(), start.counts.numpy()
        self._totals, self._new = start.totals.numpy().copy(), dict[int, NewNeighbours]()
        self._no = frozenset(start.negative_types)
        # Of the last items, the last one at the end; without decay it is read alone.
        ages = np.arange(LAST if start.decay else 1, dtype=np.float32)
        self._weights = (start.decay**ages)[::-1].copy()

    @property
    def kind(self) -> str:
        """What is counted."""
        return self._start.kind

    @property
    def weight(self) -> float:
        """What 1 adds to the score."""
        return self._start.weight

    def add(self, item: int, after: Sequence[int], time: float, *, again: bool = False) -> None:
        """Count an event, see :meth:`mmrec.affinities.protocol.LiveCounts.add`.

        An item that is among the last ones of its user counts no user again. One that is not, but
        was taken longer ago, does. The weights of EASE stay as they are.
        """
        self._until = max(self._until, time)
        met = self._start.met(item, after, again)
        if met.counted:
            self._totals[met.counted] += 1
        for other in met.others:
            self._row(met.row).meet(other)
            if self._start.mutual:
                self._row(other).meet(met.row)

    def add_items(self, count: int) -> None:
        """Take items that were added at the end of the catalogue."""
        for item in range(len(self._totals), len(self._totals) + count):
            for other in self._start.first(item):
                self._row(item).meet(other)
        self._totals = np.pad(self._totals, (0, count))

    def bonus(self, recent: Recent) -> Float[np.ndarray, " V1"]:
        """Return the weighted term for one user, see :meth:`Neighbours.bonus`."""
        sums = self._sums(recent)
        sums[0] = 0
        totals = torch.from_numpy(self._totals)
        found: np.ndarray = self._start.scaled(torch.from_numpy(sums), totals).numpy()
        found *= self.weight
        return found.astype(np.float32)

    @property
    def counted(self) -> Neighbours:
        """The neighbours as they are now, to keep."""
        table, rows = self._start, self._merged()
        width = max([table.items.shape[1], *(len(near) for near, _ in rows.values())])
        grown = (0, width - table.items.shape[1], 0, len(self._totals) - len(table.items))
        items, counts = F.pad(table.items, grown), F.pad(table.counts, grown)
        for item, (near, met) in rows.items():
            items[item], counts[item] = 0, 0
            items[item, : len(near)], counts[item, : len(near)] = near, met
        totals = torch.from_numpy(self._totals.copy())
        return replace(table, items=items, counts=counts, totals=totals, until=self._until)

    def _row(self, item: int) -> "NewNeighbours":
        row = self._new.get(item)
        if row is None:
            row = self._new[item] = NewNeighbours()
        return row

    def _sums(self, recent: Recent) -> Float[np.ndarray, " V1"]:
        """Return the sums of similarities, before they are scaled."""
        recent = recent[-len(self._weights) :]
        weights = self._weights[len(self._weights) - len(recent) :]
        # A session of another process may have items that are not known here yet.
        size = len(self._totals)
        past = [0 if kind in self._no or item >= size else item for item, kind in recent]
        items = np.array(past, dtype=np.int64)
        users, known = self._totals[items], items
        if len(self._totals) > len(self._items):  # items that were added have no row
            known = np.where(items < len(self._items), items, 0)
        near, counts = self._items[known], self._counts[known]
        value = self._start.similarity(users[:, None], near, counts, self._totals)
        where, what = near.ravel(), (value * weights[:, None]).ravel()
        rows = [(place, row) for place, item in enumerate(past) if (row := self._new.get(item))]
        if rows:
            near = np.concatenate([row.near for _, row in rows])
            counts = np.concatenate([row.counts for _, row in rows])
            places, lengths = [place for place, _ in rows], [len(row.near) for _, row in rows]
            value = self._start.similarity(
                users[places].repeat(lengths), near, counts, self._totals
            )
            value = value * weights[places].repeat(lengths)
            where, what = np.concatenate([where, near]), np.concatenate([what, value])
        # Without events the counts are whole numbers.
        return np.bincount(where, what, len(self._totals)).astype(np.float64, copy=False)

    def _merged(self) -> dict[int, tuple[Int[Tensor, " K"], Float[Tensor, " K"]]]:
        """Return the best neighbours, and their counts, of each item that has new ones."""
        table, merged = self._start, {}
        totals = torch.from_numpy(self._totals)
        for item, new in self._new.items():
            row = dict(zip(new.near[: len(new)].tolist(), new.counts.tolist(), strict=False))
            if item < len(table.items):
                old = zip(table.items[item].tolist(), table.counts[item].tolist(), strict=True)
                for other, count in old:
                    if other:
                        row[other] = row.get(other, 0.0) + count
            near, counts = torch.tensor(list(row)), torch.tensor(list(row.values()))
            similar = table.similarity(totals[item], near, counts, totals)
            best = similar.topk(min(KEPT, len(row))).indices
            merged[item] = near[best], counts[best]
        return merged


class NewNeighbours:
    """New neighbours of one item, in arrays that grow; 0 fills the rest of them.

    Attributes:
        near: the neighbours.
        counts: how often each was met.
    """

    __slots__ = ("_place", "counts", "near")

    def __init__(self) -> None:
        self._place: dict[int, int] = {}
        self.near, self.counts = np.zeros(4, dtype=np.int64), np.zeros(4, dtype=np.float32)

    def __len__(self) -> int:
        return len(self._place)

    def meet(self, other: int) -> None:
        """Count once that the item met another one."""
        place = self._place.get(other)
        if place is not None:
            self.counts[place] += 1
            return
        place = self._place[other] = len(self._place)
        if place == len(self.near):
            self.near = np.concatenate([self.near, np.zeros_like(self.near)])
            self.counts = np.concatenate([self.counts, np.zeros_like(self.counts)])
        self.near[place], self.counts[place] = other, 1
        if place >= ROOM:
            best = np.argsort(-self.counts[: place + 1], kind="stable")[:KEPT]
            self.near, self.counts = self.near[best], self.counts[best]
            self._place = {kept: place for place, kept in enumerate(self.near.tolist())}
