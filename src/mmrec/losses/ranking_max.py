"""Ranking losses in which the negatives with high scores count most: BPR-max and TOP1-max."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mmrec.layers import at_least_float32, masked_softmax
from mmrec.losses.negatives import check_shapes, split_target


def bpr_max_loss(
    logits: Float[Tensor, "N P"],
    target: Int[Tensor, " N"],
    candidates: Bool[Tensor, " P"] | None = None,
    log_q: Float[Tensor, " P"] | None = None,
    *,
    regularization: float = 1.0,
) -> Float[Tensor, ""]:
    r"""Return BPR with the negatives of a row weighted by a softmax over their scores.

    .. math:: -\log \sum_j s_j\, \sigma(r_t - r_j) + \lambda \sum_j s_j\, r_j^2

    :math:`r_t` is the target's score, and :math:`s` the softmax over the scores :math:`r_j` of the
    row's negatives alone. A mean over many negatives, as in :func:`bpr_loss`, has a small gradient
    once most of them are below the target. Here the negatives above it keep their weight. The
    second term keeps the scores of negatives near 0.

    Args:
        logits: scores of every slot for every row; computed in float32 or wider.
        target: each row's target slot, never 0.
        candidates: slots that are negatives; None for all. Slot 0 is padding and never is.
        log_q: ignored, and accepted so that all losses have the same arguments. The distribution
            of the negatives is part of this loss.
        regularization: :math:`\lambda`, the factor of the second term; 0 for none.

    Returns:
        A scalar, the mean over rows; a row without negatives counts as zero. It is zero, with a
        graph, if there are no rows.

    Raises:
        ValueError: the shapes disagree, or the regularization is negative.

    References:
        Hidasi and Karatzoglou, "Recurrent Neural Networks with Top-k Gains for Session-based
        Recommendations" (arXiv 1706.03847).

    Example:
        >>> scores, target = torch.tensor([[9.0, 1.0, 1.0]]), torch.tensor([1])
        >>> bpr_max_loss(scores, target, regularization=0.0)  # a tie: log 2
        tensor(0.6931)
        >>> bpr_max_loss(scores, target)
        tensor(1.6931)
    """
    check_shapes(logits, target, candidates, log_q)
    if regularization < 0:
        raise ValueError(f"regularization must be 0 or more; got {regularization}")
    scores = at_least_float32(logits)
    positive, negatives = split_target(scores, target, candidates)
    negatives &= scores > -torch.inf  # it has no weight, and its square no gradient
    some = negatives.any(1, keepdim=True)
    known = scores.masked_fill(~negatives, 0)
    # A row without negatives is 0 in every slot, so that no logarithm of 0 is taken.
    log_share = known.masked_fill(~negatives & some, -torch.inf).log_softmax(1)
    ranked = (log_share + F.logsigmoid(positive - known)).logsumexp(1)
    squares = (log_share.exp() * known.square()).sum(1)
    rows = regularization * squares - torch.where(some.squeeze(1), ranked, 0.0)
    return rows.sum() / max(len(target), 1)


def top1_max_loss(
    logits: Float[Tensor, "N P"],
    target: Int[Tensor, " N"],
    candidates: Bool[Tensor, " P"] | None = None,
    log_q: Float[Tensor, " P"] | None = None,
) -> Float[Tensor, ""]:
    r"""Return TOP1 with the negatives of a row weighted by a softmax over their scores.

    .. math:: \sum_j s_j \big(\sigma(r_j - r_t) + \sigma(r_j^2)\big)

    :math:`r_t` is the target's score, and :math:`s` the softmax over the scores :math:`r_j` of the
    row's negatives alone. The first term is a smooth share of the negatives above the target, the
    second keeps their scores near 0.

    Args:
        logits: scores of every slot for every row; computed in float32 or wider.
        target: each row's target slot, never 0.
        candidates: slots that are negatives; None for all. Slot 0 is padding and never is.
        log_q: ignored, as in :func:`bpr_max_loss`.

    Returns:
        A scalar, the mean over rows; a row without negatives counts as zero. It is zero, with a
        graph, if there are no rows.

    Raises:
        ValueError: the shapes disagree.

    References:
        Hidasi and Karatzoglou, "Recurrent Neural Networks with Top-k Gains for Session-based
        Recommendations" (arXiv 1706.03847).

    Example:
        >>> top1_max_loss(torch.tensor([[9.0, 0.0, 0.0]]), torch.tensor([1]))  # 1/2 for each term
        tensor(1.)
    """
    check_shapes(logits, target, candidates, log_q)
    scores = at_least_float32(logits)
    positive, negatives = split_target(scores, target, candidates)
    negatives &= scores > -torch.inf  # it has no weight, and its square no gradient
    known = scores.masked_fill(~negatives, 0)
    terms = (known - positive).sigmoid() + known.square().sigmoid()
    return (masked_softmax(scores, negatives) * terms).sum() / max(len(target), 1)
