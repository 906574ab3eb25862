import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save

from mmrec.trends import AGE_KNOTS, ItemEvents, LiveTrend, Trend, TrendHistory, TrendWeights

V, HOUR, START = 5, 3600.0, 1.7e9
AGE_TABLE = (*np.linspace(1, -1, len(AGE_KNOTS)).tolist(), -2.0)
ALL = TrendWeights(now=0.8, static=-0.3, age=AGE_TABLE)
NAN = math.nan


def log(seed=0, number=60):
    rng = np.random.default_rng(seed)
    return ItemEvents(rng.integers(1, V, number), START + rng.random(number) * 9 * HOUR)


def made(events, weights=ALL, created=None, half_life=2 * HOUR):
    counts = events.counts(V)
    return Trend.of(
        events, counts, half_life=half_life, pseudo_count=2.0, created=created, weights=weights
    )


def times(*hours):
    return torch.tensor([START + hour * HOUR for hour in hours], dtype=torch.float64)


def formula(trend, events, at):
    """The bonus of each item from its definition."""
    past = [(i, t) for i, t in zip(events.item, events.time, strict=True) if t < at]
    recent = dict.fromkeys(range(V + 1), 0.0)
    last = max((time for _, time in past), default=at)
    for item, time in past:
        recent[item] += 2 ** ((time - last) / trend.half_life)
    total = sum(recent.values())
    m = max(trend.pseudo_count / 0.05 - total, trend.pseudo_count)
    bonus = [0.0]
    for item in range(1, V + 1):
        static = trend.counts[item] / trend.counts.sum()
        share = (recent[item] + m * static) / (total + m)
        own = [t for j, t in past if j == item]
        age = trend.weights.age[-1]
        if own:
            age = np.interp(math.log(at - min(own)), np.log(AGE_KNOTS), trend.weights.age[:-1])
        now, long_run = math.log1p(V * share), math.log1p(V * static)
        bonus.append(trend.weights.now * now + trend.weights.static * long_run + age)
    return bonus


def test_the_history_is_the_formula_over_earlier_events():
    events = log()
    trend = made(events)
    at = times(-1, 0.5, 4, 8.9, 30)
    found = TrendHistory(trend, events).bonus(at)
    assert found.dtype == torch.float32
    expected = [formula(trend, events, float(time)) for time in at]
    torch.testing.assert_close(found, torch.tensor(expected).float(), rtol=1e-4, atol=1e-5)


def test_what_comes_later_does_not_change_a_bonus():
    events = log()
    at = torch.from_numpy(events.time[30:31])
    cut = events.before(float(at[0]))
    trend = replace(made(cut), counts=events.counts(V))
    torch.testing.assert_close(
        TrendHistory(made(events), events).bonus(at), TrendHistory(trend, cut).bonus(at)
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 60), st.sampled_from([0.2 * HOUR, 2 * HOUR, math.inf]))
def test_frozen_live_and_past_agree_after_the_last_event(cut, half_life):
    events, at = log(), times(9.0, 12.0, 9.0)
    early = ItemEvents(events.item[:cut], events.time[:cut])
    start = made(events, half_life=half_life, created=np.full(V + 1, NAN))
    start = replace(start, created=np.full(V + 1, NAN)).with_events(early)
    live = LiveTrend(start)
    for item, time in zip(events.item[cut:], events.time[cut:], strict=True):
        live.add(int(item), float(time))
    past = TrendHistory(start, events)
    expected = past.bonus(at)
    torch.testing.assert_close(live.bonus(at), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(live.trend.bonus(at), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(start.with_events(events).bonus(at), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(live.popularity(float(at[1])), past.popularity(float(at[1])))
    torch.testing.assert_close(expected[0], expected[2])


def test_without_weights_there_is_no_bonus_but_popularity():
    events = log()
    trend = made(events, TrendWeights())
    assert not trend.active
    assert not trend.bonus(times(1, NAN)).any()
    assert float(trend.popularity().sum()) == pytest.approx(1.0)
    assert trend.popularity()[0] == 0


def test_a_pause_changes_no_popularity_but_ages():
    """A common factor says nothing of the order, so the hits of the whole log do not come back."""
    events = ItemEvents(np.repeat([1, 2], [900, 100]), START + np.arange(1000.0) * 60)
    hour = made(events, half_life=HOUR)
    now, later = hour.popularity(), hour.popularity(hour.latest + 12 * HOUR)
    assert int(now.argmax()) == 2
    assert torch.equal(later, now)
    assert torch.equal(LiveTrend(hour).popularity(hour.latest + 1e9), now)
    past = TrendHistory(hour, events)
    torch.testing.assert_close(past.popularity(hour.latest + 1e9), now)
    popular = replace(hour, weights=TrendWeights(now=1.0))
    at = torch.tensor([hour.latest, hour.latest + 12 * HOUR], dtype=torch.float64)
    assert torch.equal(popular.bonus(at)[1], popular.bonus(at)[0])
    aged = replace(hour, weights=TrendWeights(age=AGE_TABLE)).bonus(at)
    assert aged[1, 2] < aged[0, 2]


def test_the_first_event_after_a_pause_weighs_what_it_usually_does():
    events = ItemEvents(np.repeat([1, 2], [900, 100]), START + np.arange(1000.0) * 60)
    live = LiveTrend(made(events, half_life=HOUR))
    live.add(3, float(events.time[-1]) + 12 * HOUR)
    assert float(live.popularity()[3]) == pytest.approx(1 / 40)  # the usual number is 2 / 5 %


def test_an_unknown_time_is_the_end_of_the_log():
    events = log()
    trend, live = made(events), LiveTrend(made(events))
    end = torch.tensor([trend.latest], dtype=torch.float64)
    unknown = torch.tensor([NAN], dtype=torch.float64)
    torch.testing.assert_close(trend.bonus(unknown), trend.bonus(end))
    live.add(1, trend.latest + HOUR)
    torch.testing.assert_close(live.bonus(unknown), live.bonus(end + HOUR))
    with pytest.raises(ValueError, match="needs the time of each request; got NaN"):
        TrendHistory(trend, events).bonus(unknown)
    with pytest.raises(ValueError, match="needs the time of each request; got NaN"):
        TrendHistory(trend, events).popularity(NAN)


@pytest.mark.parametrize("half_life", [HOUR, math.inf])
def test_what_is_written_is_read_again(half_life):
    trend = made(log(), half_life=half_life)
    text, data = json.dumps(trend.to_dict(), allow_nan=False), save(trend.tensors())
    again = Trend.from_dict(json.loads(text), load(data))
    assert (again.half_life, again.weights) == (half_life, ALL)
    at = times(3, 20)
    torch.testing.assert_close(again.bonus(at), trend.bonus(at), rtol=0, atol=0)
    missing = {name: part for name, part in trend.tensors().items() if name != "time"}
    with pytest.raises(ValueError, match=r"got none of \['time'\]"):
        Trend.from_dict(trend.to_dict(), missing)


def test_new_items_have_no_events_and_leave_the_others_alone():
    trend, at = made(log()), times(9, 11)
    new = np.array([START + 8 * HOUR, NAN])
    more = trend.with_items(new)
    live = LiveTrend(trend)
    live.add_items(new)
    assert more.catalog_size == V + 2
    torch.testing.assert_close(more.bonus(at)[:, : V + 1], trend.bonus(at))
    torch.testing.assert_close(live.bonus(at), more.bonus(at))
    ages = np.interp(np.log([HOUR, 3 * HOUR]), np.log(AGE_KNOTS), AGE_TABLE[:-1])
    np.testing.assert_allclose(more.bonus(at)[:, V + 1], ages, atol=1e-5)
    assert more.bonus(at)[:, V + 2].tolist() == [-2.0, -2.0]
    live.add(V + 2, START + 9.5 * HOUR)
    assert live.bonus(at)[1, V + 2] > more.bonus(at)[1, V + 2]
    assert trend.catalog_size == V


def test_a_run_of_an_earlier_version_keeps_the_date_of_an_item_that_loses_it():
    trend, at = made(log()), times(9)
    old = {name: part for name, part in trend.tensors().items() if name != "first"}
    before = Trend.from_dict(trend.to_dict(), old)
    after = before.with_dates(np.array([1]), np.array([NAN]))
    torch.testing.assert_close(after.bonus(at), before.bonus(at), rtol=0, atol=0)


def test_a_live_trend_takes_dates_from_snapshots_in_any_order():
    trend, at = made(log()), times(9)
    later = trend.with_dates(np.array([1]), np.array([START + 8 * HOUR]))
    live = LiveTrend(trend)
    for one in (later, trend, later.with_items(np.array([START])), later):
        live.follow(one)
        torch.testing.assert_close(live.bonus(at)[:, : V + 1], one.bonus(at)[:, : V + 1])


def test_live_changes_leave_the_trend_alone():
    trend = made(log())
    before = trend.bonus(times(10))
    LiveTrend(trend).add(1, START + 9 * HOUR)
    torch.testing.assert_close(trend.bonus(times(10)), before)


def test_errors(unchecked):
    trend = made(log())
    with pytest.raises(ValueError, match="pseudo_count must be above 0; got 0"):
        replace(trend, pseudo_count=0.0)
    with pytest.raises(ValueError, match="half_life must be positive"):
        replace(trend, half_life=0.0)
    with pytest.raises(ValueError, match="must have the same length; got"):
        replace(trend, value=np.zeros(2))
    with pytest.raises(ValueError, match="of the 5 items of the catalogue; got index 6"):
        trend.with_events(ItemEvents(np.array([6]), np.array([START])))
    with pytest.raises(ValueError, match="item must be from 1 to 5; got 6"):
        LiveTrend(trend).add(6, START)
