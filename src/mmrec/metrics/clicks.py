"""Metrics of labeled impressions: how well clicks are ranked, and how true probabilities are."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mmrec.layers import check_shape


class Calibration(NamedTuple):
    """Predicted and true click rates, in bins of the prediction; NaN in an empty bin.

    Attributes:
        predicted: mean probability, ``(K,)``.
        clicked: share that was clicked, ``(K,)``.
        shown: number of items, ``(K,)``.
    """

    predicted: Float[Tensor, " K"]
    clicked: Float[Tensor, " K"]
    shown: Int[Tensor, " K"]


def auc(scores: Float[Tensor, " N"], clicked: Bool[Tensor, " N"]) -> Float[Tensor, ""]:
    """Return the share of pairs of a click and another item in which the click scores higher.

    A tie counts half. NaN where there is no pair.

    Raises:
        ValueError: a score is NaN, or the shapes disagree.

    References:
        Hanley and McNeil, "The meaning and use of the area under a receiver operating
        characteristic (ROC) curve" (1982).

    Example:
        >>> auc(torch.tensor([3.0, 1.0, 2.0]), torch.tensor([True, False, False]))
        tensor(1., dtype=torch.float64)
    """
    group = torch.zeros(len(scores), dtype=torch.long, device=scores.device)
    found = auc_by_group(scores, clicked, group)
    return found[0] if len(found) else torch.tensor(torch.nan, dtype=torch.float64)


def auc_by_group(
    scores: Float[Tensor, " N"], clicked: Bool[Tensor, " N"], group: Int[Tensor, " N"]
) -> Float[Tensor, " G"]:
    """Return the AUC in each group, such as an impression or a user; NaN where there is no pair.

    Groups are in the order of their numbers; a number that does not occur has no entry. The mean
    over impressions, ``nanmean()``, is the AUC of MIND.

    Args:
        scores: the score of each item, in any order.
        clicked: whether it was clicked.
        group: the number of its group.

    Raises:
        ValueError: a score is NaN, or the shapes disagree.

    Example:
        >>> scores, clicked = torch.tensor([2.0, 1.0, 5.0, 5.0]), torch.tensor([1, 0, 1, 0]).bool()
        >>> auc_by_group(scores, clicked, torch.tensor([7, 7, 9, 9]))
        tensor([1.0000, 0.5000], dtype=torch.float64)
    """
    _check(scores, clicked)
    check_shape("expected group", group, scores.shape)
    if not len(scores):
        return scores.new_zeros(0, dtype=torch.float64)
    order = scores.argsort(stable=True)
    order = order[group[order].argsort(stable=True)]  # by group, then by score
    _, number, sizes = group[order].unique_consecutive(return_inverse=True, return_counts=True)
    place = torch.arange(1, len(order) + 1, device=scores.device, dtype=torch.float64)
    place = place - (sizes.cumsum(0) - sizes)[number]
    # Items of one group and score share the mean of their places.
    pairs = torch.stack([number.to(torch.float64), scores[order].to(torch.float64)], dim=1)
    _, tie, ties = pairs.unique_consecutive(dim=0, return_inverse=True, return_counts=True)
    rank = (torch.zeros_like(ties, dtype=torch.float64).index_add_(0, tie, place) / ties)[tie]
    hit = clicked[order].to(torch.float64)
    zeros = torch.zeros(len(sizes), dtype=torch.float64, device=scores.device)
    hits, ranks = zeros.index_add(0, number, hit), zeros.index_add(0, number, hit * rank)
    # 0 / 0 is NaN: no click, or clicks alone.
    areas: Tensor = (ranks - hits * (hits + 1) / 2) / (hits * (sizes - hits))
    return areas


def log_loss(logits: Float[Tensor, " N"], clicked: Bool[Tensor, " N"]) -> Float[Tensor, ""]:
    """Return the mean negative log-likelihood of the labels; NaN without items.

    Args:
        logits: scores whose sigmoid is the probability of a click.
        clicked: the labels.

    Raises:
        ValueError: a score is NaN, or the shapes disagree.

    Example:
        >>> log_loss(torch.zeros(2), torch.tensor([True, False]))  # log 2
        tensor(0.6931, dtype=torch.float64)
    """
    _check(logits, clicked)
    return F.binary_cross_entropy_with_logits(logits.double(), clicked.double())


def calibration_curve(
    probability: Float[Tensor, " N"],
    clicked: Bool[Tensor, " N"],
    *,
    bins: int = 10,
    equal_counts: bool = True,
) -> Calibration:
    """Return predicted and true click rates in bins of the predicted probability.

    Args:
        probability: predicted probabilities of a click.
        clicked: the labels.
        bins: number of bins, K.
        equal_counts: whether the edges are quantiles of the predictions, as click rates need, which
            are low; otherwise they are equally far apart from 0 to 1.

    Raises:
        ValueError: a probability is not between 0 and 1, ``bins`` is not positive, or the shapes
            disagree.

    References:
        Niculescu-Mizil and Caruana, "Predicting Good Probabilities with Supervised Learning",
        ICML 2005.

    Example:
        >>> probability = torch.tensor([0.1, 0.3, 0.6, 0.8])
        >>> clicked = torch.tensor([False, False, False, True])
        >>> calibration_curve(probability, clicked, bins=2).clicked
        tensor([0.0000, 0.5000], dtype=torch.float64)
    """
    _check(probability, clicked)
    if bins < 1:
        raise ValueError(f"bins must be 1 or more; got {bins}")
    values = probability.double()
    if ((values < 0) | (values > 1)).any():
        raise ValueError(
            "expected probabilities from 0 to 1; got some from "
            f"{float(values.min())} to {float(values.max())}"
        )
    edges = torch.linspace(0, 1, bins + 1, dtype=torch.float64, device=values.device)[1:-1]
    if equal_counts and len(values):
        # The last value of each bin. `quantile` takes 16 million values at most.
        ends = torch.arange(1, bins, device=values.device) * len(values) // bins - 1
        edges = values.sort().values[ends.clamp(min=0)]
    at = torch.searchsorted(edges, values)  # an edge belongs to the bin below
    zeros = torch.zeros(bins, dtype=torch.float64, device=values.device)
    count = zeros.index_add(0, at, torch.ones_like(values))
    predicted, share = zeros.index_add(0, at, values), zeros.index_add(0, at, clicked.double())
    return Calibration(predicted / count, share / count, count.long())


def ranks_of_clicks(
    scores: Float[Tensor, "B N"], clicked: Bool[Tensor, "B N"], shown: Bool[Tensor, "B N"]
) -> Int[Tensor, "B R"]:
    """Return the ranks of the clicked items among those of their impression, padded with 0.

    They are what :func:`mmrec.metrics.ndcg` and the others take. Ties count against the model.

    Args:
        scores: the score of each item.
        clicked: whether it was clicked.
        shown: True for items, False for padding.

    Raises:
        ValueError: the score of an item is NaN, or the shapes disagree.

    Example:
        >>> scores, clicked = torch.tensor([[3.0, 2.0, 2.0]]), torch.tensor([[False, True, False]])
        >>> ranks_of_clicks(scores, clicked, torch.ones(1, 3, dtype=torch.bool))
        tensor([[3]])
    """
    check_shape("expected scores", scores, ("impressions", "items"))
    for name, mask in (("clicked", clicked), ("shown", shown)):
        check_shape(f"expected {name}", mask, scores.shape, dtype=torch.bool)
    if scores[shown].isnan().any():
        raise ValueError("expected scores; got NaN")
    hits = clicked & shown
    order = hits.long().argsort(dim=1, stable=True)  # of equal scores, clicks come last
    values = scores.masked_fill(~shown, -torch.inf).gather(1, order)
    order = order.gather(1, values.argsort(dim=1, descending=True, stable=True))
    # An item shown with a score of -inf ranks before padding.
    order = order.gather(1, (~shown.gather(1, order)).long().argsort(dim=1, stable=True))
    place = torch.arange(1, scores.shape[1] + 1, device=scores.device)
    ranks = place.where(hits.gather(1, order), 0)
    most = int(hits.sum(1).max()) if len(hits) else 0
    return ranks.sort(dim=1, descending=True).values[:, : max(most, 1)]


def _check(scores: Tensor, clicked: Tensor) -> None:
    check_shape("expected scores", scores, ("items",))
    check_shape("expected clicked", clicked, scores.shape, dtype=torch.bool)
    if scores.isnan().any():
        raise ValueError("expected scores; got NaN")
