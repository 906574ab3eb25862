"""Item-kNN: items that the same users interacted with."""

from copy import copy

import numpy as np
import torch
from jaxtyping import Float
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
        root = torch.from_numpy(np.sqrt(pairs.sizes)).float()
        kept = min(self.neighbours, catalog_size)
        neighbours = np.zeros((catalog_size + 1, kept), dtype=np.int64)
        weights = np.zeros((catalog_size + 1, kept))
        for rows, counts in pairs.shared():
            similar = torch.from_numpy(counts)
            similar /= torch.outer(root[rows], root).add_(self.shrink)
            similar[torch.arange(len(rows)), rows] = 0
            top = similar.topk(kept, dim=1)
            neighbours[rows], weights[rows] = top.indices.numpy(), top.values.numpy()
        owners = np.repeat(np.arange(catalog_size + 1), kept)
        known = weights.ravel() > 0
        found = owners[known], neighbours.ravel()[known], weights.ravel()[known]
        self.table = NeighbourTable(*found, catalog_size)
        return self

    def with_decay(self, decay: float) -> "ItemKNN":
        """Return the same similarities with another decay."""
        made = copy(self)
        made.decay = decay
        return made

    def scores(self, histories: Histories) -> Float[Tensor, "B V1"]:
        """Return the scores of every catalogue index for each history.

        Raises:
            ValueError: ``fit`` was not called.
        """
        table = require_fitted(self, self.table)
        recent = histories.tail(reach(self.decay))
        return table.scores(recent.items, decayed(recent, self.decay))
