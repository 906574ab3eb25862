"""Log probabilities that an item is in a drawn set."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmrec.sampling.protocol import LogProbabilities


def frequencies(counts: NDArray[Any], alpha: float) -> NDArray[np.float64]:
    """Return the probabilities of one draw from count ** alpha, (V+1,).

    They are 0 for padding and for items without events.

    Example:
        >>> frequencies(np.array([5, 9, 1, 0]), alpha=0.5)
        array([0.  , 0.75, 0.25, 0.  ])
    """
    weights = np.array(counts, dtype=np.float64)
    if weights.ndim != 1:
        raise ValueError(f"counts expects one value per item, (V+1,); got shape {weights.shape}")
    weights[:1] = 0
    if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        raise ValueError(
            "counts expects finite values of 0 or more, at least one of them positive, besides "
            f"padding; got {weights[1:]}"
        )
    weights[weights > 0] **= alpha
    return np.asarray(weights / weights.sum())


def at_least_once(probability: NDArray[np.float64], draws: int) -> LogProbabilities:
    """Return the log probability of at least one success in ``draws``: log(1 - (1-p) ** draws).

    It is accurate for tiny probabilities too.

    Example:
        >>> np.exp(at_least_once(np.array([0.5, 1e-30, 0.0]), draws=2))
        array([7.5e-01, 2.0e-30, 0.0e+00])
    """
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(-np.expm1(draws * np.log1p(-probability))))


def union_log_inclusion(*log_inclusions: LogProbabilities) -> LogProbabilities:
    """Return the log probability of being in at least one of several independent sets.

    The probability is 1 - (1-a)(1-b)....

    Example:
        >>> np.exp(union_log_inclusion(np.log([0.5, 1e-30]), np.log([0.5, 1e-30])))
        array([7.5e-01, 2.0e-30])
    """
    with np.errstate(divide="ignore"):  # log(0) is -inf, as intended
        log_absent = sum(np.log1p(-np.exp(log_p)) for log_p in log_inclusions)
        return np.asarray(np.log(-np.expm1(log_absent)))
