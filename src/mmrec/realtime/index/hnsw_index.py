"""Approximate search for catalogues that are too large to score whole.

Why USearch: its graph accepts additions and removals during searches. FAISS and hnswlib do not;
around FAISS this took 490 lines, with frozen graphs that a thread built again. With 100,000 items,
D = 64, k = 10 and 200 excluded, a search takes 0.76 ms and finds .95 of the best items, against
0.94 ms and .75 with FAISS and 1.4 ms for scoring all (``benchmarks/index.py``). The recall comes
from the added component that :class:`HnswIndex` describes.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mmrec.realtime.index.checks import allowed, check_keys, check_search, check_vectors
from mmrec.realtime.index.exact import ExactIndex
from mmrec.realtime.index.exact_view import ExactView
from mmrec.realtime.index.index import SearchResult, rank

MARGIN = 16
"""Candidates beyond those that are needed, because the graph rounds distances."""

HEADROOM = 1.25
"""Length of a vector above which a graph is built again, relative to its longest vector."""

EFFORT_ADD = 80
"""Candidates among which a new item's neighbors are chosen."""


class HnswIndex:
    """An HNSW graph that proposes items, and an exact index that scores and filters them.

    An HNSW graph finds the nearest items, but a search wants the largest inner products. The two
    orders are the same once each item vector has one more component that makes all vectors equally
    long (Bachrach et al.). If an item vector is longer than this length, the graph is built again,
    which takes as long as the first time. Each item that is added costs about 0.1 ms.

    Each search reads one view of the exact index, so it sees a change as a whole. It uses no graph
    if few items are allowed, which are then scored. It scores all items if fewer than k proposed
    items may come back, if items were updated or removed during the search, or if the graph would
    have to propose more than 1/64 of the items, which takes longer.

    Args:
        dim: width of an item vector, D.
        neighbors: links of an item in the graph.
        effort: candidates that a search of the graph looks at; more raise recall and take longer.

    Raises:
        ImportError: if USearch is not installed (extra ``hnsw``).
        ValueError: if ``dim`` or ``effort`` is below 1, or ``neighbors`` is below 2.

    References:
        Malkov & Yashunin, "Efficient and robust approximate nearest neighbor search using
        Hierarchical Navigable Small World graphs" (arXiv 1603.09320).

        Bachrach et al., "Speeding up the Xbox recommender system using a Euclidean
        transformation for inner-product spaces" (RecSys 2014).

    Example:
        >>> index = HnswIndex(2)
        >>> index.add(torch.tensor([4, 7, 9]), torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 0.0]]))
        >>> index.remove(torch.tensor([4]))
        >>> index.search(torch.tensor([[1.0, 0.5]]), 2)
        SearchResult(keys=tensor([[9, 7]]), scores=tensor([[2.0000, 0.5000]]))
    """

    share: float = 1 / 64
    """Share of the items above which scoring all is faster than so many candidates."""

    def __init__(self, dim: int, *, neighbors: int = 16, effort: int = 288) -> None:
        if min(dim, effort) < 1 or neighbors < 2:
            raise ValueError(
                "HnswIndex expects dim and effort of 1 or more and neighbors of 2 or more; "
                f"got {dim}, {effort} and {neighbors}"
            )
        self.dim = dim
        self.neighbors = neighbors
        self.effort = effort
        self._lock = Lock()
        self._moves = 0  # odd while items are updated or removed in the graph
        self._radius = 0.0
        self._exact = ExactIndex(dim)
        self._graph = self._empty_graph()

    def __len__(self) -> int:
        return len(self._exact)

    def __contains__(self, key: int) -> bool:
        return key in self._exact

    def add(self, keys: Int[Tensor, " N"], vectors: Float[Tensor, "N D"]) -> None:
        """Add items that the index does not hold; see :meth:`ItemIndex.add`."""
        keys, vectors = self._checked(keys, vectors)
        with self._lock:
            self._exact.check(keys, present=False)
            self._widen(vectors)
            self._connect(self._graph, keys, vectors)
            self._exact.add(keys, vectors)

    def update(self, keys: Int[Tensor, " N"], vectors: Float[Tensor, "N D"]) -> None:
        """Give items new vectors; see :meth:`ItemIndex.update`."""
        keys, vectors = self._checked(keys, vectors)
        with self._lock:
            self._exact.check(keys, present=True)
            self._widen(vectors)
            with self._moving():
                self._graph.remove(keys.numpy())
                self._connect(self._graph, keys, vectors)
                self._exact.update(keys, vectors)

    def remove(self, keys: Int[Tensor, " N"]) -> None:
        """Remove items; see :meth:`ItemIndex.remove`."""
        keys = check_keys(keys)
        with self._lock, self._moving():
            self._exact.remove(keys)
            self._graph.remove(keys.numpy())

    def search(
        self,
        vectors: Float[Tensor, "B D"],
        k: int,
        *,
        exclude: Sequence[Tensor | np.ndarray] | None = None,
        allow: Bool[Tensor, " keys"] | None = None,
    ) -> SearchResult:
        """Return k items, about the best; see :meth:`ItemIndex.search`."""
        seen, allow = check_search(len(vectors), k, exclude, allow)
        queries = check_vectors(vectors, self.dim)
        # In this order, the graph holds all items of the view unless ``_moves`` changes.
        moves, view, graph = self._moves, self._exact.view, self._graph
        if moves % 2 or not len(queries) or not len(view):
            return view.search(queries, k, seen, allow)
        rows = [
            self._search_row(view, graph, query, k, None if seen is None else seen[row], allow)
            for row, query in enumerate(queries)
        ]
        if self._moves != moves:
            return view.search(queries, k, seen, allow)
        return SearchResult(*(torch.cat(part) for part in zip(*rows, strict=True)))

    def _search_row(
        self,
        view: ExactView,
        graph: Any,
        query: Float[Tensor, " D"],
        k: int,
        seen: Int[Tensor, " _"] | None,
        allow: Bool[Tensor, " keys"] | None,
    ) -> SearchResult:
        keys = self._candidates(view, graph, query, k + (0 if seen is None else len(seen)), allow)
        if keys is not None:
            scores = view.score(query, keys)
            if allow is not None:
                scores.masked_fill_(~allowed(keys, allow), -torch.inf)
            if seen is not None:
                scores.masked_fill_(torch.isin(keys, seen), -torch.inf)
            found = rank(keys.unsqueeze(0), scores.unsqueeze(0), k)
            if found.keys[0, -1] > 0:
                return found
        return view.search(query.unsqueeze(0), k, None if seen is None else [seen], allow)

    def _candidates(
        self, view: ExactView, graph: Any, query: Tensor, count: int, allow: Tensor | None
    ) -> Int[Tensor, " n"] | None:
        """Return keys of which ``count`` should be allowed; None if scoring all is faster."""
        may = len(view) if allow is None else int(allow.sum())
        if allow is not None and may <= self.share * len(view):
            return allow.nonzero().flatten()
        # If half of the items are allowed, twice as many candidates are needed.
        wanted = (count + MARGIN) * len(view) // max(may, 1)
        if wanted > self.share * len(view):
            return None
        found = graph.search(_lengthened(query.unsqueeze(0), 0.0)[0], wanted, threads=1)
        return torch.from_numpy(found.keys.astype(np.int64))

    def _checked(self, keys: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
        keys = check_keys(keys)
        return keys, check_vectors(vectors, self.dim, len(keys))

    def _widen(self, vectors: Float[Tensor, "N D"]) -> None:
        """Build the graph again if a vector is longer than it accepts."""
        longest = float(vectors.norm(dim=1).max()) if len(vectors) else 0.0
        if longest <= self._radius:
            return
        self._radius = HEADROOM * longest
        graph = self._empty_graph()
        self._connect(graph, *self._exact.view.living())
        self._graph = graph

    def _connect(self, graph: Any, keys: Tensor, vectors: Tensor) -> None:
        """Add items to a graph: the first with PyTorch's threads, later ones with one thread."""
        if len(keys):
            threads = 1 if len(graph) else torch.get_num_threads()
            graph.add(keys.numpy(), _lengthened(vectors, self._radius), threads=threads)

    @contextmanager
    def _moving(self) -> Iterator[None]:
        """Make concurrent searches score all items, because the graph lacks some meanwhile."""
        self._moves += 1
        try:
            yield
        finally:
            self._moves += 1

    def _empty_graph(self) -> Any:
        try:
            from usearch.index import Index
        except ImportError as error:
            raise ImportError("HnswIndex needs USearch: pip install 'mmrec[hnsw]'") from error
        return Index(
            ndim=self.dim + 1,
            metric="l2sq",
            dtype="f32",
            connectivity=self.neighbors,
            expansion_add=EFFORT_ADD,
            expansion_search=self.effort,
        )


def _lengthened(vectors: Float[Tensor, "N D"], length: float) -> Float[np.ndarray, "N D1"]:
    """Return vectors with one more component, which extends each to the length."""
    rest = (length**2 - vectors.square().sum(dim=1, keepdim=True)).clamp(min=0).sqrt()
    longer: np.ndarray = torch.cat([vectors, rest], dim=1).numpy()
    return longer
