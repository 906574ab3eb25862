"""Click rates: how often each item was clicked when it was shown, the same for every user."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mmrec.data import Impressions


def click_rates(impressions: Impressions, *, prior: float = 20.0) -> Float[Tensor, " V1"]:
    """Return the click rate of every catalogue index, shrunk towards the rate of all items.

    The rate of an item is ``(clicks + prior · rate of all) / (shown + prior)``, so that one click
    does not make an item the best, and an item that was never shown has the rate of all. Its logit
    is a score whose sigmoid is a probability.

    Args:
        impressions: what was shown and clicked in training.
        prior: number of times shown that the rate of all counts for.

    Raises:
        ValueError: ``prior`` is not positive, or nothing was shown.

    Example:
        >>> from mmrec.data import Catalog, Interactions, read_impressions
        >>> log = {"user_id": ["u"] * 2, "item_id": [7, 8], "timestamp": [5, 5]}
        >>> log |= {"event": ["impression", "click"], "impression_id": [1, 1]}
        >>> made = read_impressions(Interactions(log), Catalog({"item_id": [7, 8]}))
        >>> click_rates(made, prior=1.0)
        tensor([0.5000, 0.2500, 0.7500])
    """
    if prior <= 0:
        raise ValueError(f"prior must be positive; got {prior}")
    if not len(impressions.item):
        raise ValueError("expected impressions; got none")
    size = impressions.catalog_size + 1
    shown = np.bincount(impressions.item, minlength=size)
    clicks = np.bincount(impressions.item[impressions.clicked], minlength=size)
    rates = (clicks + prior * impressions.clicked.mean()) / (shown + prior)
    return torch.from_numpy(rates).float()
