import math
import time
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

from mmrec import Options, Recommender
from mmrec.data import Catalog
from mmrec.realtime import MemoryLog, RealtimeRecommender, SqliteLog, import_history
from mmrec.trends import AGE_KNOTS, ItemEvents, LiveTrend, TrendWeights, created_times

ITEMS = [f"i{n}" for n in range(10)]


@pytest.fixture(scope="module")
def events():
    """Views in the order of time; the last user views one item again and again at the end."""
    rng = np.random.default_rng(0)
    count, again = 800, 40
    items = [ITEMS[n] for n in rng.integers(9, size=count)]
    times = np.sort(rng.uniform(0, 1e6, count))
    return {
        "user_id": [*(f"u{n % 50}" for n in range(count)), *["u49"] * again],
        "item_id": [*items, *items[-1:] * again],
        "timestamp": [*times, *(times[-1] + 1.0 + np.arange(again))],
        "event": ["view"] * (count + again),
    }


@pytest.fixture(scope="module")
def made(events):
    options = Options(modalities=("id",), split="time", dim=4, epochs=1)
    return Recommender.fit(events, {"item_id": ITEMS}, options=options)


def test_what_happens_now_is_popular_now(made):
    live = RealtimeRecommender(made)
    later = 2e6
    before = [line.item for line in live.recommend("stranger", k=3, at=later)]
    assert "i9" not in before
    for number in range(300):
        live.observe(f"reader{number}", "i9", "view", later)
    assert live.recommend("stranger", k=3, at=later + 1)[0].item == "i9"


def with_half_life(made, hours):
    trend = replace(made.state.trend, half_life=hours * 3600.0, pseudo_count=1.0)
    return Recommender(replace(made.state, trend=trend))


def test_a_quiet_night_does_not_bring_old_hits_back(made):
    """With a half-life of an hour, all recent events count nearly nothing after 12 hours."""
    live = RealtimeRecommender(with_half_life(made, 1.0))
    start = 2e6
    for number in range(300):
        live.observe(f"reader{number}", "i9", "view", start + number)

    def shown(at):
        return [(line.item, line.score) for line in live.recommend("stranger", k=5, at=at)]

    assert shown(start + 300)[0][0] == "i9"
    assert shown(start + 12 * 3600) == shown(start + 300)


def test_an_event_of_the_far_future_counts_as_of_when_it_came(made):
    now, shares = time.time(), []
    for at in (now, 4e9):
        live = RealtimeRecommender(with_half_life(made, 1.0))
        live.observe("ann", "i1", "view", now)
        live.observe("bob", "i9", "view", at)
        shares.append(live.trend.popularity(live.snapshots.now, now + 48 * 3600))
        assert now <= live.trend.trend(live.snapshots.now).latest < now + 60
        assert [event.time for event in live.history("bob")] == [at]
    assert np.allclose(*shares, rtol=0.01)


def test_an_event_of_the_far_future_does_not_stay_after_a_restart(made):
    log = MemoryLog()
    first = RealtimeRecommender(with_half_life(made, 1.0), log=log)
    first.observe("ann", "i1", "view", 2e6)
    first.observe("bob", "i9", "view", 4e9)
    again = RealtimeRecommender(with_half_life(made, 1.0), log=log)
    found = again.trend.trend(again.snapshots.now)
    assert found.latest == 2e6
    again.observe("eve", "i2", "view", 2e6 + 48 * 3600)
    share = again.trend.popularity(again.snapshots.now, 2e6 + 48 * 3600)
    assert float(share[10]) < float(share[3]) / 20


def test_it_counts_what_a_live_trend_counts(made):
    log = MemoryLog()
    live = RealtimeRecommender(made, log=log)
    expected = LiveTrend(made.state.trend)
    for number, (item, kind) in enumerate([("i1", "view"), ("i2", "hide"), ("i9", "view")]):
        live.observe("ann", item, kind, 1.1e6 + number)
        if kind != "hide":
            expected.add(made.catalog.find(item), 1.1e6 + number)
    # Events of the training that are imported into a log count once.
    live.observe("bob", "i3", "view", made.state.trend.latest)
    now = live.snapshots.now
    share = live.trend.popularity(now, 1.2e6)
    assert np.allclose(share, expected.popularity(1.2e6))
    assert share.sum() == pytest.approx(1.0, abs=1e-5)
    other = RealtimeRecommender(made, log=log)  # a process that starts later reads the log
    assert np.allclose(other.trend.popularity(now, 1.2e6), share)


def share_of_i9(live):
    """The share of an item that nobody views in the training, after the events of a log."""
    return float(live.trend.popularity(live.snapshots.now, 1.3e6)[10])


def test_repeats_count_once_as_in_training(made):
    once = RealtimeRecommender(made)
    once.observe("ann", "i9", "like", 1.2e6)
    log = MemoryLog()
    live = RealtimeRecommender(made, log=log)
    for _ in range(20):  # read one by one, and many at once
        live.observe("ann", "i9", "like", 1.2e6)
        share_of_i9(live)
    rows = {"user": ["ann"] * 40, "item": ["i9"] * 40, "event_type": ["like"] * 40}
    live.observe_many(rows | {"time": [1.2e6] * 40})
    assert share_of_i9(live) == share_of_i9(once)
    assert share_of_i9(RealtimeRecommender(made, log=log)) == share_of_i9(once)
    for user, kind in [("ann", "view"), ("bob", "view"), ("ann", "like")]:  # another type or user
        before = share_of_i9(live)
        live.observe(user, "i9", kind, 1.2e6)
        assert share_of_i9(live) > before
    before = share_of_i9(live)
    live.forget("ann")
    live.observe("ann", "i9", "like", 1.2e6)  # the first event of someone unknown
    assert share_of_i9(live) > before
    state = replace(made.state, options=made.options.replace(drop_repeats=False))
    keeping = RealtimeRecommender(Recommender(state))
    for _ in range(3):
        before = share_of_i9(keeping)
        keeping.observe("ann", "i9", "like", 1.2e6)
        assert share_of_i9(keeping) > before


def test_a_log_of_the_training_has_the_counts_of_the_run(made, events, tmp_path):
    made.save(tmp_path / "RUN")
    assert import_history(tmp_path / "RUN", events, tmp_path / "events.db").new == 840
    log = SqliteLog(tmp_path / "events.db")
    live = RealtimeRecommender.load(tmp_path / "RUN", log=log)
    found, trend = live.trend.trend(live.snapshots.now), made.state.trend
    assert found.latest == trend.latest < max(events["timestamp"])
    assert np.array_equal(found.value, trend.value)
    log.close()


def test_a_new_item_without_a_date_is_said(made):
    """If the items of the training have dates, and the age of an item may count."""
    dated = made.state.catalog.frame.with_columns(created_at=pl.lit(5.0))
    recommender = Recommender(replace(made.state, catalog=Catalog(dated)))
    live = RealtimeRecommender(recommender)
    new = {"item_id": ["new", "n2"], "created_at": [None, 7.0]}
    added = live.add_items(new, features={})
    said = (
        "1 of 2 items has no created_at: its age counts from when it was added; for conditions "
        "such as age(created_at) < 2d it is empty"
    )
    assert live.without_content(added) == said
    assert live.without_content(["n2"]) is None
    young = live.catalog.where("age(created_at) < 2d", at=8.0)
    assert young[live.catalog.indices_of(["new", "n2"])].tolist() == [False, True]
    bare = RealtimeRecommender(made)
    assert bare.without_content(bare.add_items({"item_id": ["new"]}, features={})) is None


def test_what_is_no_time_is_refused_before_it_is_stored(made):
    dated = made.state.catalog.frame.with_columns(created_at=pl.lit(5.0))
    live = RealtimeRecommender(Recommender(replace(made.state, catalog=Catalog(dated))))
    first, before = live.catalog.ids[0], live.catalog.frame
    for change in (
        lambda: live.update_items({"item_id": [first], "created_at": [-1.0]}),
        lambda: live.add_items({"item_id": ["new"], "created_at": [-1.0]}, features={}),
    ):
        with pytest.raises(ValueError, match="created_at"):
            change()
    assert live.catalog.frame.equals(before)


def test_new_items_are_counted_and_kept(made, tmp_path):
    live = RealtimeRecommender(made)
    live.add_items({"item_id": ["new"]}, features={})
    for number in range(50):
        live.observe(f"u{number}", "new", "view", 1.5e6)
    assert live.recommend("stranger", k=1, at=1.5e6)[0].item == "new"
    live.save(tmp_path / "RUN")
    again = Recommender.load(tmp_path / "RUN")
    assert again.recommend([], k=1, at=1.5e6)[0].item == "new"
    assert math.isclose(again.state.trend.latest, 1.5e6)


def test_events_on_items_of_another_process_are_counted_once_these_are_known(made):
    log = MemoryLog()
    first, second = (RealtimeRecommender(made, log=log) for _ in range(2))
    first.add_items({"item_id": ["new"]}, features={})
    for number in range(50):
        first.observe(f"u{number}", "new", "view", 1.5e6)
    assert second.recommend("stranger", k=1, at=1.5e6)[0].item != "new"
    second.refresh()
    expected = first.trend.popularity(first.snapshots.now, 1.5e6)
    assert np.allclose(second.trend.popularity(second.snapshots.now, 1.5e6), expected)
    assert second.recommend("stranger", k=1, at=1.5e6)[0].item == "new"


def test_popular_items_of_a_log_without_times_are_those_of_the_training():
    events = {"user_id": [*"uuuuvvvv"] * 3, "item_id": [*"abcabcab"] * 3, "position": range(24)}
    options = Options(modalities=("id",), split="leave-one-out", dim=4, epochs=1)
    made = Recommender.fit(events, {"item_id": [*"abc"]}, options=options)
    live = RealtimeRecommender(made)
    assert live.trend is None
    assert made.state.time_of(None) is None
    assert [line.reason for line in live.recommend("new", k=2)] == ["popularity"] * 2


def dated_by_age(made):
    """A model whose items have dates, and whose trend is a function of age alone."""
    columns = {"created_at": pl.Series([*[1e5] * 9, None])}
    catalog = Catalog(made.state.catalog.frame.with_columns(**columns))
    none = ItemEvents(np.zeros(0, dtype=int), np.zeros(0))
    trend = made.state.trend.with_dates(np.arange(1, 11), created_times(catalog.frame, none)[1:])
    trend = replace(trend, weights=TrendWeights(age=(*np.linspace(2.0, 0.0, 11), 5.0)))
    return Recommender(replace(made.state, catalog=catalog, trend=trend))


def age_terms(live, at=1.3e6):
    return live.trend.bonus(live.snapshots.now, at)[1:]


@pytest.mark.parametrize("item", ["i1", "new"])
def test_the_age_in_scores_follows_the_date_of_an_item_at_once_and_after_a_restart(
    made, tmp_path, item
):
    log, base = MemoryLog(), dated_by_age(made)
    live = RealtimeRecommender(base, log=log)
    other = RealtimeRecommender(base, log=log)
    live.add_items({"item_id": ["new"], "created_at": [2e5]}, features={})
    live.observe("ann", "i2", "view", 1.25e6)
    index = live.catalog.find(item)
    before = age_terms(live)
    live.update_items({"item_id": [item], "created_at": [1.2e6]})
    now = age_terms(live)
    assert now[index - 1] > before[index - 1]
    assert now[index - 1] == pytest.approx(expected_age_term(1e5), abs=1e-5)
    assert (now != before).sum() == 1
    other.refresh()
    live.save(tmp_path / "RUN")
    for same in (
        other,
        RealtimeRecommender(base, log=log),
        RealtimeRecommender.load(tmp_path / "RUN", log=log),
        RealtimeRecommender.load(tmp_path / "RUN"),
    ):
        torch.testing.assert_close(age_terms(same), now, rtol=0, atol=0)


def expected_age_term(age):
    return float(np.interp(np.log(age), np.log(AGE_KNOTS), np.linspace(2.0, 0.0, 11)))


def test_an_item_whose_date_was_taken_away_exists_from_its_first_event(made, events, tmp_path):
    log, base = MemoryLog(), dated_by_age(made)
    live = RealtimeRecommender(base, log=log)
    live.add_items({"item_id": ["new"], "created_at": [2e5]}, features={})
    live.update_items({"item_id": ["i1", "new"], "created_at": [None, None]})
    live.update_items({"item_id": ["i9"], "created_at": [3e5]})
    live.update_items({"item_id": ["i9"], "created_at": [None]})
    met = dict(zip(reversed(events["item_id"]), reversed(events["timestamp"]), strict=True))
    assert age_terms(live)[1] == pytest.approx(expected_age_term(1.3e6 - met["i1"]), abs=1e-5)
    assert age_terms(live)[9:].tolist() == [5.0, 5.0]  # no event: as new
    for at in (1.2e6, 1.25e6):
        for item in ("i9", "i1"):
            live.observe("ann", item, "view", at)
    live.save(tmp_path / "RUN")
    now = age_terms(live)
    assert now[1] == pytest.approx(expected_age_term(1.3e6 - met["i1"]), abs=1e-5)
    assert now[9] == pytest.approx(expected_age_term(1e5), abs=1e-5)
    again = RealtimeRecommender(base, log=log)
    torch.testing.assert_close(age_terms(again)[:10], now[:10], rtol=0, atol=0)
    saved = RealtimeRecommender.load(tmp_path / "RUN", log=log)
    torch.testing.assert_close(age_terms(saved)[:10], now[:10], rtol=0, atol=0)
