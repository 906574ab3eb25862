"""First-order Markov chain: the items that follow the last item."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mmrec.baselines.fitted import require_fitted
from mmrec.baselines.neighbours import NeighbourTable, count_pairs
from mmrec.data import Histories, Sequences


class Markov:
    """Scores an item by how often it followed the last item of the history in training.

    Popularity breaks ties and orders the items that never followed it.

    Example:
        >>> from mmrec.data import Catalog, Histories, Interactions, split_by_time
        >>> log = Interactions(
        ...     {"user_id": ["u"] * 10, "item_id": list("ababababab"),
        ...      "timestamp": range(10)}
        ... )
        >>> split = split_by_time(log, Catalog({"item_id": ["a", "b"]}))
        >>> scores = Markov().fit(split.train, 2).scores(Histories.of_items([[1]]))
        >>> int(scores[0].argmax())
        2
    """

    def __init__(self) -> None:
        self.table: NeighbourTable | None = None
        self.popularity = torch.empty(0)

    def fit(self, events: Sequences, catalog_size: int) -> "Markov":
        """Count the pairs of successive events of the same user."""
        same_user = np.diff(events.owner) == 0
        before, after = events.item[:-1][same_user], events.item[1:][same_user]
        self.table = count_pairs(before, after, catalog_size)
        counts = events.counts(catalog_size)
        self.popularity = torch.from_numpy((counts / (counts.max() + 1)).astype(np.float32))
        return self

    def scores(self, histories: Histories) -> Float[Tensor, "B V1"]:
        """Return the scores of every catalogue index for each history.

        Raises:
            ValueError: ``fit`` was not called.
        """
        table = require_fitted(self, self.table)
        latest = histories.last_items().unsqueeze(1)
        # Popularity is below 1, so it only orders items of equal transition counts.
        return table.scores(latest, torch.ones(latest.shape)) + self.popularity
