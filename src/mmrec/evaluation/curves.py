"""A metric of each single rank, and its running means over a stream."""

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from mmrec.metrics import hit_rate, mrr, ndcg

METRICS = {"ndcg": ndcg, "hr": hit_rate, "mrr": mrr}


def metric_of_ranks(
    rank: Int[Tensor, " N"], metric: str, catalog_size: int | None = None
) -> Float[np.ndarray, " N"]:
    """Return a metric of each rank.

    Args:
        rank: 1 = best, ``(N,)``.
        metric: ``ndcg@K``, ``hr@K`` or ``mrr@K``.
        catalog_size: V. Ranks above V are those of filtered targets, which are misses even where K
            is above V. None if there are no such ranks.

    Raises:
        ValueError: ``metric`` is none of these.

    Example:
        >>> import torch
        >>> metric_of_ranks(torch.tensor([1, 3, 11]), "ndcg@10")
        array([1. , 0.5, 0. ])
    """
    name, _, cut = metric.partition("@")
    if name not in METRICS or not cut.isdecimal() or int(cut) < 1:
        raise ValueError(
            f"metric must be one of {list(METRICS)} with a cut-off, as in 'ndcg@10'; got {metric!r}"
        )
    if catalog_size is not None:
        rank = rank.masked_fill(rank > catalog_size, 0)  # 0 is padding, and scores 0
    values: np.ndarray = METRICS[name](rank, int(cut)).double().numpy()
    return values


def windowed(values: Float[np.ndarray, " N"], window: int) -> Float[np.ndarray, " N"]:
    """Return the running mean of the last ``window`` values, or of all so far if these are fewer.

    Raises:
        ValueError: ``window`` is below 1.

    Example:
        >>> windowed(np.array([1.0, 0.0, 0.0, 1.0]), 2)
        array([1. , 0.5, 0. , 0.5])
    """
    if window < 1:
        raise ValueError(f"window must be 1 or more; got {window}")
    total = np.concatenate([[0.0], np.cumsum(values)])
    stop = np.arange(1, len(values) + 1)
    first = np.maximum(stop - window, 0)
    means: np.ndarray = (total[stop] - total[first]) / (stop - first)
    return means


def faded(values: Float[np.ndarray, " N"], factor: float) -> Float[np.ndarray, " N"]:
    """Return the running mean of all values so far, weighted by ``factor ** age``.

    ``S_i = x_i + factor * S_(i-1)``, ``B_i = 1 + factor * B_(i-1)``, and the curve is ``S / B``.

    Raises:
        ValueError: ``factor`` is not above 0 and at most 1.

    References:
        Gama, Sebastião and Rodrigues, "On evaluating stream learning algorithms" (2013).

    Example:
        >>> faded(np.array([1.0, 0.0]), 0.5)
        array([1.        , 0.33333333])
    """
    if not 0 < factor <= 1:
        raise ValueError(f"factor must be above 0 and at most 1; got {factor}")
    curve, total, weight = np.empty(len(values)), 0.0, 0.0
    for place, value in enumerate(values):
        total, weight = value + factor * total, 1 + factor * weight
        curve[place] = total / weight
    return curve
