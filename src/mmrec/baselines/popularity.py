"""Popularity: the same scores for every user."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mmrec.baselines.fitted import require_fitted
from mmrec.data import Histories, Sequences


class Popularity:
    """Scores an item by its number of training events.

    Example:
        >>> from mmrec.data import Catalog, Histories, Interactions, split_by_time
        >>> log = Interactions(
        ...     {"user_id": ["u"] * 10, "item_id": list("aababbbbab"), "timestamp": range(10)}
        ... )
        >>> split = split_by_time(log, Catalog({"item_id": ["a", "b"]}))
        >>> Popularity().fit(split.train, 2).scores(Histories.of_items([[1]]))
        tensor([[0., 3., 5.]])
    """

    def __init__(self) -> None:
        self.counts: Tensor | None = None

    def fit(self, events: Sequences, catalog_size: int) -> "Popularity":
        """Count the events of each item."""
        self.counts = torch.from_numpy(events.counts(catalog_size).astype(np.float32))
        return self

    def scores(self, histories: Histories) -> Float[Tensor, "B V1"]:
        """Return the scores of every catalogue index for each history.

        Raises:
            ValueError: ``fit`` was not called.
        """
        return require_fitted(self, self.counts).expand(len(histories), -1)
