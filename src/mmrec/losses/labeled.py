"""Labeled negatives: items that a user rejected, or was shown and did not choose."""

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from mmrec.layers import at_least_float32


def labeled_negative_loss(
    logits: Float[Tensor, "N P"], target: Int[Tensor, " N"], negatives: Int[Tensor, "N K"]
) -> Float[Tensor, ""]:
    """Return the sum of ``-log sigmoid(target's score - labeled negative's score)`` over N.

    A softmax compares a target with all items alike. This loss adds a comparison with the few that
    are known to be wrong for this user.

    Args:
        logits: scores of every slot for every row; computed in float32 or wider.
        target: each row's target slot, never 0.
        negatives: slots of each row's labeled negatives; 0 is padding, whose scores change nothing,
            NaN and infinity included.

    Returns:
        A scalar; zero, with a graph, if there are no rows or no labeled negatives.

    References:
        Rendle et al., "BPR: Bayesian Personalized Ranking from Implicit Feedback"
        (arXiv 1205.2618), for the comparison of two items.

    Example:
        >>> import torch
        >>> logits = torch.tensor([[9.0, 1.0, 1.0]])
        >>> labeled_negative_loss(logits, torch.tensor([1]), torch.tensor([[2, 0]]))  # log 2
        tensor(0.6931)
    """
    scores = at_least_float32(logits)
    margins = scores.gather(1, target.unsqueeze(1)) - scores.gather(1, negatives)
    padding = negatives == 0
    losses = -F.logsigmoid(margins.masked_fill(padding, 0)).masked_fill(padding, 0)
    return losses.sum() / max(len(target), 1)
