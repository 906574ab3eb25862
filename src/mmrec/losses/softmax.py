"""Softmax over the pool: full, in-batch or sampled, depending on the items of the pool."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from mmrec.layers import at_least_float32
from mmrec.losses.negatives import candidate_slots, check_shapes


def softmax_loss(
    logits: Float[Tensor, "N P"],
    target: Int[Tensor, " N"],
    candidates: Bool[Tensor, " P"] | None = None,
    log_q: Float[Tensor, " P"] | None = None,
) -> Float[Tensor, ""]:
    r"""Return the mean negative log-likelihood of the target among the pool's candidates.

    Column 0 of ``logits`` is padding and is left out, also where ``candidates[0]`` is True. Scores
    without such a column get one by ``F.pad(logits, (1, 0))``, and their targets are one higher.

    With the whole catalogue as the pool this is the cross-entropy. With a smaller pool, ``log_q``
    makes the sum over the pool an unbiased estimate of the sum over the catalogue:

    .. math:: -s_t + \log\Big(e^{s_t} + \sum_{j \in C, j \ne t} e^{s_j - \log q_j}\Big)

    The target is not corrected, because it is in its own row's sum with probability one.

    Args:
        logits: scores of every slot for every row; computed in float32 or wider.
        target: each row's target slot, never 0. It counts in its row even if it is not a candidate.
        candidates: slots that are negatives of the other rows; None for all. Slot 0 is padding
            and never is. Scores of the other slots change nothing, NaN and infinity included.
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
        >>> padded = torch.nn.functional.pad(torch.randn(4, 9), (1, 0))
        >>> wanted = torch.nn.functional.cross_entropy(padded[:, 1:], torch.arange(4))
        >>> torch.allclose(softmax_loss(padded, 1 + torch.arange(4)), wanted)
        True
        >>> log_q = torch.tensor([0.0, 0.5, 0.5]).log()  # in half of the pools: log 3
        >>> softmax_loss(logits, torch.tensor([1, 2]), log_q=log_q)
        tensor(1.0986)
    """
    check_shapes(logits, target, candidates, log_q)
    scores = at_least_float32(logits)
    offset = scores.new_zeros(scores.shape[1]) if log_q is None else log_q.detach().to(scores.dtype)
    negatives = candidate_slots(logits, candidates) & ~torch.isneginf(offset)
    offset = offset.masked_fill(~negatives, 0)
    loss: Tensor = _Softmax.apply(scores, target.long(), offset, negatives)
    return loss


class _Softmax(torch.autograd.Function):
    """The loss, and its gradient in the one copy of the scores that is made.

    Most of the time goes to the memory of such copies. Of PyTorch's own functions a loss with its
    gradient makes five.
    """

    @staticmethod
    def forward(
        ctx: Any,
        scores: Float[Tensor, "N P"],
        target: Int[Tensor, " N"],
        offset: Float[Tensor, " P"],
        negatives: Bool[Tensor, " P"],
    ) -> Float[Tensor, ""]:
        column, count = target.unsqueeze(1), max(len(target), 1)
        own = scores.gather(1, column)
        share = scores - offset
        # They are left out after the difference: NaN minus infinity is NaN.
        if share.device.type == "cpu":  # few columns take less time than a look at each number
            outside = torch.from_numpy(np.flatnonzero(~negatives.numpy()))
            share.index_fill_(1, outside, -torch.inf)
        else:
            share.masked_fill_(~negatives, -torch.inf)
        share.scatter_(1, column, own)
        highest = share.amax(1, keepdim=True)
        total = share.sub_(highest).exp_().sum(1, keepdim=True)
        if ctx.needs_input_grad[0]:
            share.div_(total * count).scatter_add_(1, column, torch.full_like(own, -1 / count))
            ctx.save_for_backward(share)
        return (total.log() + highest - own).sum() / count

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Float[Tensor, ""]) -> tuple[Tensor | None, ...]:
        (share,) = ctx.saved_tensors
        # Asking costs an accelerator more than the product.
        same = gradient.device.type == "cpu" and float(gradient) == 1
        return share if same else share * gradient, None, None, None
