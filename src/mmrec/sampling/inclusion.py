"""The arithmetic of being in a drawn set, in logarithms.

A pool is a set: what corrects a sampled softmax is not how likely one draw is to give an item but
how likely the item is to be in the set at all.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

LogProbabilities = NDArray[np.float64]


def frequencies(counts: NDArray[Any], alpha: float) -> NDArray[np.float64]:
    """(V+1,) probabilities of one draw from count ** alpha; 0 for padding and unseen items.

    Example:
        >>> frequencies(np.array([5, 9, 1, 0]), alpha=0.5)
        array([0.  , 0.75, 0.25, 0.  ])
    """
    weights = np.array(counts, dtype=np.float64)
    if weights.ndim != 1:
        raise ValueError(f"counts expects one value an item, (V+1,); got shape {weights.shape}")
    weights[:1] = 0
    if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        raise ValueError(
            "counts expects finite values of 0 or more, one of them positive, beside padding; "
            f"got {weights[1:]}"
        )
    weights[weights > 0] **= alpha
    return np.asarray(weights / weights.sum())


def at_least_once(probability: NDArray[np.float64], draws: int) -> LogProbabilities:
    """Log probability of at least one success in ``draws``: log(1 - (1-p) ** draws).

    Exact for tiny probabilities too.

    Example:
        >>> np.exp(at_least_once(np.array([0.5, 1e-30, 0.0]), draws=2))
        array([7.5e-01, 2.0e-30, 0.0e+00])
    """
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(-np.expm1(draws * np.log1p(-probability))))


def union_log_inclusion(*log_inclusions: LogProbabilities) -> LogProbabilities:
    """Log probability of being in at least one of several independent sets: 1 - (1-a)(1-b)...

    Example:
        >>> np.exp(union_log_inclusion(np.log([0.5, 1e-30]), np.log([0.5, 1e-30])))
        array([7.5e-01, 2.0e-30])
    """
    with np.errstate(divide="ignore"):  # log(0) is -inf, and meant
        log_absent = sum(np.log1p(-np.exp(log_p)) for log_p in log_inclusions)
        return np.asarray(np.log(-np.expm1(log_absent)))
