"""A FAISS index that never changes, with the keys of its items."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

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

    def without(
        self, keys: Int[np.ndarray, " m"], may: Bool[np.ndarray, " n"] | None
    ) -> Bool[np.ndarray, " n"]:
        """The items that ``may`` come back (None: all), but for those with these keys."""
        left = np.ones(len(self.keys), dtype=bool) if may is None else may.copy()
        items = self.find(keys)
        left[items[items >= 0]] = False
        return left

    def vectors(self, items: Int[np.ndarray, " m"]) -> Float[np.ndarray, "m D"]:
        """The vectors of items."""
        found: np.ndarray = self.index.reconstruct_batch(items.astype(np.int64))
        return found

    def search(
        self,
        queries: Float[np.ndarray, "B D"],
        k: int,
        may: Bool[np.ndarray, " n"] | None,
        spare: int = 0,
    ) -> tuple[Int[Tensor, "B m"], Float[Tensor, "B m"]]:
        """Keys and scores of at most k + spare items a row, of those that ``may`` come back.

        ``spare`` are looked for beyond the candidates of k, for a caller who drops as many. Where
        FAISS finds too few, because what it walked over was filtered out, all are scored.
        """
        left = len(self.keys) if may is None else int(may.sum())
        k = min(k + spare, left)
        if k == 0:
            nothing = torch.empty(len(queries), 0)
            return nothing.long(), nothing
        if may is not None and left <= len(self.keys) * NARROW:
            return self._all(queries, k, may)
        # Of the candidates looked at, only the share that may come back counts.
        effort = (max(self.effort, k) + spare) * len(self.keys) // left
        scores, items = self._walk(queries, k, may, effort)
        keys, found = torch.from_numpy(self.keys[items]), torch.from_numpy(scores)
        for row in np.flatnonzero((items < 0).any(axis=1)):
            one, best = self._all(queries[row : row + 1], k, may)
            keys[row], found[row] = one[0], best[0]
        return keys, found

    def _walk(
        self, queries: np.ndarray, k: int, may: np.ndarray | None, effort: int
    ) -> tuple[np.ndarray, np.ndarray]:
        faiss = import_faiss()
        options: dict[str, Any] = {}
        if may is not None:
            options["sel"] = faiss.IDSelectorBitmap(np.packbits(may, bitorder="little"))
        if isinstance(self.index, faiss.IndexHNSW):
            params = faiss.SearchParametersHNSW(efSearch=effort, **options)
        else:
            params = faiss.SearchParametersIVF(nprobe=self.effort, **options)
        # The setting belongs to this thread; starting a team for one row costs more than the row.
        threads = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(1 if len(queries) == 1 else threads)
        try:
            scores, items = self.index.search(queries, k, params=params)
        finally:
            faiss.omp_set_num_threads(threads)
        return scores, items

    def _all(self, queries: np.ndarray, k: int, may: np.ndarray | None) -> tuple[Tensor, Tensor]:
        items = np.arange(len(self.keys)) if may is None else np.flatnonzero(may)
        scores = torch.from_numpy(queries) @ torch.from_numpy(self.vectors(items)).t()
        best, at = scores.topk(k)
        return torch.from_numpy(self.keys[items])[at], best


def empty_graph(dim: int, effort: int) -> Graph:
    """A graph without items, which needs no index."""
    none = np.empty(0, dtype=np.int64)
    return Graph(None, none, none, effort)
