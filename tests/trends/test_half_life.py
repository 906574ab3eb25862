import math

import numpy as np
import pytest

from mmrec.trends import (
    HALF_LIVES,
    ItemEvents,
    choose_half_life,
    pseudo_count,
    shorter_times,
    smoothed_share,
)
from mmrec.trends.popularity import static_share

DAY = 86_400.0


def drifting(days_of_an_item, seed=0, number=4000):
    """Events over 100 days, in which one of 20 items is popular for some days, then another."""
    rng = np.random.default_rng(seed)
    time = np.sort(rng.random(number)) * 100 * DAY
    of_now = 1 + (time // (days_of_an_item * DAY)).astype(int) % 20
    item = np.where(rng.random(number) < 0.7, of_now, rng.integers(1, 21, number))
    return ItemEvents(item, time)


def chosen(events):
    train, late = events.before(80 * DAY), slice(3300, 3900)
    return choose_half_life(events, train, events.item[late], events.time[late], 20)


def test_faster_changes_have_shorter_half_lives():
    fast, slow, none = (chosen(drifting(days))[0] for days in (0.5, 10, 1000))
    assert fast < slow < none
    assert fast < DAY
    assert DAY <= slow <= 30 * DAY


def test_likelihoods_are_those_of_the_smoothed_shares():
    events = drifting(3, number=400)
    train, late = events.before(80 * DAY), slice(340, 390)
    target, at = events.item[late], events.time[late]
    best, found = choose_half_life(events, train, target, at, 20)
    assert set(found) == set(HALF_LIVES)
    assert found[best] == max(found.values())
    for half_life in (DAY, math.inf):
        m = pseudo_count(train, half_life)
        expected = []
        for item, now in zip(target, at, strict=True):
            past = events.before(now)
            weights = 2.0 ** (-(past.time[-1] - past.time) / half_life)  # as of the last event
            recent = np.bincount(past.item, weights, minlength=21)
            share = smoothed_share(recent, static_share(train.counts(20)), m)[item]
            expected.append(math.log(0.99 * share + 0.01 / 20))
        assert found[half_life] == pytest.approx(np.mean(expected))


def test_pseudo_count_is_a_share_of_the_usual_recent_events():
    hourly = ItemEvents(np.ones(10_000, dtype=int), np.arange(10_000) * 3600.0)
    # Σ 2^(-k / 24) over k = 1, 2, …
    assert pseudo_count(hourly, DAY) == pytest.approx(0.05 / (2 ** (1 / 24) - 1), rel=1e-3)
    assert pseudo_count(hourly.before(0.0), DAY) == 0.5


@pytest.mark.parametrize("half_life", [3.0, 200.0, math.inf])
@pytest.mark.parametrize("number", [1, 255, 256, 257, 1000])
def test_pseudo_count_is_the_median_of_a_direct_sum(half_life, number):
    time = np.sort(np.random.default_rng(0).integers(0, 900, number)) + 1.6e9  # with ties
    totals = [(2.0 ** ((time[time < now] - now) / half_life)).sum() for now in time]
    found = pseudo_count(ItemEvents(np.ones(number, dtype=int), time), half_life)
    assert found == pytest.approx(max(0.05 * np.median(totals), 0.5))


@pytest.mark.parametrize(
    ("span", "shorter"),
    [
        (0.0, []),
        (1800.0, [60.0, 300.0, 900.0]),
        (6 * 3600.0, [60.0, 300.0, 900.0, 3600.0, 10_800.0]),
        (6 * DAY, [3600.0, 10_800.0, 21_600.0, 43_200.0]),
        (7 * DAY, []),
        (400 * DAY, []),
    ],
)
def test_times_that_fit_a_short_log(span, shorter):
    assert shorter_times(np.array([1e9, 1e9 + span / 2, 1e9 + span])) == shorter
    assert shorter_times(np.zeros(0)) == []


def test_nothing_to_choose_from_is_refused():
    events = drifting(1, number=10)
    with pytest.raises(ValueError, match="expects targets and half-lives; got 0 and 8"):
        choose_half_life(events, events, np.zeros(0, int), np.zeros(0), 20)
