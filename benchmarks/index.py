"""What an index of item vectors costs: building, one search, recall, changes beside searches.

    python benchmarks/index.py [--items 100000] [--dim 64] [--json]

Item vectors lie around 500 centers, differ along few directions and have lengths that differ by a
factor of two to three, as a trained model's do. Each query excludes 200 items: the 100 best and
100 others. Recall is the share of the exact ten best that are found. Searches run on one thread.
"""

import argparse
import json
import threading
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from mmrec.realtime import ExactIndex, HnswIndex, ItemIndex

K, SEEN, QUERIES, CHANGED = 10, 200, 400, 5_000

INDEXES: dict[str, Callable[[int], ItemIndex]] = {
    "exact": ExactIndex,
    "exact_bfloat16": lambda dim: ExactIndex(dim, dtype="bfloat16"),
    "hnsw": HnswIndex,
    "hnsw_32_neighbors": lambda dim: HnswIndex(dim, neighbors=32),
}


def clustered(items: int, dim: int) -> tuple[Tensor, Tensor]:
    """Return item vectors and queries."""
    draw = torch.Generator().manual_seed(0)
    directions = torch.randn(dim, dim, generator=draw) / torch.arange(1, dim + 1)[:, None].sqrt()
    centers = torch.randn(500, dim, generator=draw) @ directions

    def around(count: int, spread: float) -> Tensor:
        noise = torch.randn(count, dim, generator=draw) @ directions
        return centers[torch.randint(500, (count,), generator=draw)] + spread * noise

    return around(items, 0.4), around(QUERIES, 0.6)


def seen_items(scores: Tensor) -> list[Tensor]:
    """Return for each query the keys to exclude: half of them the best."""
    draw = torch.Generator().manual_seed(1)
    best = scores.topk(SEEN // 2).indices + 1
    others = torch.randint(scores.shape[1], (len(scores), SEEN - SEEN // 2), generator=draw) + 1
    return [row.unique() for row in torch.cat([best, others], dim=1)]


def searched(index: ItemIndex, queries: Tensor, seen: list[Tensor]) -> tuple[np.ndarray, Tensor]:
    """Return the milliseconds of each search, and what was found."""
    taken, found = [], []
    for row in range(len(queries)):
        began = time.perf_counter()
        result = index.search(queries[row : row + 1], K, exclude=seen[row : row + 1])
        taken.append(1e3 * (time.perf_counter() - began))
        found.append(result.keys)
    return np.array(taken), torch.cat(found)


def recall(found: Tensor, best: Tensor) -> float:
    """Return the share of the best items that were found."""
    return float((found.unsqueeze(2) == best.unsqueeze(1)).any(dim=1).float().mean())


def seconds(call: Callable[[], object]) -> float:
    """Return how long a call takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def measure(
    index: ItemIndex, vectors: Tensor, queries: Tensor, seen: list[Tensor], best: Tensor
) -> dict[str, float]:
    """Return the figures of one index."""
    keys = torch.arange(1, len(vectors) + 1)
    found = {"build_s": seconds(lambda: index.add(keys, vectors))}
    taken, got = searched(index, queries, seen)
    found |= {"p50_ms": float(np.median(taken)), "p99_ms": float(np.percentile(taken, 99))}
    found["recall_at_10"] = recall(got, best)

    extra = torch.arange(CHANGED) + len(vectors) + 1
    added = vectors[:CHANGED] / 2

    def write() -> None:
        for part in range(0, CHANGED, 10):
            index.add(extra[part : part + 10], added[part : part + 10])

    writer, beside = threading.Thread(target=write), [np.zeros(0)]
    began = time.perf_counter()
    writer.start()
    while writer.is_alive():
        beside.append(searched(index, queries[:20], seen[:20])[0])
    found["add_5000_while_searching_s"] = time.perf_counter() - began
    found["p50_while_adding_ms"] = float(np.median(np.concatenate(beside)))
    found["update_5000_s"] = seconds(lambda: index.update(extra, added.flip(0)))
    found["remove_5000_s"] = seconds(lambda: index.remove(extra))
    found["recall_after_changes"] = recall(searched(index, queries, seen)[1], best)
    return found


def main() -> None:
    """Print the figures of each index."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=100_000, help="5,000 or more")
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--json", action="store_true", help="print the figures as the last line")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    vectors, queries = clustered(arguments.items, arguments.dim)
    scores = queries @ vectors.t()
    seen = seen_items(scores)
    for row, keys in enumerate(seen):
        scores[row, keys - 1] = -torch.inf
    best = scores.topk(K).indices + 1
    figures = {}
    for name, make in INDEXES.items():
        figures[name] = measure(make(arguments.dim), vectors, queries, seen, best)
        print(name, {key: round(value, 4) for key, value in figures[name].items()}, flush=True)
    if arguments.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
