"""Events that are later than the clock are stored, and said."""

import logging
import time

import polars as pl

from mmrec import Recommender
from mmrec.realtime import RealtimeRecommender
from mmrec.realtime.clock import AHEAD, ahead_of_clock, created_ahead
from mmrec.recommender import Options


def test_within_what_clocks_differ_by_nothing_is_said():
    assert ahead_of_clock([None, 0.0, 100.0, 100.0 + AHEAD], 100.0) is None


def test_how_many_and_how_far():
    said = ahead_of_clock([100.0, 100.0 + 86_400 * 3, 100.0 + 7200], 100.0)
    assert said.startswith("2 events are later than this machine's clock, by up to 3 days")


def test_a_live_event_of_the_future_is_stored_with_a_note_and_warned_of_once(caplog):
    events = {"user_id": [*"uuuuvvvv"], "item_id": [*"abcabcab"], "position": range(8)}
    options = Options(modalities=("id",), split="leave-one-out", epochs=1, dim=4)
    live = RealtimeRecommender(Recommender.fit(events, {"item_id": [*"abc"]}, options=options))
    caplog.clear()
    late = time.time() + 7 * 86_400
    with caplog.at_level(logging.WARNING):
        assert live.observe_with_note("ann", "a", time=time.time()).note is None
        one = live.observe_with_note("ann", "b", time=late)
        checked = live.read([{"user": "bob", "item": "a", "time": late}])
        many = live.append(checked)
    assert one.note.startswith("1 event is later")
    assert "7 days" in one.note
    assert many.note == one.note
    assert [event.item for event in live.history("ann")] == ["a", "b"]
    assert sum("later than" in record.message for record in caplog.records) == 1


def test_items_of_the_future_are_said():
    now = 1.7e9
    times = [now - 5, now + AHEAD, now + 3 * 86_400, None]
    rows = pl.DataFrame({"item_id": [*"abcd"], "created_at": times})
    said = created_ahead(rows, now)
    assert said == (
        "1 of 4 items has a created_at later than this machine's clock, by up to 3 days: "
        "until then, conditions such as age(created_at) < 2d let it through"
    )
    assert created_ahead(rows[:2], now) is None
    assert created_ahead(rows.drop("created_at"), now) is None
    assert created_ahead(pl.DataFrame({"item_id": ["a"], "created_at": ["soon"]}), now) is None


def test_a_live_item_of_the_future_has_a_note():
    events = {"user_id": [*"uuuuvvvv"], "item_id": [*"abcabcab"], "position": range(8)}
    items = {"item_id": [*"abc"], "created_at": ["2020-01-01"] * 3}
    options = Options(modalities=("id",), split="leave-one-out", epochs=1, dim=4)
    live = RealtimeRecommender(Recommender.fit(events, items, options=options))
    added = live.add_items({"item_id": ["d", "e"], "created_at": ["2199-01-01", "2020-01-01"]})
    young = live.catalog.where("age(created_at) < 2d")[live.catalog.indices_of(added)]
    assert young.tolist() == [True, False]
    assert "1 of 2 items has a created_at later than" in live.without_content(added)
    assert live.without_content(added[1:]) is None
