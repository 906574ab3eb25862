"""A FAISS index that never changes, with the keys of its items."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mmrec.realtime.index.index import SearchResult, rank

SPARE = 256
"""Seen items of a row up to which they are found and dropped; more are masked."""

NARROW = 1 / 16
"""Share of allowed items below which they are scored one by one."""


def import_faiss() -> Any:
    """The optional package.

    Raises:
        ImportError: naming the extra, if it is not installed.
    """
    try:
        import faiss
    except ImportError as error:
        raise ImportError("FaissIndex needs FAISS: pip install 'mmrec[faiss]'") from error
    return faiss


@dataclass(frozen=True)
class Graph:
    """Items in a FAISS index; FAISS numbers them 0 … n - 1.

    Attributes:
        index: ``IndexHNSWFlat`` or ``IndexIVFFlat`` with inner products.
        keys: (n,) the key of each item.
        order: the items by rising key, to find the item of a key.
        effort: candidates (HNSW) or lists (IVF) that a search looks at.
    """

    index: Any
    keys: Int[np.ndarray, " n"]
    order: Int[np.ndarray, " n"]
    effort: int

    def find(self, keys: Int[np.ndarray, " m"]) -> Int[np.ndarray, " m"]:
        """The items of keys, -1 for a key that has none."""
        if not len(self.keys):
            return np.full(len(keys), -1)
        at = np.searchsorted(self.keys, keys, sorter=self.order)
        items = self.order[np.minimum(at, len(self.keys) - 1)]
        return np.where(self.keys[items] == keys, items, -1)

    def vectors(self, items: Int[np.ndarray, " m"]) -> Float[np.ndarray, "m D"]:
        """The vectors of items."""
        found: np.ndarray = self.index.reconstruct_batch(items.astype(np.int64))
        return found

    def search(
        self,
        queries: Float[np.ndarray, "B D"],
        k: int,
        may: Bool[np.ndarray, " n"] | None,
        seen: list[Int[Tensor, " _"]] | None = None,
    ) -> SearchResult:
        """The best k of the items that ``may`` come back, of each row but for those it has seen.

        Few seen items are found and dropped, which costs less than a mask of all items. Where
        FAISS finds too few, because what it walked over was filtered out, all are scored.
        """
        spare = 0 if seen is None else max(map(len, seen))
        if len(queries) > 1 and spare > SPARE:
            rows = [
                self.search(queries[n : n + 1], k, may, None if seen is None else seen[n : n + 1])
                for n in range(len(queries))
            ]
            return SearchResult(*(torch.cat(part) for part in zip(*rows, strict=True)))
        if seen is not None and spare > SPARE:
            may, seen, spare = self._without(seen[0], may), None, 0
        left = len(self.keys) if may is None else int(may.sum())
        if left <= len(self.keys) * NARROW:
            nothing = torch.empty(len(queries), 0)
            found = rank(nothing.long(), nothing, k)
        else:
            keys, scores = self._walk(queries, k, spare, may, left)
            for row, drop in enumerate(seen or ()):
                scores[row].masked_fill_(torch.isin(keys[row], drop), -torch.inf)
            found = rank(keys, scores, k)
        for row in (found.keys[:, -1] == 0).nonzero().flatten().tolist():
            mask = may if seen is None else self._without(seen[row], may)
            one = self._all(queries[row], k, mask)
            found.keys[row], found.scores[row] = one.keys[0], one.scores[0]
        return found

    def _without(self, seen: Tensor, may: np.ndarray | None) -> np.ndarray:
        """Mask what has been seen, too."""
        left = np.ones(len(self.keys), dtype=bool) if may is None else may.copy()
        items = self.find(seen.numpy())
        left[items[items >= 0]] = False
        return left

    def _walk(
        self, queries: np.ndarray, k: int, spare: int, may: np.ndarray | None, left: int
    ) -> tuple[Tensor, Tensor]:
        """Let FAISS find k items beside ``spare`` others that may be dropped."""
        faiss = import_faiss()
        options: dict[str, Any] = {}
        if may is not None:
            options["sel"] = faiss.IDSelectorBitmap(np.packbits(may, bitorder="little"))
        if isinstance(self.index, faiss.IndexHNSW):
            # Of the candidates looked at, only the share that may come back counts.
            effort = (max(self.effort, k) + spare) * len(self.keys) // left
            params = faiss.SearchParametersHNSW(efSearch=effort, **options)
        else:
            params = faiss.SearchParametersIVF(nprobe=self.effort, **options)
        # The setting belongs to this thread; starting a team for one row costs more than the row.
        threads = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(1 if len(queries) == 1 else threads)
        try:
            scores, items = self.index.search(queries, min(k + spare, left), params=params)
        finally:
            faiss.omp_set_num_threads(threads)
        scores[items < 0] = -np.inf
        return torch.from_numpy(self.keys[items]), torch.from_numpy(scores)

    def _all(self, query: np.ndarray, k: int, may: np.ndarray | None) -> SearchResult:
        """Score everything that may come back."""
        items = np.arange(len(self.keys)) if may is None else np.flatnonzero(may)
        if not len(items):
            return rank(torch.zeros(1, 0).long(), torch.zeros(1, 0), k)
        scores = torch.from_numpy(self.vectors(items)) @ torch.from_numpy(query)
        best, at = scores.topk(min(k, len(scores)))
        return rank(torch.from_numpy(self.keys[items])[at][None], best[None], k)


def empty_graph(dim: int, effort: int) -> Graph:
    """A graph without items, which needs no index."""
    none = np.empty(0, dtype=np.int64)
    return Graph(None, none, none, effort)
