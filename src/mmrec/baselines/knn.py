"""Item-kNN: items that the same users interacted with."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mmrec.baselines.fitted import require_fitted
from mmrec.baselines.neighbours import NeighbourTable
from mmrec.data import Histories, Sequences

MAX_CHUNK = 1024
"""Items whose similarities to all others are in memory at once, at most."""

MAX_CELLS = 2**26
"""Cells of the largest dense table (256 MB); chunks are smaller with many users or items."""


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
        ValueError: ``neighbours`` is less than 1.

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
        self.neighbours, self.shrink, self.decay = neighbours, shrink, decay
        self.table: NeighbourTable | None = None

    def fit(self, events: Sequences, catalog_size: int) -> "ItemKNN":
        """Compute the similarities of the items in ``events``."""
        size = catalog_size
        pairs = np.unique(events.owner * (size + 1) + events.item)
        users, items = pairs // (size + 1), pairs % (size + 1)
        visits = torch.sparse_coo_tensor(
            torch.from_numpy(np.stack([items, users])),
            torch.ones(len(pairs)),
            (size + 1, len(events)),
            check_invariants=False,
        ).coalesce()
        counts = torch.from_numpy(np.bincount(items, minlength=size + 1)).float()
        kept = min(self.neighbours, size)
        neighbours = np.zeros((size + 1, kept), dtype=np.int64)
        weights = np.zeros((size + 1, kept))
        chunk = max(1, min(MAX_CHUNK, MAX_CELLS // max(len(events), size + 1)))
        for start in range(0, size + 1, chunk):
            rows = torch.arange(start, min(start + chunk, size + 1))
            both = (visits @ visits.index_select(0, rows).to_dense().T).T
            similar = both / ((counts[rows, None] * counts).sqrt() + self.shrink)
            similar[torch.arange(len(rows)), rows] = 0
            top = similar.topk(kept, dim=1)
            neighbours[rows], weights[rows] = top.indices.numpy(), top.values.numpy()
        owners = np.repeat(np.arange(size + 1), kept)
        self.table = NeighbourTable(owners, neighbours.ravel(), weights.ravel(), size)
        return self

    def scores(self, histories: Histories) -> Float[Tensor, "B V1"]:
        """Return the scores of every catalogue index for each history.

        Raises:
            ValueError: ``fit`` was not called.
        """
        table = require_fitted(self, self.table)
        length = histories.lengths.unsqueeze(1)
        age = (length - 1 - torch.arange(histories.items.shape[1])).clamp(min=0)
        return table.scores(histories.items, self.decay ** age.float())
