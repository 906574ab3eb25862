"""The items that a step reads: those of its examples, and drawn negatives."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mmrec.realtime.learning.examples import Examples
from mmrec.sampling import PopularitySampler

ALPHA = 0.5
"""Sampler are drawn by count ** ALPHA."""


class DrawnPool(NamedTuple):
    """Items to read, and what they are to the loss.

    Attributes:
        items: catalogue indices, ascending, 0 first, ``(P,)``.
        candidates: which of them were drawn, and are negatives, ``(P,)``.
        log_q: the log of the probability that they were; 0 for the others, ``(P,)``.
    """

    items: Int[Tensor, " P"]
    candidates: Bool[Tensor, " P"]
    log_q: Float[Tensor, " P"]


def draw_pool(
    examples: Examples, counts: Float[Tensor, " V1"], negatives: int, rng: np.random.Generator
) -> DrawnPool:
    """Draw negatives by how often items were met, and join them with what the examples read.

    A user's next items are no fair draw of the catalogue, so being read by an example makes no
    item a negative of the others.

    Args:
        examples: read the items of their histories and their targets.
        counts: how often each item was met.
        negatives: how many are drawn, with replacement.
        rng: draws.

    Example:
        >>> one = torch.tensor([1])
        >>> from mmrec.data import Histories
        >>> example = Examples(one, Histories.of_items([[3, 4]]), torch.tensor([5]), one)
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
