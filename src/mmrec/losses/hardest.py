"""Dynamic negative sampling: the target against the negatives of the pool that score highest."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mmrec.layers import at_least_float32, masked_mean
from mmrec.losses.negatives import check_shapes, split_target


def hard_bpr_loss(
    logits: Float[Tensor, "N P"],
    target: Int[Tensor, " N"],
    candidates: Bool[Tensor, " P"] | None = None,
    log_q: Float[Tensor, " P"] | None = None,
    *,
    hardest: int = 256,
) -> Float[Tensor, ""]:
    """Return the mean of ``-log sigmoid(target's score - negative's score)`` over hard negatives.

    A sampler draws a pool without knowing the model. This loss then keeps, for each row, the
    negatives of the pool that the model scores highest, and compares the target with them alone.
    The negatives become harder as the model learns. With as many as the pool has, this is
    :func:`bpr_loss`.

    The share ``hardest`` / pool decides at which depth of a list the ranking is trained. A small
    share trains the top. It can also be worse than :func:`bpr_loss`, because more of what is left
    are items that the user would have liked: an eighth of the pool or more is a start.

    Args:
        logits: scores of every slot for every row; computed in float32 or wider.
        target: each row's target slot, never 0.
        candidates: slots that are negatives; None for all. Slot 0 is padding and never is.
        log_q: ignored, and accepted so that all losses have the same arguments. The distribution
            of the negatives is part of this loss; drawn uniformly, they are those of the paper.
        hardest: number of negatives of a row, K.

    Returns:
        A scalar, the mean over rows; a row without negatives counts as zero. It is zero, with a
        graph, if there are no rows.

    Raises:
        ValueError: the shapes disagree, or ``hardest`` is less than 1.

    References:
        Shi et al., "On the Theories Behind Hard Negative Sampling for Recommendation"
        (arXiv 2302.03472), which draws one of the K negatives; here the mean over all K, which is
        the expectation of that draw, is taken.
        Zhang et al., "Optimizing Top-N Collaborative Filtering via Dynamic Negative Item Sampling"
        (SIGIR 2013).

    Example:
        >>> scores = torch.tensor([[9.0, 1.0, 1.0, -5.0]])  # slot 0 is padding
        >>> hard_bpr_loss(scores, torch.tensor([1]), hardest=1)  # a tie with the hardest: log 2
        tensor(0.6931)
    """
    if hardest < 1:
        raise ValueError(f"hardest must be at least 1; got {hardest}")
    check_shapes(logits, target, candidates, log_q)
    scores = at_least_float32(logits)
    positive, negatives = split_target(scores, target, candidates)
    best = scores.masked_fill(~negatives, -torch.inf).topk(min(hardest, scores.shape[1])).values
    there = best > -torch.inf  # a row may have fewer negatives
    losses = -F.logsigmoid(positive - best.masked_fill(~there, 0))
    return masked_mean(losses, there, dim=1).sum() / max(len(target), 1)
