"""Intervals and tests: over seeds, over users, and between two recommenders.

The events of one user are correlated, so they are not independent draws. The bootstrap and the
paired tests therefore resample or pair whole users ("clusters").
"""

from collections.abc import Sequence
from types import ModuleType
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped

MAX_DRAWS = 2**22
"""Drawn clusters in memory at once: 32 MB."""

SAMPLES = 10_000
TESTS = ("wilcoxon", "t")


class Interval(NamedTuple):
    """An estimate and the bounds of its confidence interval."""

    mean: float
    low: float
    high: float


class Difference(NamedTuple):
    """How much better the first of two is, with its confidence interval and two-sided p-value."""

    mean: float
    low: float
    high: float
    p: float


class Outcome(NamedTuple):
    """The statistic of a test and its two-sided p-value."""

    statistic: float
    p: float


def seed_interval(values: Sequence[float], *, level: float = 0.95) -> Interval:
    """Return the mean over seeds with Student's t interval, ``mean ± t s / sqrt(n)``.

    The interval covers the choice of the seed, not the choice of users.

    Args:
        values: one result per seed, at least two.
        level: confidence of the interval.

    Raises:
        ValueError: there are fewer than two values, or one is not finite.
        ImportError: SciPy is not installed.

    References:
        Student, "The probable error of a mean" (1908).

    Example:
        >>> mean, low, high = seed_interval([0.1, 0.2, 0.3])
        >>> round(mean, 3), round(low, 3), round(high, 3)
        (0.2, -0.048, 0.448)
    """
    _check_level(level)
    results = np.asarray(values, dtype=np.float64)
    if results.ndim != 1 or len(results) < 2 or not np.isfinite(results).all():
        raise ValueError(f"seed_interval expects two or more finite values; got {list(values)}")
    mean = results.mean()
    error = results.std(ddof=1) / np.sqrt(len(results))
    half = float(_scipy().t.ppf((1 + level) / 2, len(results) - 1)) * error
    return Interval(float(mean), float(mean - half), float(mean + half))


def cluster_bootstrap(
    values: Float[np.ndarray, " N"],
    clusters: Shaped[np.ndarray, " N"],
    *,
    samples: int = SAMPLES,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Return a mean with the percentile interval of a bootstrap over whole clusters.

    The statistic of a draw is the sum of its values divided by their number, so a user with many
    events has the same weight as in the mean itself. With few clusters plain percentiles give too
    narrow an interval; they are expanded by as much as Student's t is wider than the normal
    distribution. With one cluster the bounds are infinite.

    Args:
        values: one value per event.
        clusters: the user of each event.
        samples: number of draws.
        level: confidence of the interval.
        seed: seed of the draws.

    Raises:
        ValueError: the arrays are empty or of different lengths, or a value is not finite.
        ImportError: SciPy is not installed.

    References:
        Efron and Tibshirani, "An introduction to the bootstrap" (1993), chapter 13;
        Field and Welsh, "Bootstrapping clustered data" (2007);
        Hesterberg, "What teachers should know about the bootstrap" (2014), arXiv 1411.5279,
        section 5.3, for the expanded percentiles.

    Example:
        >>> cluster_bootstrap(np.array([1.0, 1.0, 1.0]), np.array(["u", "u", "v"]))
        Interval(mean=1.0, low=1.0, high=1.0)
    """
    sums, counts = _per_cluster(values, clusters)
    drawn = _draws(sums, counts, samples, seed)
    return Interval(float(sums.sum() / counts.sum()), *_bounds(drawn, level, len(sums)))


def paired_bootstrap(
    a: Float[np.ndarray, " N"],
    b: Float[np.ndarray, " N"],
    clusters: Shaped[np.ndarray, " N"],
    *,
    samples: int = SAMPLES,
    level: float = 0.95,
    seed: int = 0,
) -> Difference:
    """Return how much better ``a`` is than ``b`` on the same events, by :func:`cluster_bootstrap`.

    The p-value is 1 − the highest level at which the interval excludes 0. It is twice the share of
    draws on the other side of 0, counting the observed difference as one more draw, so it is at
    least ``2 / (samples + 1)``. With few clusters it is enlarged as the interval is expanded; with
    one cluster it is 1.

    Args:
        a: one value per event.
        b: the other value of the same event.
        clusters: the user of each event.
        samples: number of draws.
        level: confidence of the interval.
        seed: seed of the draws.

    Raises:
        ValueError: the arrays are empty or of different lengths, or a value is not finite.
        ImportError: SciPy is not installed.

    References:
        Efron and Tibshirani, "An introduction to the bootstrap" (1993), chapters 13 and 15;
        Sakai, "Evaluating evaluation metrics based on the bootstrap" (2006).

    Example:
        >>> a, b = np.array([1.0, 0.0, 1.0]), np.array([0.0, 0.0, 0.0])
        >>> round(paired_bootstrap(a, b, np.array(["u", "u", "v"])).mean, 3)
        0.667
    """
    sums, counts = _per_cluster(_difference(a, b), clusters)
    drawn = _draws(sums, counts, samples, seed)
    beyond = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    p = min(1.0, 2 * (beyond + 1) / (samples + 1))
    p = _enlarged(p, len(sums))
    return Difference(float(sums.sum() / counts.sum()), *_bounds(drawn, level, len(sums)), p)


def paired_test(
    a: Float[np.ndarray, " N"],
    b: Float[np.ndarray, " N"],
    clusters: Shaped[np.ndarray, " N"],
    *,
    test: str = "wilcoxon",
) -> Outcome:
    """Test whether ``a`` and ``b`` differ in the mean differences of the clusters.

    Each user counts once here, whatever the number of events; :func:`paired_bootstrap` is about the
    mean over events.

    Args:
        a: one value per event.
        b: the other value of the same event.
        clusters: the user of each event.
        test: ``"wilcoxon"`` (signed ranks; differences of 0 are left out) or ``"t"``.

    Raises:
        ValueError: there are fewer than two clusters, the arrays disagree, or the test is unknown.
        ImportError: SciPy is not installed.

    References:
        Wilcoxon, "Individual comparisons by ranking methods" (1945); Smucker, Allan and Carterette,
        "A comparison of statistical significance tests for information retrieval" (2007).

    Example:
        >>> a, users = np.array([0.2, 0.4, 0.6, 0.8]), np.arange(4)
        >>> round(paired_test(a, np.zeros(4), users, test="t").p, 3)
        0.03
    """
    if test not in TESTS:
        raise ValueError(f"test must be one of {list(TESTS)}; got {test!r}")
    sums, counts = _per_cluster(_difference(a, b), clusters)
    if len(sums) < 2:
        raise ValueError(f"paired_test expects two or more clusters; got {len(sums)}")
    means = sums / counts
    if not means.any():
        return Outcome(0.0, 1.0)  # SciPy fails if all differences are 0
    if test == "t" and not np.ptp(means):
        return Outcome(float(np.copysign(np.inf, means[0])), 0.0)
    scipy = _scipy()
    result = scipy.wilcoxon(means) if test == "wilcoxon" else scipy.ttest_1samp(means, 0.0)
    return Outcome(float(result.statistic), float(result.pvalue))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values of several comparisons, corrected for their number.

    The probability of at least one false finding among them is then at most the level.

    References:
        Holm, "A simple sequentially rejective multiple test procedure" (1979).

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(stepped, 1.0)
    return [float(value) for value in corrected]


def _difference(a: np.ndarray, b: np.ndarray) -> Float[np.ndarray, " N"]:
    if a.shape != b.shape:
        raise ValueError(f"a and b must have the same length; got {len(a)} and {len(b)} values")
    return np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)


def _per_cluster(
    values: np.ndarray, clusters: np.ndarray
) -> tuple[Float[np.ndarray, " C"], Int[np.ndarray, " C"]]:
    """Return the sum and the number of each cluster's values."""
    if not len(values) or len(values) != len(clusters):
        raise ValueError(
            "values and clusters must have the same length, 1 or more; "
            f"got {len(values)} and {len(clusters)}"
        )
    wrong = int((~np.isfinite(values)).sum())
    if wrong:
        raise ValueError(f"values must be finite; got {wrong} that are not")
    _, rows = np.unique(clusters, return_inverse=True)
    return np.bincount(rows, weights=values), np.bincount(rows)


def _draws(
    sums: np.ndarray, counts: np.ndarray, samples: int, seed: int
) -> Float[np.ndarray, " S"]:
    """Return the mean of the values of each draw of clusters."""
    if samples < 1:
        raise ValueError(f"samples must be 1 or more; got {samples}")
    rng, size = np.random.default_rng(seed), len(sums)
    chunk = max(1, MAX_DRAWS // size)
    means = np.empty(samples)
    for start in range(0, samples, chunk):
        stop = min(start + chunk, samples)
        drawn = rng.integers(size, size=(stop - start, size))
        means[start:stop] = sums[drawn].sum(1) / counts[drawn].sum(1)
    return means


def _bounds(drawn: np.ndarray, level: float, clusters: int) -> tuple[float, float]:
    _check_level(level)
    if clusters < 2:
        return -np.inf, np.inf
    scipy = _scipy()
    outer = scipy.t.ppf((1 + level) / 2, clusters - 1) * np.sqrt(clusters / (clusters - 1))
    low, high = np.quantile(drawn, [scipy.norm.cdf(-outer), scipy.norm.cdf(outer)])
    return float(low), float(high)


def _enlarged(p: float, clusters: int) -> float:
    """Return ``p``, enlarged to match the expanded percentiles of ``_bounds``."""
    if clusters < 2:
        return 1.0
    scipy = _scipy()
    deviation = scipy.norm.ppf(p / 2) / np.sqrt(clusters / (clusters - 1))
    return float(2 * scipy.t.cdf(deviation, clusters - 1))


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1; got {level}")


def _scipy() -> ModuleType:
    try:
        from scipy import stats
    except ImportError as error:
        raise ImportError("statistics needs SciPy: pip install 'mmrec[compare]'") from error
    module: ModuleType = stats  # SciPy has no annotations
    return module
