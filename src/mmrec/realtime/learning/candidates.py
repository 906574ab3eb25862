"""The items of a step: those of its examples, and drawn negatives."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mmrec.realtime.learning.examples import Examples
from mmrec.sampling import PopularitySampler

ALPHA = 0.5
"""Negatives are drawn with probabilities that grow as ``count ** ALPHA``."""


class DrawnPool(NamedTuple):
    """The items of a step, and which of them are negatives.

    Attributes:
        items: catalogue indices, ascending, 0 first, ``(P,)``.
        candidates: whether an item was drawn, and so is a negative, ``(P,)``.
        log_q: log of the probability of being drawn; 0 for items that were not, ``(P,)``.
    """

    items: Int[Tensor, " P"]
    candidates: Bool[Tensor, " P"]
    log_q: Float[Tensor, " P"]


def draw_pool(
    examples: Examples, counts: Float[Tensor, " V1"], negatives: int, rng: np.random.Generator
) -> DrawnPool:
    """Draw negatives by the counts of items, and join them with the items of the examples.

    The items of an example are not negatives of the others unless they are drawn: they are not a
    random draw from the catalogue, so the correction by ``log_q`` wouldn't fit them.

    Args:
        examples: examples whose histories and targets are read.
        counts: number of events of each item, ``(V + 1,)``.
        negatives: number of draws, with replacement.
        rng: the generator of the draws.

    Example:
        >>> one = torch.tensor([1])
        >>> from mmrec.data import Histories
        >>> example = Examples(one, Histories.of_items([[3, 4]]), torch.tensor([5]), one, one)
        >>> counts = torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0, 0.0])
        >>> pool = draw_pool(example, counts, 8, np.random.default_rng(0))
        >>> pool.items, pool.candidates
        (tensor([0, 2, 3, 4, 5]), tensor([False,  True, False, False, False]))
    """
    pool = PopularitySampler(counts.cpu().numpy(), negatives, ALPHA)
    drawn = pool.draw(rng)
    read = (examples.histories.items, examples.item)
    items = np.unique(np.concatenate([[0], drawn, *(r.cpu().numpy().ravel() for r in read)]))
    candidates = np.isin(items, drawn)
    log_q = np.where(candidates, pool.log_inclusion(items), 0.0)
    return DrawnPool(
        torch.from_numpy(items).to(counts.device),
        torch.from_numpy(candidates).to(counts.device),
        torch.from_numpy(log_q).float().to(counts.device),
    )
