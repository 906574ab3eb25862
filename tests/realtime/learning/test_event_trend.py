import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

from mmrec.realtime import MemoryLog, RealtimeRecommender
from mmrec.realtime.learning.event_trend import EventTrend
from mmrec.realtime.learning.trainer import OnlineTrainer
from mmrec.realtime.learning.versions import Versions
from mmrec.recommender import Recommender
from mmrec.trends import ItemEvents, Trend, TrendWeights
from mmrec.trends.age import AGE_VALUES

WEIGHTS = TrendWeights(now=1.0, static=0.3, age=(0.5,) + (0.0,) * (AGE_VALUES - 1))
SMALL = {"batch_size": 8, "replay": 50, "replay_batch": 4, "negatives": 12, "tolerance": 1.0}


@pytest.fixture
def made(by_id):
    return Recommender(replace(by_id.state, trend=replace(by_id.state.trend, weights=WEIGHTS)))


def events_after(made, many, seed=0):
    """Items and times of events after those of the training."""
    rng = np.random.default_rng(seed)
    items = rng.choice(len(made.catalog), many) + 1
    return items, made.state.trend.latest + np.cumsum(rng.uniform(1, 900, many))


def test_the_bonus_is_what_a_server_adds_before_each_event(made):
    live, trend = RealtimeRecommender(made), EventTrend(made.state.trend)
    items, times = events_after(made, 20)
    served = []
    for number, (item, time) in enumerate(zip(items, times, strict=True)):
        served.append(live.trend.bonus(live.snapshots.now, time))
        live.observe(f"u{number}", made.catalog.ids[item - 1], time=time)
    every = torch.ones(20, dtype=torch.bool)
    found = trend.bonuses(torch.from_numpy(items), torch.from_numpy(times), every, every)
    torch.testing.assert_close(found, torch.stack(served))
    assert not torch.equal(found[0], found[-1])


def test_events_that_do_not_count_and_those_of_the_training_change_nothing(made):
    trend, latest = EventTrend(made.state.trend), made.state.trend.latest
    items, none, every = torch.tensor([3, 3]), torch.zeros(2).bool(), torch.ones(2).bool()
    times = torch.tensor([latest + 5, latest + 5], dtype=torch.float64)
    first = trend.bonuses(items, times, none, every)
    assert torch.equal(first[0], first[1])
    early = trend.bonuses(items, times - 1e4, every, none)
    assert early.shape == (0, len(made.catalog) + 1)
    assert torch.equal(trend.bonuses(items[:1], times[:1], none[:1], every[:1]), first[:1])


def test_an_event_of_the_future_counts_as_of_now(made, monkeypatch):
    trend, at = EventTrend(made.state.trend), made.state.trend.latest + 100.0
    monkeypatch.setattr("mmrec.realtime.learning.event_trend.clock.time", lambda: at)
    one, every = torch.tensor([3]), torch.ones(1).bool()
    trend.bonuses(one, torch.tensor([at + 1e9], dtype=torch.float64), every, every)
    now = trend.bonuses(one, torch.tensor([at + 60.0], dtype=torch.float64), every, every)
    same = EventTrend(made.state.trend)
    time = torch.tensor([at + 60.0], dtype=torch.float64)
    same.bonuses(one, time, every, every)
    assert torch.equal(now, same.bonuses(one, time, every, every))


def test_the_metrics_of_a_learner_are_those_of_what_is_served(made, tmp_path):
    log, live = MemoryLog(), RealtimeRecommender(made)
    trainer = OnlineTrainer(made, log, Versions(tmp_path / "versions"), **SMALL)
    expected = []
    for number, (item, time) in enumerate(zip(*events_after(made, 40), strict=True)):
        user, name = f"u{number % 10}", made.catalog.ids[item - 1]
        past = live.history(user)
        if not past:
            expected.append(None)  # who has no history gets another list
        elif past[-1].item != name:  # a repeat is not learned
            places = [line.item for line in live.recommend(user, k=10, at=time)]
            expected.append(1 / math.log2(2 + places.index(name)) if name in places else 0.0)
        for one in (log.append, live.observe):
            one(user, name, time=time)
    while trainer.run_once():
        pass
    pairs = list(zip(trainer.running.gains["frozen"], expected, strict=True))
    found, wanted = zip(*(pair for pair in pairs if pair[1] is not None), strict=True)
    assert found == pytest.approx(wanted, abs=1e-6)
    assert 0 < sum(found) < len(found)


def test_a_restart_goes_on_with_the_trend(made, tmp_path):
    log, versions = MemoryLog(), Versions(tmp_path / "versions")
    live = RealtimeRecommender(made, log=log)
    items, times = events_after(made, 30)
    for number, (item, time) in enumerate(zip(items[:20], times[:20], strict=True)):
        log.append(f"u{number % 5}", made.catalog.ids[item - 1], time=time)
    live.add_items(pl.DataFrame({"item_id": ["new"]}))
    log.append("u1", "new", time=times[20])
    whole = OnlineTrainer(made, log, versions, **SMALL)
    while whole.run_once():
        pass
    whole.publish()
    again = OnlineTrainer(made, log, versions, **SMALL)
    assert again.metrics() == whole.metrics()
    log.append("u2", "new", time=times[25])
    log.append("u3", made.catalog.ids[0], time=times[26])
    for trainer in (whole, again):
        while trainer.run_once():
            pass
    assert again.running.gains == whole.running.gains
    for name, value in whole.trend.tensors().items():
        torch.testing.assert_close(
            again.trend.tensors()[name], value, rtol=0, atol=0, equal_nan=True
        )


def test_metrics_of_a_checkpoint_without_the_trend_start_again(by_id, made, tmp_path):
    log, versions = MemoryLog(), Versions(tmp_path / "versions")
    items, times = events_after(made, 20)
    for number, (item, time) in enumerate(zip(items, times, strict=True)):
        log.append(f"u{number % 5}", made.catalog.ids[item - 1], time=time)
    old = OnlineTrainer(by_id, log, versions, **SMALL)
    old.trend = None  # as before
    while old.run_once():
        pass
    old.publish()
    assert old.metrics()["events"] > 0
    again = OnlineTrainer(made, log, versions, **SMALL)
    assert (again.offset, again.metrics()["events"]) == (old.offset, 0)


def test_dates_that_change_and_new_items_are_taken():
    events = ItemEvents(np.array([1, 2]), np.array([0.0, 10.0]))
    weights = TrendWeights(age=(*np.linspace(2.0, 0.0, 11), 5.0))
    trend = Trend.of(events, events.counts(2), half_life=9.0, pseudo_count=1.0, weights=weights)
    followed = EventTrend(trend)
    later = trend.with_items(np.array([20.0])).with_dates(np.array([1]), np.array([9000.0]))
    followed.follow(later)
    at, one = torch.tensor([1e5], dtype=torch.float64), torch.tensor([True])
    row = followed.bonuses(torch.tensor([1]), at, one, one)
    torch.testing.assert_close(row, later.bonus(at))
    assert not torch.equal(row[:, :3], trend.bonus(at))
