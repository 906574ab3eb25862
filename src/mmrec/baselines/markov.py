"""First-order Markov chain: what came next after the last item."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mmrec.baselines.fitted import check_fitted
from mmrec.baselines.neighbours import count_pairs
from mmrec.data import Histories, Sequences


class Markov:
    """Scores an item by how often it followed the last item of the history in training.

    Items that never followed it rank below, by popularity, which also breaks ties.

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

    def fit(self, events: Sequences, catalog_size: int) -> "Markov":
        """Count the successive pairs of ``events``."""
        same_user = np.diff(events.owner) == 0
        before, after = events.item[:-1][same_user], events.item[1:][same_user]
        self.table = count_pairs(before, after, catalog_size)
        counts = events.counts(catalog_size)
        self.popularity = torch.from_numpy((counts / (counts.max() + 1)).astype(np.float32))
        return self

    def scores(self, histories: Histories) -> Float[Tensor, "B V1"]:
        """Return the scores of every catalogue index for each history.

        Raises:
            ValueError: ``fit`` hasn't been called.
        """
        check_fitted(self, "table")
        latest = histories.last_items().unsqueeze(1)
        # Popularity is below 1, so it only orders what the transition counts leave equal.
        return self.table.scores(latest, torch.ones(latest.shape)) + self.popularity
