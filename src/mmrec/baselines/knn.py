"""Item-kNN: items that the same users interacted with."""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from mmrec.baselines.decayed import check_decay, decayed, reach
from mmrec.baselines.fitted import require_fitted
from mmrec.baselines.neighbours import NeighbourTable
from mmrec.baselines.pairs import Pairs
from mmrec.data import Histories, Sequences


class ItemKNN:
    """Scores an item by its cosine similarity to the items of the history.

    ``cos(i, j) = n_ij / (sqrt(n_i n_j) + shrink)``, where ``n_ij`` counts the users who interacted
    with both items. Only the ``neighbours`` most similar items of each item are used. The last item
    of a history has the weight 1, and each earlier one ``decay`` times that of the next.

    Args:
        neighbours: number of similar items that are kept for each item.
        shrink: reduces similarities that are based on few users.
        decay: weight of an item relative to the one after it.

    Raises:
        ValueError: ``neighbours`` is less than 1, or ``decay`` is not above 0 and at most 1.

    References:
        Sarwar et al., "Item-based collaborative filtering recommendation algorithms" (2001).

    Example:
        >>> from mmrec.data import Catalog, Histories, Interactions, leave_one_out
        >>> log = Interactions({
        ...     "user_id": list("uuuuvvvv"), "item_id": list("abcd") * 2, "position": range(8)
        ... })
        >>> split = leave_one_out(log, Catalog({"item_id": list("abcd")}))
        >>> scores = ItemKNN().fit(split.train, 4).scores(Histories.of_items([[1]]))
        >>> int(scores[0].argmax())
        2
    """

    def __init__(self, *, neighbours: int = 100, shrink: float = 10.0, decay: float = 0.9) -> None:
        if neighbours < 1:
            raise ValueError(f"neighbours must be 1 or more; got {neighbours}")
        check_decay(decay)
        self.neighbours, self.shrink, self.decay = neighbours, shrink, decay
        self.table: NeighbourTable | None = None

    def fit(self, events: Sequences, catalog_size: int) -> "ItemKNN":
        """Compute the similarities of the items in ``events``."""
        pairs = Pairs.of_events(events, catalog_size)
        kept = min(self.neighbours, catalog_size)
        neighbours = np.zeros((catalog_size + 1, kept), dtype=np.int64)
        weights = np.zeros((catalog_size + 1, kept))
        for rows, near, similar, _ in most_similar(pairs, kept, self.shrink):
            neighbours[rows], weights[rows] = near.numpy(), similar.numpy()
        owners = np.repeat(np.arange(catalog_size + 1), kept)
        known = weights.ravel() > 0
        found = owners[known], neighbours.ravel()[known], weights.ravel()[known]
        self.table = NeighbourTable(*found, catalog_size)
        return self

    def scores(self, histories: Histories) -> Float[Tensor, "B V1"]:
        """Return the scores of every catalogue index for each history.

        Raises:
            ValueError: ``fit`` was not called.
        """
        table = require_fitted(self, self.table)
        recent = histories.tail(reach(self.decay))
        return table.scores(recent.items, decayed(recent, self.decay))


def most_similar(
    pairs: Pairs, kept: int, shrink: float
) -> Iterator[
    tuple[Int[np.ndarray, " R"], Int[Tensor, "R K"], Float[Tensor, "R K"], Float[Tensor, "R K"]]
]:
    """Yield items, the items that are most similar to each, their similarity, and users in common.

    Where fewer than ``kept`` are similar at all, the rest have similarity 0 and no users in common.

    Args:
        pairs: of items and users.
        kept: K, the number of similar items of each.
        shrink: reduces similarities that are based on few users.

    Example:
        >>> pairs = Pairs.of(np.array([0, 0, 1]), np.array([0, 1, 1]), 2, 2)
        >>> [[_, near, _, shared]] = most_similar(pairs, 1, 10.0)
        >>> near.tolist(), shared.tolist()
        ([[1], [0]], [[1.0], [1.0]])
    """
    root = torch.from_numpy(np.sqrt(pairs.sizes)).float()
    for rows, counts in pairs.shared():
        shared = torch.from_numpy(counts)
        shared[torch.arange(len(rows)), rows] = 0
        similar, near = (shared / torch.outer(root[rows], root).add_(shrink)).topk(kept, dim=1)
        yield rows, near, similar, shared.gather(1, near)
