"""Losses of labeled impressions: each item alone, or against the others of its impression."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from mmrec.layers import at_least_float32, check_shape


def click_loss(
    logits: Float[Tensor, "B N"], clicked: Bool[Tensor, "B N"], shown: Bool[Tensor, "B N"]
) -> Float[Tensor, ""]:
    r"""Return the mean binary cross-entropy of all items shown.

    .. math:: -\frac1n \sum_i \big( y_i \log\sigma(r_i) + (1 - y_i) \log\sigma(-r_i) \big)

    The sigmoid of a score is then the probability of a click, if all that was shown is learned
    from.

    Args:
        logits: the score of each item; computed in float32 or wider.
        clicked: whether it was clicked.
        shown: True for items, False for padding.

    Returns:
        A scalar; zero, with a graph, if nothing was shown.

    Raises:
        ValueError: the shapes disagree.

    References:
        Zhou et al., "Deep Interest Network for Click-Through Rate Prediction" (arXiv 1706.06978).

    Example:
        >>> clicked, shown = torch.tensor([[True, False]]), torch.ones(1, 2, dtype=torch.bool)
        >>> click_loss(torch.zeros(1, 2), clicked, shown)  # log 2
        tensor(0.6931)
    """
    scores = _checked(logits, clicked, shown)
    losses = F.binary_cross_entropy_with_logits(scores, clicked.to(scores.dtype), reduction="none")
    return losses.masked_fill(~shown, 0).sum() / shown.sum().clamp(min=1)


def click_softmax_loss(
    logits: Float[Tensor, "B N"], clicked: Bool[Tensor, "B N"], shown: Bool[Tensor, "B N"]
) -> Float[Tensor, ""]:
    r"""Return the mean over clicks of a softmax over the click and what was not clicked beside it.

    .. math:: -\frac1n \sum_{i \in C} \log \frac{e^{r_i}}{e^{r_i} + \sum_{j \notin C} e^{r_j}}

    Only scores of one impression are compared, so a score is not the probability of a click.
    Impressions without a click, or of clicks alone, teach nothing.

    Args:
        logits: the score of each item; computed in float32 or wider.
        clicked: whether it was clicked.
        shown: True for items, False for padding.

    Returns:
        A scalar; zero, with a graph, if nothing was clicked.

    Raises:
        ValueError: the shapes disagree.

    References:
        Wu et al., "Neural News Recommendation with Multi-Head Self-Attention" (EMNLP 2019), where
        four of the items that were not clicked are drawn for each click.

    Example:
        >>> clicked = torch.tensor([[True, False, True]])
        >>> shown = torch.ones(1, 3, dtype=torch.bool)
        >>> click_softmax_loss(torch.zeros(1, 3), clicked, shown)  # log 2 for each click
        tensor(0.6931)
    """
    scores = _checked(logits, clicked, shown)
    others = shown & ~clicked
    # The lowest finite number: a row of -inf alone has a gradient of NaN.
    lowest = torch.finfo(scores.dtype).min
    against = scores.masked_fill(~others, lowest).logsumexp(1, keepdim=True)
    compared = clicked & shown & others.any(1, keepdim=True)
    losses = F.softplus((against - scores).masked_fill(~compared, 0)).masked_fill(~compared, 0)
    return losses.sum() / compared.sum().clamp(min=1)


def _checked(logits: Tensor, clicked: Tensor, shown: Tensor) -> Tensor:
    """Return the scores in float32 or wider, and zeros for padding."""
    check_shape("a loss of clicks expects logits", logits, ("impressions", "items"))
    for name, mask in (("clicked", clicked), ("shown", shown)):
        check_shape(f"a loss of clicks expects {name}", mask, logits.shape, dtype=torch.bool)
    # What lies in padding, NaN included, reaches no value and no gradient.
    return at_least_float32(logits).masked_fill(~shown, 0)
