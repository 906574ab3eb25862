import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.trends import (
    DecayedCounts,
    ItemEvents,
    PopularityHistory,
    pseudo_count,
    smoothed_share,
)
from mmrec.trends.popularity import popularity_feature, static_share

V = 4
HALF_LIVES = st.sampled_from([1.0, 60.0, 86_400.0, math.inf])
EVENTS = st.lists(st.tuples(st.integers(1, V), st.integers(0, 500)), max_size=30)


def direct_sum(events, at, half_life):
    """The definition, event by event."""
    values = [0.0] * (V + 1)
    for item, time in events:
        values[item] += 2.0 ** (-(at - time) / half_life)
    return values


@settings(max_examples=200, deadline=None)
@given(EVENTS, HALF_LIVES, st.integers(0, 1000), st.randoms())
def test_live_and_offline_values_are_the_direct_sum_for_any_order(events, half_life, wait, random):
    start = 1.7e9  # as large as real unix seconds
    log = [(item, start + time) for item, time in events]
    at = start + 501 + wait
    shuffled = log.copy()
    random.shuffle(shuffled)
    live = DecayedCounts(half_life, V)
    for item, time in shuffled:
        live.add(item, time)
    items, times = (np.array([e[i] for e in shuffled], dtype=d) for i, d in ((0, int), (1, float)))
    offline = PopularityHistory(ItemEvents(items, times), V, half_life)
    expected = direct_sum(log, at, half_life)
    np.testing.assert_allclose(live.values(at), expected, rtol=1e-9, atol=1e-300)
    np.testing.assert_allclose(offline.before(at), expected, rtol=1e-9, atol=1e-300)


def test_growing_keeps_values_and_continues():
    counts = DecayedCounts(10.0, 1)
    counts.add(1, 0.0)
    for size in range(2, 40):
        counts.grow(size)
        counts.add(size, 0.0)
    assert counts.catalog_size == 39
    np.testing.assert_allclose(counts.values(10.0), [0.0] + [0.5] * 39)


def test_state_continues_elsewhere():
    counts = DecayedCounts(10.0, 2)
    counts.add(1, 5.0)
    again = DecayedCounts.starting_at(10.0, *counts.state)
    again.add(2, 7.0)
    again.add(1, 3.0)
    np.testing.assert_allclose(again.values(9.0), direct_sum([(1, 5), (1, 3), (2, 7)], 9, 10)[:3])
    assert counts.values(9.0)[2] == 0  # a copy


def test_an_event_of_the_far_future_affects_its_own_item_alone():
    counts = DecayedCounts(10.0, 2)
    counts.add(1, 1e12)
    counts.add(2, 5.0)
    assert counts.values(5.0).tolist() == [0.0, 1.0, 1.0]


def test_a_first_event_long_ago_or_late_counts_one():
    counts = DecayedCounts(10.0, 1)
    counts.add(1, -5.0)
    assert counts.values(-5.0).tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    ("item", "time", "message"),
    [
        (0, 1.0, "item must be from 1 to 2; got 0"),
        (3, 1.0, "item must be from 1 to 2; got 3"),
        (1, math.nan, "time must be finite; got nan"),
    ],
)
def test_what_is_no_event_is_refused(item, time, message):
    counts = DecayedCounts(10.0, 2)
    with pytest.raises(ValueError, match=message):
        counts.add(item, time)
    assert not counts.values(1.0).any()


def test_other_errors():
    for wrong in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match=f"half_life must be positive .* got {wrong}"):
            DecayedCounts(wrong, 2)
    with pytest.raises(ValueError, match="catalog_size must be 2 or more"):
        DecayedCounts(1.0, 2).grow(1)


def test_shares_return_to_the_static_ones_after_a_silence():
    static = static_share(np.array([0, 6, 3, 1]))
    usual = smoothed_share(np.array([0.0, 0.0, 190.0, 0.0]), static, 10.0)
    np.testing.assert_allclose(usual, [0.0, 0.03, 0.965, 0.005])
    few = smoothed_share(np.array([0.0, 0.0, 40.0, 0.0]), static, 10.0)  # 160 events are lacking
    np.testing.assert_allclose(few, [0.0, 0.48, 0.44, 0.08])
    np.testing.assert_allclose(smoothed_share(np.zeros(4), static, 10.0), static)


def test_one_event_after_a_silence_takes_little():
    static = static_share(np.array([0, 6, 3, 1]))
    share = smoothed_share(np.array([0.0, 0.0, 0.0, 1.0]), static, 9.0)
    usual = 9.0 / 0.05
    np.testing.assert_allclose(share[3], 0.1 + (1 - 0.1) / usual)
    assert share[1] > share[3]


@pytest.mark.parametrize("before", [0.0, 1.0, 100.0, 170.0, 171.0, 400.0])
def test_an_event_never_weighs_more_than_it_usually_does(before):
    """Not even the first one after a pause."""
    static = static_share(np.array([0, 6, 3, 1]))
    recent, one = np.array([0.0, before, 0.0, 0.0]), np.array([0.0, 0.0, 0.0, 1.0])
    gained = smoothed_share(recent + one, static, 9.0) - smoothed_share(recent, static, 9.0)
    assert 0 < gained[3] <= 1 / (9.0 / 0.05) + 1e-12


def test_a_log_with_few_recent_events_at_any_time_keeps_its_trend():
    """With an event an hour and a half-life of an hour, the usual number is 1."""
    hourly = ItemEvents(np.tile([1, 2, 3], 300), np.arange(900) * 3600.0)
    quiet = pseudo_count(hourly, 3600.0)
    assert quiet == 0.5
    recent, static = np.array([0.0, 1.0, 0.0, 0.0]), static_share(hourly.counts(3))
    share = smoothed_share(recent, static, quiet)
    np.testing.assert_allclose(share, [0.0, 7 / 9, 1 / 9, 1 / 9])  # (1 + .5 / 3) / 1.5
    share = smoothed_share(recent, static, 0.51)  # usually 10.2 events, of which 9.2 are lacking
    np.testing.assert_allclose(share[1], (1 + 9.2 / 3) / 10.2)


def test_no_events_at_all_give_no_share():
    assert static_share(np.zeros(3)).tolist() == [0.0, 0.0, 0.0]
    assert popularity_feature(np.zeros(3), 2).tolist() == [0.0, 0.0, 0.0]
