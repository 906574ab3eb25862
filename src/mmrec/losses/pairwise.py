"""Bayesian personalized ranking: the target should score higher than a negative."""

import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mmrec.layers import at_least_float32, masked_mean
from mmrec.losses.negatives import check_shapes, split_target


def bpr_loss(
    logits: Float[Tensor, "N P"],
    target: Int[Tensor, " N"],
    candidates: Bool[Tensor, " P"] | None = None,
    log_q: Float[Tensor, " P"] | None = None,
) -> Float[Tensor, ""]:
    """Return the mean of ``-log sigmoid(target's score - negative's score)``.

    The mean is over each row's negatives (the pool's candidates without the row's own target),
    then over rows. A row without negatives counts as zero.

    Args:
        logits: scores of every slot for every row; computed in float32 or wider.
        target: each row's target slot, never 0.
        candidates: slots that are negatives; None for all. Slot 0 is padding and never is.
        log_q: ignored, and accepted so that all losses have the same arguments. The distribution
            of the negatives is part of this loss.

    Returns:
        A scalar; zero, with a graph, if there are no rows.

    Raises:
        ValueError: the shapes disagree.

    References:
        Rendle et al., "BPR: Bayesian Personalized Ranking from Implicit Feedback"
        (arXiv 1205.2618).

    Example:
        >>> import torch
        >>> bpr_loss(torch.tensor([[9.0, 1.0, 1.0]]), torch.tensor([1]))  # a tie: log 2
        tensor(0.6931)
    """
    check_shapes(logits, target, candidates, log_q)
    scores = at_least_float32(logits)
    positive, negatives = split_target(scores, target, candidates)
    margins = (positive - scores).masked_fill(~negatives, 0)
    return masked_mean(-F.logsigmoid(margins), negatives, dim=1).sum() / max(len(target), 1)
