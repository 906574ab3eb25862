"""Binary cross-entropy: the target has label 1, each negative label 0."""

import torch
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
        candidates: slots that are negatives; None for all. Slot 0 is padding and never is.
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


def gbce_loss(
    logits: Float[Tensor, "N P"],
    target: Int[Tensor, " N"],
    candidates: Bool[Tensor, " P"] | None = None,
    log_q: Float[Tensor, " P"] | None = None,
    *,
    calibration: float = 0.75,
    from_chance: bool = True,
) -> Float[Tensor, ""]:
    r"""Return a binary cross-entropy that allows for negatives that were not drawn.

    With few of many items drawn, binary cross-entropy teaches that a target is almost certain,
    since most items that compete with it are missing. Here the target counts less,

    .. math:: -\frac{1}{k+1}\Big(\beta \log \sigma(r_+) + \sum_{i=1}^{k} \log \sigma(-r_i)\Big),
        \qquad \beta = 1 - t\,(1 - \alpha),

    where :math:`\alpha` is the share of all negatives that was drawn, and :math:`t` the
    calibration. The number of all negatives is estimated from the drawn ones, as the sum of
    :math:`1/q_i` (Horvitz and Thompson), so that any sampler may be used. If all are drawn, or with
    a calibration of 0, this is the usual binary cross-entropy over all slots.

    Few of many items are targets, so a score must be far below 0 for almost all of them. A product
    of vectors has no constant to learn that with, and the first epochs would go to it. With
    ``from_chance``, :math:`r_i` is the score less the log of the number of all negatives, so that a
    score of 0 is a probability of about 1 in all items. No order changes.

    Args:
        logits: scores of every slot for every row; computed in float32 or wider.
        target: each row's target slot, never 0.
        candidates: slots that are negatives; None for all. Slot 0 is padding and never is.
        log_q: log of the probability that a slot's item is in the pool; None if all items are.
        calibration: t, from 0 to 1; with 1 scores are probabilities of a model that met all items.
        from_chance: whether a score of 0 is the probability of chance; if not, it is one half, as
            in the paper.

    Returns:
        A scalar, the mean over rows; zero, with a graph, if there are no rows.

    Raises:
        ValueError: the shapes disagree, or the calibration is not between 0 and 1.

    References:
        Petrov and Macdonald, "gSASRec: Reducing Overconfidence in Sequential Recommendation Trained
        with Negative Sampling" (arXiv 2308.07192).

    Example:
        >>> import torch
        >>> scores, target = torch.zeros(1, 3), torch.tensor([1])
        >>> gbce_loss(scores, target)  # log 2 for each label, their mean
        tensor(0.6931)
        >>> log_q = torch.tensor(0.01).log().expand(3)
        >>> gbce_loss(scores, target, log_q=log_q, calibration=1.0, from_chance=False)
        tensor(0.3500)
    """
    check_shapes(logits, target, candidates, log_q)
    if not 0 <= calibration <= 1:
        raise ValueError(f"calibration must be between 0 and 1; got {calibration}")
    scores = at_least_float32(logits)
    positive, negatives = split_target(scores, target, candidates)
    log_q = scores.new_zeros(scores.shape[1]) if log_q is None else at_least_float32(log_q)
    negatives = negatives & ~torch.isneginf(log_q)  # never drawn, as in the softmax
    drawn = negatives.sum(1)
    every = torch.where(negatives, (-log_q).exp(), 0.0).sum(1)
    if from_chance:
        chance = every.clamp(min=1).log().unsqueeze(1)
        scores, positive = scores - chance, positive - chance
    beta = 1 - calibration * (1 - drawn / every.clamp(min=1))
    beta = torch.where(drawn > 0, beta, 1.0)
    lost = torch.where(negatives, -F.logsigmoid(-scores.masked_fill(~negatives, 0)), 0.0).sum(1)
    rows = (lost - beta * F.logsigmoid(positive).squeeze(1)) / (drawn + 1)
    return rows.sum() / max(len(target), 1)
