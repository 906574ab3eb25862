"""Softmax over the pool: full, in-batch or sampled, depending on the items of the pool."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mmrec.layers import at_least_float32
from mmrec.losses.negatives import candidate_slots, check_shapes


def softmax_loss(
    logits: Float[Tensor, "N P"],
    target: Int[Tensor, " N"],
    candidates: Bool[Tensor, " P"] | None = None,
    log_q: Float[Tensor, " P"] | None = None,
) -> Float[Tensor, ""]:
    r"""Return the mean negative log-likelihood of the target among the pool's candidates.

    With the whole catalogue as the pool this is the cross-entropy. With a smaller pool, ``log_q``
    makes the sum over the pool an unbiased estimate of the sum over the catalogue:

    .. math:: -s_t + \log\Big(e^{s_t} + \sum_{j \in C, j \ne t} e^{s_j - \log q_j}\Big)

    The target is not corrected, because it is in its own row's sum with probability one.

    Args:
        logits: scores of every slot for every row; computed in float32 or wider.
        target: each row's target slot, never 0. It counts in its row even if it is not a candidate.
        candidates: slots that are negatives of the other rows; None for all. Slot 0 never is.
            Finite scores of the other slots change nothing.
        log_q: log of the probability that the slot's item is in the pool (a pool is a set, so the
            probability of inclusion, not of one draw); None for 0, a pool that is the whole
            catalogue. A slot with ``-inf`` is never drawn, and is no negative of any row.

    Returns:
        A scalar; zero, with a graph, if there are no rows.

    Raises:
        ValueError: the shapes disagree.

    References:
        "Correcting the LogQ Correction: Revisiting Sampled Softmax for Large-Scale Retrieval"
        (arXiv 2507.09331) for the uncorrected target; its weights of rows are left out.
        Bengio and Senécal, "Adaptive Importance Sampling to Accelerate Training of a Neural
        Probabilistic Language Model" (2008), for the estimate of the sum.

    Example:
        >>> logits = torch.tensor([[9.0, 1.0, 1.0], [9.0, 1.0, 1.0]])  # slot 0 is padding
        >>> softmax_loss(logits, torch.tensor([1, 2]))  # two equally likely items: log 2
        tensor(0.6931)
        >>> log_q = torch.tensor([0.0, 0.5, 0.5]).log()  # in half of the pools: log 3
        >>> softmax_loss(logits, torch.tensor([1, 2]), log_q=log_q)
        tensor(1.0986)
    """
    check_shapes(logits, target, candidates, log_q)
    scores = at_least_float32(logits)
    offset = scores.new_zeros(scores.shape[1]) if log_q is None else log_q.to(scores.dtype)
    negatives = candidate_slots(logits, candidates) & ~torch.isneginf(offset)
    # Subtracting one table without gradients both corrects and masks. Masking the scores would copy
    # (N, P) twice more, here and in the backward pass, and most of the time is spent there.
    offset = offset.detach().masked_fill(~negatives, torch.inf).repeat(len(target), 1)
    offset.scatter_(1, target.long().unsqueeze(1), 0)
    loss = F.cross_entropy(scores - offset, target.long(), reduction="sum")
    return loss / max(len(target), 1)
