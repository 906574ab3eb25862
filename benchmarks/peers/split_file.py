"""What every peer shares: the split file, and the rank of a target in it. NumPy only.

A split file holds the training events and, for the validation and the test part, each target with
the events before it (advanced through the earlier parts), and the items that are not ranked for it.
It may hold the vectors of each item's content that mmrec trains on.
"""

from pathlib import Path
from typing import Any

import numpy as np


class SplitFile:
    """A split as arrays; items are 1…V, 0 is padding.

    Attributes:
        item: items of the training events, user after user, ``(E,)``.
        offsets: user ``u`` has the training events ``offsets[u]:offsets[u + 1]``.
        time: unix seconds of the training events, ``(E,)``.
        content: a vector of each item, zeros where it has none, ``(V + 1, D)``; None if the file
            has none.
    """

    def __init__(self, path: Path) -> None:
        held = np.load(path)
        self.item, self.offsets, self.time = held["item"], held["offsets"], held["time"]
        self.catalog_size = int(held["catalog_size"])
        self.candidates = held["candidates"]
        self.content = held.get("content")
        self.parts = {
            name: {key: held[f"{name}_{key}"] for key in ("history", "time", "target", "seen")}
            for name in ("valid", "test")
        }

    def ranks(self, part: str, score: Any, batch: int = 256) -> np.ndarray:
        """The rank of each target among the candidates that the user has not interacted with.

        Args:
            part: valid or test.
            score: histories ``(B, T)``, padded on the right, and the times of their events and,
                after the last, of the request, ``(B, T + 1)``, to scores ``(B, V + 1)``.
            batch: histories scored at once.
        """
        held = self.parts[part]
        blocked = np.ones(self.catalog_size + 1, dtype=bool)
        blocked[self.candidates] = False
        ranks = []
        for start in range(0, len(held["target"]), batch):
            rows = slice(start, start + batch)
            scores = np.array(score(held["history"][rows], held["time"][rows]), dtype=np.float32)
            target = held["target"][rows]
            scores[:, blocked] = -np.inf
            inside = (held["seen"][0] >= start) & (held["seen"][0] < start + len(target))
            scores[held["seen"][0][inside] - start, held["seen"][1][inside]] = -np.inf
            own = scores[np.arange(len(target)), target][:, None]
            # Ties count against the model, and a target that is filtered out is a miss.
            rank = (scores >= own).sum(1)
            ranks.append(np.where(np.isneginf(own[:, 0]), self.catalog_size + 1, rank))
        return np.concatenate(ranks)


def measures(ranks: np.ndarray) -> dict[str, float]:
    """NDCG@10 and HR@10."""
    hit = ranks <= 10
    return {
        "ndcg@10": float(np.where(hit, 1 / np.log2(1 + ranks), 0).mean()),
        "hr@10": float(hit.mean()),
    }
