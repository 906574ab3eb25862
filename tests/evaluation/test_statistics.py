import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mmrec.evaluation.statistics import (
    cluster_bootstrap,
    holm,
    paired_bootstrap,
    paired_test,
    seed_interval,
)


def users_and_values(rng, users=30, spread=1.0):
    """Values of users who differ, a geometric number of events each."""
    owner = np.repeat(np.arange(users), rng.geometric(0.3, users))
    values = spread * rng.normal(size=users)[owner] + rng.normal(size=len(owner))
    return values, np.array([f"u{user}" for user in owner], dtype=object)


@pytest.mark.parametrize("level", [0.8, 0.95])
@pytest.mark.parametrize("count", [2, 3, 7])
def test_seed_interval_equals_scipy(count, level):
    values = np.random.default_rng(count).normal(size=count)
    expected = stats.t.interval(level, count - 1, values.mean(), stats.sem(values))
    mean, low, high = seed_interval(values.tolist(), level=level)
    assert mean == pytest.approx(values.mean())
    assert (low, high) == pytest.approx(expected)


def expanded(share, size):
    """The share of draws that few clusters leave out at each end."""
    return stats.norm.cdf(stats.t.ppf(share, size - 1) * np.sqrt(size / (size - 1)))


def test_cluster_bootstrap_equals_a_loop():
    rng = np.random.default_rng(1)
    values, users = users_and_values(rng, users=12)
    groups = [values[users == user] for user in np.unique(users)]
    draws = [
        np.concatenate([groups[i] for i in rng.integers(len(groups), size=len(groups))]).mean()
        for _ in range(8000)
    ]
    mean, low, high = cluster_bootstrap(values, users, samples=20_000, level=0.9)
    assert mean == pytest.approx(values.mean())
    error, share = np.std(draws), expanded(0.05, 12)
    assert low == pytest.approx(np.quantile(draws, share), abs=0.07 * error)
    assert high == pytest.approx(np.quantile(draws, 1 - share), abs=0.07 * error)


def test_with_one_event_a_user_it_is_scipys_bootstrap():
    values = np.random.default_rng(2).exponential(size=40)
    theirs = stats.bootstrap(
        (values,),
        np.mean,
        method="percentile",
        confidence_level=1 - 2 * expanded(0.025, 40),
        n_resamples=20_000,
        rng=np.random.default_rng(0),
    )
    ours = cluster_bootstrap(values, np.arange(40), samples=20_000)
    error = theirs.standard_error
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.07 * error)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.07 * error)


def test_the_interval_covers_at_its_level_and_one_over_events_does_not():
    rng, covered, naive, times = np.random.default_rng(3), 0, 0, 300
    for seed in range(times):
        values, users = users_and_values(rng, users=60)
        _, low, high = cluster_bootstrap(values, users, samples=600, seed=seed)
        covered += low <= 0 <= high
        _, low, high = cluster_bootstrap(values, np.arange(len(users)), samples=600, seed=seed)
        naive += low <= 0 <= high
    # 60 users fall a little short of 95 %; the error of 300 trials is 1.3 %.
    assert 0.89 < covered / times < 0.99
    assert naive / times < 0.85


def test_chunks_do_not_matter(monkeypatch):
    values, users = users_and_values(np.random.default_rng(4))
    whole = cluster_bootstrap(values, users, samples=500)
    monkeypatch.setattr("mmrec.evaluation.statistics.MAX_DRAWS", 100)
    assert cluster_bootstrap(values, users, samples=500) == whole


def test_paired_bootstrap_is_the_bootstrap_of_the_difference():
    rng = np.random.default_rng(5)
    a, users = users_and_values(rng)
    b = a - 0.3 + 0.1 * rng.normal(size=len(a))
    difference = paired_bootstrap(a, b, users, seed=7)
    assert difference[:3] == cluster_bootstrap(a - b, users, seed=7)
    assert difference.low > 0
    z = stats.norm.ppf(1 / 10_001)
    size = len(np.unique(users))
    assert difference.p == pytest.approx(2 * stats.t.cdf(z * np.sqrt(1 - 1 / size), size - 1))
    swapped = paired_bootstrap(b, a, users, seed=7)
    assert swapped == pytest.approx((-difference[0], -difference[2], -difference[1], difference.p))


def test_no_difference_is_found_as_rarely_as_it_should_be():
    rng, found, times = np.random.default_rng(6), 0, 300
    for seed in range(times):
        a, users = users_and_values(rng, users=60)
        b = a + rng.normal(size=60)[np.unique(users, return_inverse=True)[1]]
        found += paired_bootstrap(a, b, users, samples=600, seed=seed).p < 0.1
    assert 0.05 < found / times < 0.17


def test_equal_values_have_no_difference():
    a, users = users_and_values(np.random.default_rng(7))
    assert paired_bootstrap(a, a, users) == (0.0, 0.0, 0.0, 1.0)
    assert paired_test(a, a, users) == (0.0, 1.0)
    assert paired_test(a, a, users, test="t") == (0.0, 1.0)


@pytest.mark.parametrize("test", ["wilcoxon", "t"])
def test_paired_test_equals_scipy_on_the_means_of_users(test):
    rng = np.random.default_rng(8)
    a, users = users_and_values(rng)
    b = a + rng.normal(0.2, 1.0, size=len(a))
    names = np.unique(users)
    left = np.array([a[users == user].mean() for user in names])
    right = np.array([b[users == user].mean() for user in names])
    expected = stats.wilcoxon(left, right) if test == "wilcoxon" else stats.ttest_rel(left, right)
    result = paired_test(a, b, users, test=test)
    assert result == pytest.approx((expected.statistic, expected.pvalue))


def test_a_constant_difference_is_significant():
    assert paired_test(np.ones(5), np.zeros(5), np.arange(5), test="t") == (np.inf, 0.0)
    assert paired_test(np.zeros(5), np.ones(5), np.arange(5), test="t") == (-np.inf, 0.0)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0.0, 1.0), max_size=8))
def test_holm_equals_the_definition(values):
    corrected = holm(values)
    order = sorted(range(len(values)), key=lambda i: values[i])
    running = 0.0
    for step, i in enumerate(order):
        running = max(running, (len(values) - step) * values[i])
        assert corrected[i] == pytest.approx(min(1.0, running))


def test_bad_input():
    ones, users = np.ones(3), np.arange(3)
    with pytest.raises(ValueError, match=r"two or more finite values; got \[1.0\]"):
        seed_interval([1.0])
    with pytest.raises(ValueError, match="two or more finite values"):
        seed_interval([1.0, float("nan")])
    with pytest.raises(ValueError, match="level must be between 0 and 1; got 95"):
        seed_interval([1.0, 2.0], level=95.0)
    with pytest.raises(ValueError, match="1 or more; got 0 and 0"):
        cluster_bootstrap(ones[:0], users[:0])
    with pytest.raises(ValueError, match="finite; got 1 that are not"):
        cluster_bootstrap(np.array([0.0, np.inf, 1.0]), users)
    with pytest.raises(ValueError, match="samples must be 1 or more; got 0"):
        cluster_bootstrap(ones, users, samples=0)
    with pytest.raises(ValueError, match="two or more clusters; got 1"):
        paired_test(ones, ones, np.zeros(3, dtype=int))
    with pytest.raises(ValueError, match=r"one of \['wilcoxon', 't'\]; got 'sign'"):
        paired_test(ones, ones, users, test="sign")


@pytest.mark.parametrize("function", [lambda: seed_interval([1.0, 2.0])])
def test_without_scipy_the_error_names_the_extra(monkeypatch, function):
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(ImportError, match=r"needs SciPy: pip install 'mmrec\[compare\]'"):
        function()


@pytest.mark.parametrize("users", [2, 4, 10])
def test_few_users_find_no_difference_more_often_than_many(users):
    rng, found, covered, times = np.random.default_rng(8), 0, 0, 400
    for seed in range(times):
        gap, owner = rng.normal(size=users), np.arange(users)
        difference = paired_bootstrap(gap, np.zeros(users), owner, samples=400, seed=seed)
        found += difference.p < 0.05
        covered += difference.low <= 0 <= difference.high
    # The error of 400 trials is 1.1 %. Of two users, no draw lies beyond both.
    assert found / times < 0.08
    assert covered / times > (0.4 if users == 2 else 0.85)


def test_one_user_has_infinite_bounds():
    values, owner = np.array([0.5, 0.25]), np.zeros(2)
    assert paired_bootstrap(values, np.zeros(2), owner) == (0.375, -np.inf, np.inf, 1.0)
