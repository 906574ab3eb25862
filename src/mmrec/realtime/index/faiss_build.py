"""How the graph of a FAISS index is built."""

from threading import Event
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from mmrec.realtime.index.faiss_graph import Graph, import_faiss

DEAD_SHARE = 1 / 5
"""Share of masked items above which a graph is built from nothing instead of added to."""

STEP = 1_000
"""Items added before the builder looks whether it should stop."""


def next_graph(
    graph: Graph,
    alive: Bool[np.ndarray, " n"],
    keys: Int[np.ndarray, " m"],
    vectors: Float[np.ndarray, "m D"],
    *,
    kind: str,
    neighbors: int,
    stop: Event,
) -> Graph | None:
    """The living items of a graph and m new ones in a graph of their own.

    Args:
        graph: the graph until now; it stays as it is.
        alive: which of its n items still count.
        keys: keys of the new items, none of which lives in ``graph``.
        vectors: their vectors.
        kind: "hnsw" or "ivf".
        neighbors: links of an item (HNSW).
        stop: set by others to give the build up.

    Returns:
        The graph, in which a masked item that it kept has the key 0; None if it was given up.
    """
    if kind == "hnsw" and len(alive) and (~alive).mean() <= DEAD_SHARE:
        index = import_faiss().clone_index(graph.index)
        kept = np.where(alive, graph.keys, 0)
    else:
        items = np.flatnonzero(alive)
        kept = graph.keys[:0]
        if len(items):
            keys = np.concatenate([graph.keys[items], keys])
            vectors = np.concatenate([graph.vectors(items), vectors])
        index = make_index(kind, vectors, neighbors) if len(keys) else None
    for start in range(0, len(keys), STEP):
        if stop.is_set():
            return None
        index.add(vectors[start : start + STEP])
    keys = np.concatenate([kept, keys])
    return Graph(index, keys, np.argsort(keys, kind="stable"), graph.effort)


def make_index(kind: str, vectors: Float[np.ndarray, "n D"], neighbors: int) -> Any:
    """An empty FAISS index for such vectors; IVF learns its lists from them."""
    faiss = import_faiss()
    dim = vectors.shape[1]
    if kind == "hnsw":
        index = faiss.IndexHNSWFlat(dim, neighbors, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = 80
        return index
    # FAISS wants 39 vectors to learn a list from, and says so on stderr.
    lists = max(1, min(int(4 * len(vectors) ** 0.5), len(vectors) // 39))
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, lists, faiss.METRIC_INNER_PRODUCT)
    index.cp.min_points_per_centroid = 1
    index.train(vectors)
    index.set_direct_map_type(faiss.DirectMap.Array)
    return index
