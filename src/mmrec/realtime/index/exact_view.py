"""The content of an exact index at one moment, and its search."""

from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
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
        bonus: Float[Tensor, " bonus"] | None = None,
    ) -> SearchResult:
        """Return what :meth:`ItemIndex.search` does, or `search_sum`; all arguments are checked."""
        hidden = None if allow is None else ~allowed(self.keys[: self.size], allow)
        more = None if bonus is None else self._by_slot(bonus)
        rows = max(1, CHUNK // max(self.size, 1))
        parts = []
        for start in range(0, max(len(queries), 1), rows):
            seen = None if exclude is None else exclude[start : start + rows]
            parts.append(self._search(queries[start : start + rows], k, seen, hidden, more))
        if len(parts) == 1:
            return parts[0]
        return SearchResult(*(torch.cat(part) for part in zip(*parts, strict=True)))

    def _search(
        self,
        queries: Tensor,
        k: int,
        seen: list[Tensor] | None,
        hidden: Tensor | None,
        bonus: Tensor | None,
    ) -> SearchResult:
        exact = self.storage.exact or bonus is not None
        if bonus is None:
            scores = self.storage.scores(queries, self.size)
        else:
            scores = self.storage.products(queries, self.size).add_(bonus)
        scores.index_fill_(1, self.dead, -torch.inf)
        if hidden is not None:
            scores.masked_fill_(hidden, -torch.inf)
        # Dropping the s seen items from the best k + s leaves at least k.
        spare = 0 if seen is None else max(map(len, seen))
        slots, scores = self._best_slots(
            scores, spare + k * (1 if exact else self.shortlist), exact
        )
        if not exact:
            vectors = self.storage.take(slots.flatten()).view(*slots.shape, queries.shape[1])
            products = (vectors @ queries.unsqueeze(2)).squeeze(2)
            scores = products.masked_fill(scores == -torch.inf, -torch.inf)
        keys = self.keys[slots]
        for row, drop in enumerate(seen or ()):
            scores[row].masked_fill_(torch.isin(keys[row], drop), -torch.inf)
        return rank(keys, scores, k)

    def _by_slot(self, bonus: Float[Tensor, " bonus"]) -> Float[Tensor, " size"]:
        """Return the bonus of the item of each slot; items beyond its end must not come back."""
        if self._last_key >= len(bonus):
            bonus = F.pad(bonus, (0, self._last_key + 1 - len(bonus)), value=-torch.inf)
        return bonus.index_select(0, self.keys[: self.size])

    @cached_property
    def _last_key(self) -> int:
        return int(self.keys[: self.size].max()) if self.size else 0

    def _best_slots(self, scores: Tensor, wanted: int, exact: bool) -> tuple[Tensor, Tensor]:
        if wanted >= self.size:
            slots = torch.arange(self.size).expand(len(scores), self.size)
            return slots, scores
        top, slots = scores.topk(wanted + 1)
        top, slots, beyond = top[:, :wanted], slots[:, :wanted], top[:, wanted]
        if exact:
            # topk picks any of the equal scores at its edge; the lowest keys must come first.
            for row in (top[:, -1] == beyond).nonzero().flatten().tolist():
                above = (scores[row] > beyond[row]).nonzero().flatten()
                level = (scores[row] == beyond[row]).nonzero().flatten()
                lowest = self.keys[level].topk(wanted - len(above), largest=False).indices
                slots[row] = torch.cat([above, level[lowest]])
                top[row] = scores[row, slots[row]]
        return slots, top
