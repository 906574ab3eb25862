"""Neighbours that count events as they come."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from mmrec.affinities.neighbours import KEPT, LAST, Neighbours, scaled
from mmrec.data import Histories, Sequences

ROOM = 4 * KEPT
"""New neighbours of an item at most; then the :data:`KEPT` that were met most often are kept."""


class LiveNeighbours:
    """Neighbours that count events as they come. Not safe to read while another thread changes it.

    The table of the training is neither copied nor changed: what is new lies beside it.

    Args:
        neighbours: the counts to start from.

    Example:
        >>> from mmrec.data import Catalog, Interactions, to_sequences
        >>> log = Interactions({"user_id": [*"uuv"], "item_id": [*"aba"], "position": range(3)})
        >>> events = to_sequences(log, Catalog({"item_id": [*"abc"]}))
        >>> live = LiveNeighbours(Neighbours.of_successors(events, 3))
        >>> for _ in range(4):
        ...     live.add(3, after=[1], time=9.0)
        >>> live.bonus(Histories.of_items([[1]]), 3)
        tensor([[0.0000, 0.0000, 0.2500, 1.0000]])
    """

    def __init__(self, neighbours: Neighbours) -> None:
        self._start, self._totals = neighbours, neighbours.totals.clone()
        self._new: defaultdict[int, dict[int, float]] = defaultdict(dict)
        self._until = neighbours.until

    @property
    def kind(self) -> str:
        """What is counted."""
        return self._start.kind

    def add(self, item: int, after: Sequence[int], time: float) -> None:
        """Count an event.

        An item that is among the last ones of its user counts no user again. One that is not, but
        was taken longer ago, does. The weights of EASE stay as they are.

        Args:
            item: catalogue index of its item.
            after: the last items of its user, oldest first.
            time: unix seconds.
        """
        self._until = max(self._until, time)
        if self.kind == "ease":  # its weights come from all events together
            return
        if self.kind == "unseen":
            self._totals[item] += 1
            return
        if self.kind == "successors":
            if after and after[-1] != item:
                self._totals[after[-1]] += 1
                self._meet(after[-1], item)
        elif item not in after:
            self._totals[item] += 1
            for other in set(after):
                self._meet(item, other)
                self._meet(other, item)

    def add_items(self, count: int) -> None:
        """Take items that were added at the end of the catalogue."""
        self._totals = F.pad(self._totals, (0, count))

    def bonus(self, histories: Histories, size: int) -> Float[Tensor, "B V1"]:
        """Return the weighted term for each of ``size`` items, see :meth:`Neighbours.bonus`."""
        table = self._table
        items, age = table.read(histories)
        if self.kind == "unseen":
            everything = replace(table, totals=self._totals)
            return everything.weighed(everything.sums(items, age), size)
        sums = F.pad(table.sums(items, age), (0, len(self._totals) - len(table.items)))
        for row, (past, ages) in enumerate(zip(items.tolist(), age.tolist(), strict=True)):
            if not self._new.keys().isdisjoint(past):
                sums[row].index_add_(0, *self._beside(past, ages))
        return table.weighed(scaled(sums), size)

    @property
    def neighbours(self) -> Neighbours:
        """The neighbours as they are now, to keep."""
        table, rows = self._start, self._merged()
        width = max([table.items.shape[1], *(len(row) for row in rows.values())])
        grown = (0, width - table.items.shape[1], 0, len(self._totals) - len(table.items))
        items, counts = F.pad(table.items, grown), F.pad(table.counts, grown)
        for item, row in rows.items():
            items[item], counts[item] = 0, 0
            items[item, : len(row)] = torch.tensor(list(row))
            counts[item, : len(row)] = torch.tensor(list(row.values()))
        return replace(
            table, items=items, counts=counts, totals=self._totals.clone(), until=self._until
        )

    @property
    def _table(self) -> Neighbours:
        """The table of the training, with the totals of now."""
        return replace(self._start, totals=self._totals[: len(self._start.items)])

    def _meet(self, item: int, other: int) -> None:
        row = self._new[item]
        row[other] = row.get(other, 0.0) + 1
        if len(row) > ROOM:
            kept = sorted(row.items(), key=lambda pair: -pair[1])[:KEPT]
            self._new[item] = dict(kept)

    def _beside(
        self, past: Sequence[int], ages: Sequence[int]
    ) -> tuple[Int[Tensor, " N"], Float[Tensor, " N"]]:
        """Return new neighbours of items, and what each adds to the sums."""
        rows = [(i, age, self._new[i]) for i, age in zip(past, ages, strict=True) if i in self._new]
        near = torch.tensor([other for *_, row in rows for other in row], dtype=torch.long)
        counts = torch.tensor([count for *_, row in rows for count in row.values()])
        lengths = torch.tensor([len(row) for *_, row in rows], dtype=torch.long)
        items = torch.tensor([i for i, *_ in rows], dtype=torch.long).repeat_interleave(lengths)
        weights = torch.tensor([self._start.decay**age for _, age, _ in rows])
        value = self._start.similarity(items, near, counts, self._totals)
        return near, value * weights.repeat_interleave(lengths)

    def _merged(self) -> dict[int, dict[int, float]]:
        """Return the best neighbours of each item that has new ones, with their counts."""
        table, merged = self._start, dict[int, dict[int, float]]()
        for item, new in self._new.items():
            row = dict(new)
            if item < len(table.items):
                old = zip(table.items[item].tolist(), table.counts[item].tolist(), strict=True)
                for other, count in old:
                    if other:
                        row[other] = row.get(other, 0.0) + count
            near, counts = torch.tensor(list(row)), torch.tensor(list(row.values()))
            similar = table.similarity(torch.tensor(item), near, counts, self._totals)
            best = similar.topk(min(KEPT, len(row))).indices
            merged[item] = dict(zip(near[best].tolist(), counts[best].tolist(), strict=True))
        return merged


def continued(neighbours: Neighbours, events: Sequences, catalog_size: int) -> Neighbours:
    """Return neighbours with further events counted; weights of EASE stay as they are.

    Args:
        neighbours: the counts before.
        events: the events.
        catalog_size: V, which may be larger than before.

    Example:
        >>> from mmrec.data import Catalog, Interactions, to_sequences
        >>> log = Interactions({"user_id": [*"uuv"], "item_id": [*"aba"], "position": range(3)})
        >>> events = to_sequences(log, Catalog({"item_id": [*"abc"]}))
        >>> once = Neighbours.of_successors(events, 3)
        >>> continued(once, events, 3).counts.max()
        tensor(2.)
    """
    live = LiveNeighbours(neighbours)
    live.add_items(catalog_size - neighbours.catalog_size)
    for start, stop in pairwise(events.offsets.tolist()):
        items, times = events.item[start:stop].tolist(), events.time[start:stop].tolist()
        seen = set[int]()
        for place, (item, time) in enumerate(zip(items, times, strict=True)):
            # A user counts once for an item.
            if not (neighbours.kind == "co-occurrence" and item in seen):
                live.add(item, items[max(0, place - LAST) : place], float(time))
            seen.add(item)
    return live.neighbours
