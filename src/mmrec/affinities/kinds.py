"""What is counted in a log: users in common, successors, and the weights of EASE."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mmrec.affinities.neighbours import KEPT, Array, Met, Neighbours
from mmrec.baselines import EASE
from mmrec.baselines.knn import most_similar
from mmrec.baselines.pairs import Pairs
from mmrec.data import Histories, Sequences

SHRINK = 10.0
"""Users that a similarity is shrunk by, so that one user in common says little."""


PRIOR = 512.0
"""Events by which Dirichlet smoothing draws a Markov chain to the shares of all events."""


@dataclass(frozen=True)
class CoOccurrence(Neighbours):
    """Item-kNN: ``n_ij / (sqrt(n_i n_j) + shrink)``, where ``n_ij`` counts the users of both items.

    References:
        Sarwar et al., "Item-based collaborative filtering recommendation algorithms" (2001).

    Example:
        >>> from mmrec.data import Catalog, Interactions, to_sequences
        >>> log = Interactions({"user_id": [*"uuv"], "item_id": [*"aba"], "position": range(3)})
        >>> events = to_sequences(log, Catalog({"item_id": [*"abc"]}))
        >>> CoOccurrence.of(events, 3).bonus(Histories.of_items([[1]]), 3)
        tensor([[0., 0., 1., 0.]])
    """

    kind: ClassVar[str] = "co-occurrence"
    mutual: ClassVar[bool] = True

    @classmethod
    def of(
        cls, events: Sequences, catalog_size: int, negative_types: tuple[int, ...] = ()
    ) -> "CoOccurrence":
        """Count the users that two items have in common."""
        pairs, kept = Pairs.of_events(events, catalog_size), min(KEPT, catalog_size)
        totals = torch.from_numpy(pairs.sizes).float()
        items = torch.zeros(catalog_size + 1, kept, dtype=torch.long)
        counts = torch.zeros(catalog_size + 1, kept)
        for rows, near, _, shared in most_similar(pairs, kept, SHRINK):
            counts[rows], items[rows] = shared, torch.where(shared > 0, near, 0)
        return cls(items, counts, totals, 0.9, negative_types=negative_types, until=events.end)

    def similarity(self, users: Array, near: Array, counts: Array, totals: Array) -> Array:
        """Return the similarity of items and their neighbours."""
        similar: Array = counts / ((users * totals[near]) ** 0.5 + SHRINK)
        return similar

    def met(self, item: int, after: Sequence[int], again: bool) -> Met:
        """A user counts once for an item, and meets it with each of the last ones."""
        return Met() if again or item in after else Met(item, item, [*set(after)])


@dataclass(frozen=True)
class Successors(Neighbours):
    """A Markov chain: ``log(1 + n_ij / (512 p_j))``, of the last item ``i`` alone.

    ``n_ij`` counts how often ``j`` came next after ``i``, and ``p_j`` is the share of ``j`` in all
    events, with one event more for each item. It is how far the log probability of ``j`` after
    ``i`` lies above that of an item that never came after ``i`` and has the same share, where
    Dirichlet smoothing adds 512 events: so a rare item that came once says more than a popular one.

    References:
        Zhai and Lafferty, "A study of smoothing methods for language models applied to information
        retrieval" (2004).

    Example:
        >>> from mmrec.data import Catalog, Interactions, to_sequences
        >>> log = Interactions({"user_id": [*"uuv"], "item_id": [*"aba"], "position": range(3)})
        >>> events = to_sequences(log, Catalog({"item_id": [*"abc"]}))
        >>> after = Successors.of(events, 3).bonus(Histories.of_items([[1]]), 3)
        >>> after[0, 2] == torch.tensor(1 + 1 / (512 * 2 / 6)).log()  # b came once in 3 events
        tensor(True)
    """

    kind: ClassVar[str] = "successors"

    @classmethod
    def of(
        cls, events: Sequences, catalog_size: int, negative_types: tuple[int, ...] = ()
    ) -> "Successors":
        """Count how often an item came next after another."""
        side = catalog_size + 1
        same = np.diff(events.owner) == 0
        before, after = events.item[:-1][same], events.item[1:][same]
        moved = before != after
        pairs, counts = np.unique(
            before[moved].astype(np.int64) * side + after[moved], return_counts=True
        )
        items, found = _table(pairs // side, pairs % side, counts, side)
        totals = torch.from_numpy(events.counts(catalog_size)).float()
        return cls(items, found, totals, 0.0, negative_types=negative_types, until=events.end)

    def scaled(
        self, sums: Float[Tensor, "*B V1"], totals: Float[Tensor, " V1"]
    ) -> Float[Tensor, "*B V1"]:
        """Return how far log probabilities lie above those of items that never came next."""
        size = len(totals) - 1
        return (sums * ((totals.sum() + size) / (PRIOR * (totals + 1)))).log1p()

    def met(self, item: int, after: Sequence[int], again: bool) -> Met:
        """The last item is followed by another one."""
        return Met(item) if not after or after[-1] == item else Met(item, after[-1], (item,))


@dataclass(frozen=True)
class EaseWeights(Neighbours):
    """The weights of a linear autoencoder, see :class:`mmrec.baselines.EASE`.

    They come from all events together, so live events leave them as they are.

    References:
        Steck, "Embarrassingly shallow autoencoders for sparse data" (2019), arXiv 1905.03375.
    """

    kind: ClassVar[str] = "ease"

    @classmethod
    def of(
        cls, events: Sequences, catalog_size: int, negative_types: tuple[int, ...] = ()
    ) -> "EaseWeights":
        """Fit the weights.

        Raises:
            ValueError: there are too many users and items, see :class:`mmrec.baselines.EASE`.
        """
        side = catalog_size + 1
        kept = min(KEPT, catalog_size)
        items, weights = torch.zeros(side, kept, dtype=torch.long), torch.zeros(side, kept)
        model = EASE().fit(events, catalog_size)
        for rows in torch.from_numpy(np.unique(events.item)).split(1024):
            found = model.scores(Histories.of_items(rows.unsqueeze(1).tolist()))
            top = found.abs().topk(kept, dim=1).indices
            weights[rows] = found.gather(1, top)
            items[rows] = torch.where(weights[rows] == 0, 0, top)
        totals = torch.from_numpy(events.counts(catalog_size)).float()
        decay, end = model.decay, events.end
        return cls(items, weights, totals, decay, negative_types=negative_types, until=end)


def _table(
    rows: np.ndarray, columns: np.ndarray, counts: np.ndarray, side: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the most frequent columns of each row, and their counts."""
    order = np.lexsort((-counts, rows))
    rows, columns, counts = rows[order], columns[order], counts[order]
    starts = np.searchsorted(rows, np.arange(side))
    place = np.arange(len(rows)) - starts[rows]
    kept = place < KEPT
    width = int(place[kept].max(initial=0)) + 1
    items = np.zeros((side, width), dtype=np.int64)
    found = np.zeros((side, width), dtype=np.float32)
    items[rows[kept], place[kept]], found[rows[kept], place[kept]] = columns[kept], counts[kept]
    return torch.from_numpy(items), torch.from_numpy(found)
