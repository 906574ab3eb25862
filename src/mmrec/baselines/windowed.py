"""Windowed popularity: the items that were popular in the last days before a request."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mmrec.baselines.fitted import require_fitted
from mmrec.baselines.recent import RecentPopularity


class WindowedPopularity(RecentPopularity):
    """Scores an item by its number of events in a window of time before a request.

    The number of all earlier events orders the items of equal numbers.

    Args:
        window: seconds before a request in which an event counts.

    Raises:
        ValueError: ``window`` is not positive.

    References:
        Ji, Sun, Zhang and Li, "A re-visit of the popularity baseline in recommender systems"
        (2020), arXiv 2005.13829.

    Example:
        >>> from mmrec.data import Catalog, Interactions, to_sequences
        >>> log = Interactions({"user_id": [*"uuuv"], "item_id": [*"aaba"], "timestamp": range(4)})
        >>> events = to_sequences(log, Catalog({"item_id": ["a", "b"]}))
        >>> recent = WindowedPopularity(window=1.0).fit(events, 2)
        >>> recent.scores_at(torch.tensor([2.0, 3.0], dtype=torch.float64))
        tensor([[0.0000, 1.6667, 0.0000],
                [0.0000, 0.5000, 1.2500]])
    """

    def __init__(self, window: float) -> None:
        if not window > 0:
            raise ValueError(f"window must be positive; got {window}")
        super().__init__(half_life=np.inf)  # an event counts 1, however old it is
        self.window = window

    def scores_at(self, at: Float[Tensor, " B"]) -> Float[Tensor, "B V1"]:
        """Return the scores of every catalogue index for requests at these times, float32.

        Args:
            at: float64 unix seconds.

        Raises:
            ValueError: ``fit`` was not called, or a time is NaN.
        """
        history = require_fitted(self, self.history)
        times = at.double().cpu().numpy()
        every = history.values(times)
        within = every - history.values(times - self.window)
        return torch.from_numpy(within + every / (every.sum(1, keepdims=True) + 1)).float()
