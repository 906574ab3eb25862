"""Binary cross-entropy: the target is a yes, each negative a no."""

import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mmrec.layers import at_least_float32, masked_mean
from mmrec.losses.negatives import check_shapes, split_target


def bce_loss(
    logits: Float[Tensor, "N P"],
    target: Int[Tensor, " N"],
    candidates: Bool[Tensor, " P"] | None = None,
    log_q: Float[Tensor, " P"] | None = None,
) -> Float[Tensor, ""]:
    """``-log sigmoid(target's score)`` plus the row's mean of ``-log sigmoid(-negative's score)``.

    The mean of the negatives weighs as much as the target, however many there are.

    Args:
        logits: scores of every slot for every row; computed in float32 or wider.
        target: each row's target slot, never 0.
        candidates: slots that are negatives; None for all. Slot 0 never is.
        log_q: taken so that all losses of a pool are called alike. It changes nothing: which
            negatives are drawn, and how often, is part of this loss.

    Returns:
        A scalar, the mean over rows; zero, with a graph, if there are no rows.

    Raises:
        ValueError: if the shapes disagree.

    References:
        Kang and McAuley, "Self-Attentive Sequential Recommendation" (arXiv 1808.09781), which
        draws one negative a row.

    Example:
        >>> import torch
        >>> bce_loss(torch.zeros(1, 3), torch.tensor([1]))  # log 2 for the yes, log 2 for the no
        tensor(1.3863)
    """
    check_shapes(logits, target, candidates, log_q)
    scores = at_least_float32(logits)
    positive, negatives = split_target(scores, target, candidates)
    yes = -F.logsigmoid(positive).sum(1)
    no = masked_mean(-F.logsigmoid(-scores.masked_fill(~negatives, 0)), negatives, dim=1)
    return (yes + no).sum() / max(len(target), 1)
