"""Binary cross-entropy: the target has label 1, each negative label 0."""

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
    """Return the binary cross-entropy of targets and negatives.

    A row's loss is ``-log sigmoid(target's score)`` plus the mean of
    ``-log sigmoid(-negative's score)``, so target and negatives have equal weight, however many
    negatives there are.

    Args:
        logits: scores of every slot for every row; computed in float32 or wider.
        target: each row's target slot, never 0.
        candidates: slots that are negatives; None for all. Slot 0 never is.
        log_q: ignored, and accepted so that all losses have the same arguments. The distribution
            of the negatives is part of this loss.

    Returns:
        A scalar, the mean over rows; zero, with a graph, if there are no rows.

    Raises:
        ValueError: the shapes disagree.

    References:
        Kang and McAuley, "Self-Attentive Sequential Recommendation" (arXiv 1808.09781), which
        draws one negative per row.

    Example:
        >>> import torch
        >>> bce_loss(torch.zeros(1, 3), torch.tensor([1]))  # log 2 for each label
        tensor(1.3863)
    """
    check_shapes(logits, target, candidates, log_q)
    scores = at_least_float32(logits)
    positive, negatives = split_target(scores, target, candidates)
    target_loss = -F.logsigmoid(positive).sum(1)
    negative_loss = masked_mean(-F.logsigmoid(-scores.masked_fill(~negatives, 0)), negatives, dim=1)
    return (target_loss + negative_loss).sum() / max(len(target), 1)
