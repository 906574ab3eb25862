"""Recent popularity: the items that are popular at the time of a request."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mmrec.baselines.fitted import require_fitted
from mmrec.data import Histories, Sequences
from mmrec.trends import ItemEvents, PopularityHistory


class RecentPopularity:
    """Scores an item by its number of events before the time of a request; old events count less.

    On a split by time it is a much stronger bar than popularity over all of training.

    Args:
        half_life: seconds after which an event counts half, such as that of
            :func:`mmrec.trends.choose_half_life`.

    References:
        Ji, Sun, Zhang and Li, "A re-visit of the popularity baseline in recommender systems"
        (2020), arXiv 2005.13829.

    Example:
        >>> from mmrec.data import Catalog, Interactions, to_sequences
        >>> log = Interactions({"user_id": [*"uuuv"], "item_id": [*"aaba"], "timestamp": range(4)})
        >>> events = to_sequences(log, Catalog({"item_id": ["a", "b"]}))
        >>> recent = RecentPopularity(half_life=1.0).fit(events, 2)
        >>> recent.scores_at(torch.tensor([2.0, 3.0], dtype=torch.float64))
        tensor([[0.0000, 0.7500, 0.0000],
                [0.0000, 0.3750, 0.5000]])
    """

    def __init__(self, half_life: float) -> None:
        self.half_life = half_life
        self.history: PopularityHistory | None = None

    def fit(self, events: Sequences, catalog_size: int) -> "RecentPopularity":
        """Take the events that may count; each does so for later requests alone."""
        log = ItemEvents(events.item, np.asarray(events.time, dtype=np.float64))
        self.history = PopularityHistory(log, catalog_size, self.half_life)
        return self

    def scores(self, histories: Histories) -> Float[Tensor, "B V1"]:
        """Return the scores at the times of the requests that follow histories."""
        return self.scores_at(histories.at)

    def scores_at(self, at: Float[Tensor, " B"]) -> Float[Tensor, "B V1"]:
        """Return the scores of every catalogue index for requests at these times, float32.

        Args:
            at: float64 unix seconds.

        Raises:
            ValueError: ``fit`` was not called, or a time is NaN.
        """
        history = require_fitted(self, self.history)
        return torch.from_numpy(history.values(at.double().cpu().numpy())).float()
