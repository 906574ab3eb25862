"""Approximate search with FAISS, for catalogues too large to score whole."""

from collections.abc import Sequence
from threading import Event, Lock
from typing import Literal, NamedTuple, get_args

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mmrec.realtime.index.background import Background
from mmrec.realtime.index.checks import (
    allowed,
    check_keys,
    check_presence,
    check_search,
    check_vectors,
)
from mmrec.realtime.index.exact import ExactIndex
from mmrec.realtime.index.exact_view import ExactView
from mmrec.realtime.index.faiss_build import DEAD_SHARE, next_graph
from mmrec.realtime.index.faiss_graph import Graph, empty_graph, import_faiss
from mmrec.realtime.index.index import SearchResult, rank

Kind = Literal["hnsw", "ivf"]

FRESH = (1_000, 10_000)
"""A tenth of the graph may be outside it, within these bounds, before it is built anew."""


class _State(NamedTuple):
    """What a search reads: a graph, what of it is masked, and the items outside it."""

    graph: Graph
    alive: Bool[np.ndarray, " n"]
    masked: int
    fresh: ExactView


class FaissIndex:
    """An HNSW graph or IVF lists that never change, beside an exact index of what is new.

    FAISS cannot remove from HNSW, nor add while others search. So a new or updated item goes to a
    small exact index, where it is found at once; an item removed or moved is masked in the graph.
    Once a tenth of the items are outside or a fifth are masked, a thread builds the next graph and
    swaps it in. Few items allowed are scored one by one, without the graph.

    Args:
        dim: width of an item vector, D.
        kind: "hnsw" (fast, much memory, slow to build) or "ivf" (less of each).
        neighbors: links of an item in the graph (HNSW).
        effort: candidates (HNSW) or lists (IVF) that a search looks at: more finds more, slower.

    Raises:
        ImportError: if FAISS is not installed (extra ``faiss``).
        ValueError: if a number is below 1 (``neighbors`` below 2), or ``kind`` is another one.

    References:
        Malkov & Yashunin, "Efficient and robust approximate nearest neighbor search using
        Hierarchical Navigable Small World graphs" (arXiv 1603.09320).

    Example:
        >>> index = FaissIndex(2)
        >>> index.add(torch.tensor([4, 7, 9]), torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 0.0]]))
        >>> index.rebuild()  # now rather than in the background
        >>> index.remove(torch.tensor([4]))
        >>> index.search(torch.tensor([[1.0, 0.5]]), 2)
        SearchResult(keys=tensor([[9, 7]]), scores=tensor([[2.0000, 0.5000]]))
    """

    def __init__(
        self, dim: int, *, kind: Kind = "hnsw", neighbors: int = 32, effort: int = 288
    ) -> None:
        if min(dim, effort) < 1 or neighbors < 2:
            raise ValueError(
                "FaissIndex expects dim and effort of 1 or more and neighbors of 2 or more; "
                f"got {dim}, {effort} and {neighbors}"
            )
        if kind not in get_args(Kind):
            raise ValueError(f"FaissIndex expects kind hnsw or ivf; got {kind}")
        import_faiss()
        self.dim = dim
        self.kind = kind
        self.neighbors = neighbors
        self.effort = effort
        self._lock = Lock()
        self._building = Lock()
        self._background = Background("faiss-build")
        self._changed: set[int] | None = None  # keys touched since a build began
        self._fresh = ExactIndex(dim)
        none = np.empty(0, dtype=bool)
        self._state = _State(empty_graph(dim, effort), none, 0, self._fresh.view)

    def __len__(self) -> int:
        state = self._state
        return len(state.alive) - state.masked + state.fresh.size - len(state.fresh.dead)

    def __contains__(self, key: int) -> bool:
        return key in self._fresh or self._in_graph(key) >= 0

    def add(self, keys: Int[Tensor, " N"], vectors: Float[Tensor, "N D"]) -> None:
        """Add items that the index does not hold; see :meth:`ItemIndex.add`."""
        self._change(keys, vectors, present=False)

    def update(self, keys: Int[Tensor, " N"], vectors: Float[Tensor, "N D"]) -> None:
        """Give items new vectors; see :meth:`ItemIndex.update`."""
        self._change(keys, vectors, present=True)

    def remove(self, keys: Int[Tensor, " N"]) -> None:
        """Remove items; see :meth:`ItemIndex.remove`."""
        self._change(keys, None, present=True)

    def search(
        self,
        vectors: Float[Tensor, "B D"],
        k: int,
        *,
        exclude: Sequence[Tensor | np.ndarray] | None = None,
        allow: Bool[Tensor, " keys"] | None = None,
    ) -> SearchResult:
        """About the k items with the highest inner product; see :meth:`ItemIndex.search`."""
        seen, allow = check_search(len(vectors), k, exclude, allow)
        queries = check_vectors(vectors, self.dim)
        graph, alive, masked, fresh = self._state
        may = alive if masked else None
        if allow is not None:
            may = alive & allowed(torch.from_numpy(graph.keys), allow).numpy()
        inside = graph.search(queries.contiguous().numpy(), k, may, seen)
        if not fresh.size:
            return inside
        outside = fresh.search(queries, k, seen, allow)
        keys = torch.cat([outside.keys, inside.keys], dim=1)
        return rank(keys, torch.cat([outside.scores, inside.scores], dim=1), k)

    def wait(self) -> None:
        """Wait for a build in the background, if there is one."""
        self._background.wait()

    def rebuild(self) -> None:
        """Move all items into the graph now, and wait for it."""
        self._build(Event())

    def _in_graph(self, key: int) -> int:
        state = self._state
        item = int(state.graph.find(np.array([key]))[0])
        return item if item >= 0 and state.alive[item] else -1

    def _change(self, keys: Tensor, vectors: Tensor | None, *, present: bool) -> None:
        numbers = check_keys(keys)
        if vectors is not None:
            vectors = check_vectors(vectors, self.dim, len(numbers))
        with self._lock:
            check_presence(numbers, self.__contains__, present=present)
            held = torch.tensor([key in self._fresh for key in numbers], dtype=torch.bool)
            keys = torch.tensor(numbers, dtype=torch.long)
            if vectors is None:
                self._fresh.remove(keys[held])
            else:
                self._fresh.update(keys[held], vectors[held])
                self._fresh.add(keys[~held], vectors[~held])
            if self._changed is not None:
                self._changed.update(numbers)
            self._serve(self._state.graph, self._state.alive, keys.numpy())
            self._start_if_due()

    def _serve(self, graph: Graph, alive: np.ndarray, gone: Int[np.ndarray, " m"]) -> None:
        """Search this graph from now on, without items that went; nothing is half done before."""
        items = graph.find(gone)
        items = items[items >= 0]
        if len(items):
            alive = alive.copy()
            alive[items] = False
        self._state = _State(graph, alive, int((~alive).sum()), self._fresh.view)

    def _start_if_due(self) -> None:
        state = self._state
        outside = min(max(len(state.alive) // 10, FRESH[0]), FRESH[1])
        due = len(self._fresh) > outside or state.masked > max(64, len(state.alive) * DEAD_SHARE)
        if due:
            self._background.start(self._build)

    def _build(self, stop: Event) -> None:
        with self._building:
            with self._lock:
                state, self._changed = self._state, set()
            try:
                keys, vectors = state.fresh.living()
                graph = next_graph(
                    state.graph,
                    state.alive,
                    keys.numpy(),
                    vectors.contiguous().numpy(),
                    kind=self.kind,
                    neighbors=self.neighbors,
                    stop=stop,
                )
                if graph is not None:
                    self._swap(graph)
            finally:
                with self._lock:
                    self._changed = None

    def _swap(self, graph: Graph) -> None:
        """Take the graph; what changed while it was built is masked in it, or stays outside."""
        with self._lock:
            changed = np.array(sorted(self._changed or ()), dtype=np.int64)
            keys, vectors = self._fresh.view.living()
            late = torch.isin(keys, torch.from_numpy(changed))
            self._fresh = ExactIndex(self.dim)
            self._fresh.add(keys[late], vectors[late])
            self._serve(graph, graph.keys != 0, changed)
