import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.trends import ItemEvents, PopularityHistory
from mmrec.trends.history import STRIDE


def direct_sum(events, at, size, half_life):
    values = np.zeros(size + 1)
    for item, time in zip(events.item, events.time, strict=True):
        if time < at:
            values[item] += 2.0 ** (-(at - time) / half_life)
    return values


@pytest.mark.parametrize("half_life", [3.0, 500.0, math.inf])
def test_values_are_the_direct_sum_across_snapshots(half_life):
    rng = np.random.default_rng(0)
    number = 3 * STRIDE + 17
    times = rng.integers(0, 300, number) + 1.6e9  # with ties, also where snapshots are taken
    events = ItemEvents(rng.integers(1, 6, number), times)
    history = PopularityHistory(events, 5, half_life)
    at = np.unique(np.concatenate([times, times + 0.5, [0.0, 2e9]]))
    values = history.values(at)
    for row in range(0, len(at), 7):
        expected = direct_sum(events, at[row], 5, half_life)
        np.testing.assert_allclose(values[row], expected, rtol=1e-9, atol=1e-300)


def test_fewer_snapshots_change_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    events = ItemEvents(rng.integers(1, 6, 2000), rng.random(2000) * 100)
    at = np.linspace(-1, 120, 50)
    many = PopularityHistory(events, 5, 9.0).values(at)
    monkeypatch.setattr("mmrec.trends.history.ELEMENTS", 12)  # two snapshots
    np.testing.assert_allclose(PopularityHistory(events, 5, 9.0).values(at), many, rtol=1e-9)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 9)), max_size=20), st.integers(0, 9))
def test_what_happens_at_or_after_a_time_does_not_change_it(pairs, at):
    items, times = np.array([p[0] for p in pairs], int), np.array([p[1] for p in pairs], float)
    events = ItemEvents(items, times)
    at = float(at)
    whole = PopularityHistory(events, 3, 2.0).before(at)
    np.testing.assert_array_equal(whole, PopularityHistory(events.before(at), 3, 2.0).before(at))


def test_errors():
    events = ItemEvents(np.array([3]), np.array([1.0]))
    with pytest.raises(ValueError, match="of the 2 items of the catalogue; got index 3"):
        PopularityHistory(events, 2, 1.0)
    with pytest.raises(ValueError, match="needs the time of each request; got NaN"):
        PopularityHistory(events, 3, 1.0).before(math.nan)
    with pytest.raises(ValueError, match="half_life must be positive"):
        PopularityHistory(events, 3, 0.0)
