"""Edges between items: those that are alike, and those that the same users took."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from mmrec.baselines.knn import most_similar
from mmrec.baselines.pairs import Pairs
from mmrec.data import Sequences

Edges = tuple[Int[Tensor, "E 2"], Float[Tensor, " E"]]
"""Two items of each edge, the smaller index first, and the weight of the edge."""

SHRINK = 10.0
"""Lowers similarities that are based on few users, see :class:`mmrec.baselines.ItemKNN`."""


def taken_together(
    events: Sequences, slots: Int[np.ndarray, " V1"], neighbours: int
) -> Int[Tensor, "N K"]:
    """Return the items that are most often taken by the users of each item, 0 for none.

    ``cos(i, j) = n_ij / (sqrt(n_i n_j) + 10)`` ranks them, where ``n_ij`` counts the users of both.
    Negative events, such as a dislike, are passed over.

    Args:
        events: the events.
        slots: the number of each catalogue index in the result, 0 for none.
        neighbours: K.

    Returns:
        Numbers of the neighbours, a row for each number; row 0 is empty.
    """
    events, size = events.without_negatives(), int(slots.max(initial=0))
    items = slots[events.item]
    pairs = Pairs.of(items[items > 0], events.owner[items > 0], size + 1, max(len(events), 1))
    near = torch.zeros(size + 1, neighbours, dtype=torch.long)
    kept = min(neighbours, size + 1)
    for rows, best, similar, _ in most_similar(pairs, kept, SHRINK):
        near[torch.from_numpy(rows), :kept] = best.masked_fill(similar <= 0, 0)
    return near


def edges_of(tables: Sequence[tuple[Int[Tensor, "N K"], float]], after: int = 0) -> Edges:
    """Return the edges of tables of neighbours: two items have one if one is near the other.

    Args:
        tables: neighbours of each item, 0 for none, and the weight of an edge of the table. The
            weights of an edge that is in several tables add up.
        after: an edge is kept if one of its items has a higher number.

    Example:
        >>> near, taken = torch.tensor([[0], [2], [1]]), torch.tensor([[0], [2], [0]])
        >>> edges_of([(near, 1.0), (taken, 0.5)])
        (tensor([[1, 2]]), tensor([1.5000]))
    """
    pairs, weights = [], []
    for near, weight in tables:
        owners = torch.arange(len(near)).unsqueeze(1).expand_as(near)
        both = torch.stack([owners[near > 0], near[near > 0]], dim=1).sort(1).values
        pairs.append(both.unique(dim=0))
        weights.append(torch.full((len(pairs[-1]),), weight))
    edges, place = torch.cat(pairs).unique(dim=0, return_inverse=True)
    total = torch.zeros(len(edges)).index_add_(0, place, torch.cat(weights))
    kept = edges[:, 1] > after
    return edges[kept], total[kept]
