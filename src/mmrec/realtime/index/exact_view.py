"""The content of an exact index at one moment, and its search."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mmrec.realtime.index.checks import allowed
from mmrec.realtime.index.index import SearchResult, rank
from mmrec.realtime.index.storage import Storage

CHUNK = 1 << 24
"""Most scores in memory at once (64 MB), unless one row has more."""


@dataclass(frozen=True)
class ExactView:
    """The content of an exact index at one moment; later changes do not touch what it reads.

    Attributes:
        storage: the vectors; later changes write to slots from ``size`` on.
        keys: (capacity,) the key of each slot.
        places: the slot of each key, -1 where it has none; a slot of ``size`` or more was taken
            after this moment.
        size: number of slots in use.
        dead: slots in use whose item was removed, or has a newer slot.
        shortlist: estimates ranked in float32, as a multiple of k.
    """

    storage: Storage
    keys: Int[Tensor, " capacity"]
    places: Int[Tensor, " places"]
    size: int
    dead: Int[Tensor, " dead"]
    shortlist: int

    def __len__(self) -> int:
        return self.size - len(self.dead)

    def find(self, keys: Int[Tensor, " N"]) -> Int[Tensor, " N"]:
        """Return the slots of keys, -1 for a key without an item."""
        last = len(self.places) - 1
        slots = self.places[keys.clamp(0, last)].long()
        return slots.masked_fill((keys < 0) | (keys > last) | (slots >= self.size), -1)

    def score(self, query: Float[Tensor, " D"], keys: Int[Tensor, " N"]) -> Float[Tensor, " N"]:
        """Return the inner products with the items of some keys, -inf where there is no item."""
        slots = self.find(keys)
        scores = self.storage.take(slots.clamp(min=0)) @ query
        return scores.masked_fill_(slots < 0, -torch.inf)

    def living(self) -> tuple[Int[Tensor, " n"], Float[Tensor, "n D"]]:
        """Return the keys and vectors of all items."""
        used = torch.ones(self.size, dtype=torch.bool).index_fill_(0, self.dead, False)
        slots = used.nonzero().flatten()
        return self.keys[slots], self.storage.take(slots)

    def search(
        self,
        queries: Float[Tensor, "B D"],
        k: int,
        exclude: list[Int[Tensor, " _"]] | None,
        allow: Bool[Tensor, " keys"] | None,
    ) -> SearchResult:
        """Return what :meth:`ItemIndex.search` does; the arguments are already checked."""
        hidden = None if allow is None else ~allowed(self.keys[: self.size], allow)
        rows = max(1, CHUNK // max(self.size, 1))
        parts = []
        for start in range(0, max(len(queries), 1), rows):
            seen = None if exclude is None else exclude[start : start + rows]
            parts.append(self._search(queries[start : start + rows], k, seen, hidden))
        if len(parts) == 1:
            return parts[0]
        return SearchResult(*(torch.cat(part) for part in zip(*parts, strict=True)))

    def _search(
        self,
        queries: Tensor,
        k: int,
        seen: list[Tensor] | None,
        hidden: Tensor | None,
    ) -> SearchResult:
        scores = self.storage.scores(queries, self.size)
        scores.index_fill_(1, self.dead, -torch.inf)
        if hidden is not None:
            scores.masked_fill_(hidden, -torch.inf)
        # Dropping the s seen items from the best k + s leaves at least k.
        spare = 0 if seen is None else max(map(len, seen))
        wanted = spare + k * (1 if self.storage.exact else self.shortlist)
        slots, scores = self._best_slots(scores, wanted)
        if not self.storage.exact:
            vectors = self.storage.take(slots.flatten()).view(*slots.shape, queries.shape[1])
            exact = (vectors @ queries.unsqueeze(2)).squeeze(2)
            scores = exact.masked_fill(scores == -torch.inf, -torch.inf)
        keys = self.keys[slots]
        for row, drop in enumerate(seen or ()):
            scores[row].masked_fill_(torch.isin(keys[row], drop), -torch.inf)
        return rank(keys, scores, k)

    def _best_slots(self, scores: Tensor, wanted: int) -> tuple[Tensor, Tensor]:
        if wanted >= self.size:
            slots = torch.arange(self.size).expand(len(scores), self.size)
            return slots, scores
        top, slots = scores.topk(wanted + 1)
        top, slots, beyond = top[:, :wanted], slots[:, :wanted], top[:, wanted]
        if self.storage.exact:
            # topk picks any of the equal scores at its edge; the lowest keys must come first.
            for row in (top[:, -1] == beyond).nonzero().flatten().tolist():
                above = (scores[row] > beyond[row]).nonzero().flatten()
                level = (scores[row] == beyond[row]).nonzero().flatten()
                lowest = self.keys[level].topk(wanted - len(above), largest=False).indices
                slots[row] = torch.cat([above, level[lowest]])
                top[row] = scores[row, slots[row]]
        return slots, top
