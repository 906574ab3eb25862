"""Values that can't be are stored, and said."""

from dataclasses import replace

import polars as pl
import pytest

from mmrec import Options, Recommender
from mmrec.data import Catalog
from mmrec.realtime import RealtimeRecommender
from mmrec.realtime.odd_values import below_zero, early_times


@pytest.fixture(scope="module")
def made():
    """A recommender of items with a price and a stock, of events with a watch time."""
    events = {
        "user_id": [*"uuuuvvvv"],
        "item_id": [*"abcabcab"],
        "timestamp": [9e8 + n for n in range(8)],
        "watch_seconds": [5.0, 30.0] * 4,
    }
    rules = {"negative": ("watch_seconds < 2",)}
    options = Options(modalities=("id",), split="leave-one-out", epochs=1, dim=4, **rules)
    recommender = Recommender.fit(events, {"item_id": [*"abc"]}, options=options)
    columns = {"price": [1.0, 2.0, 3.0], "stock": [1, 2, 3]}
    frame = recommender.catalog.frame.with_columns(**{n: pl.Series(v) for n, v in columns.items()})
    return Recommender(replace(recommender.state, catalog=Catalog(frame)))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([{}, {"dwell_s": 3}, {"watch_time": None}, {"sentiment": -1}, {"watched": "x"}], None),
        ([{"watch_seconds": "soon", "title": -5}, {"rating": -1}, None], None),
        ([{"dwell_s": -3}], "1 value of dwell_s is below 0; rules of events read it as it is"),
        (
            [{"dwell_s": "-0.5", "listen_time": -1}, {"dwell_s": -2}],
            "2 values of dwell_s and 1 value of listen_time are below 0; rules of events read them "
            "as they are",
        ),
    ],
)
def test_durations_below_zero_are_counted_by_column(values, said):
    assert below_zero(values) == said


def test_early_events():
    assert early_times([None, 9e8]) is None
    assert early_times([1.0, 2.0]) == "2 events came before 1980; times are unix seconds"


def test_a_live_event_that_can_not_be_has_a_note(made):
    live = RealtimeRecommender(made)
    watched = {"watch_seconds": -5}
    note = live.observe_with_note("ann", "a", time=1.0, values=watched).note
    assert note == (
        "1 event came before 1980; times are unix seconds; 1 value of watch_seconds is below 0; "
        "rules of events read it as it is"
    )
    assert live.append(live.read([{"user": "bob", "item": "a", "time": 1, "values": watched}])).note
    assert live.observe_with_note("ann", "b", time=1e9, values={"watch_seconds": 5}).note is None


def test_an_item_whose_price_is_below_zero_has_a_note(made):
    live = RealtimeRecommender(made)
    live.update_items({"item_id": ["a", "b"], "price": [-4.0, 0.0]})
    said = "1 value of price is below 0, the first is -4"
    assert live.without_content(["a", "b"]) == said
    assert live.without_content(["b", "c"]) is None


@pytest.mark.parametrize("where", ["stock > 0", {"stock": 3}])
def test_an_item_that_the_rule_of_the_server_leaves_out_has_a_note(made, where):
    live = RealtimeRecommender(made, where=where)
    added = live.add_items({"item_id": ["d"], "price": [5.0]}, features={})
    rule = f" {where}" if where == "stock > 0" else ""
    said = f"does not satisfy the server's rule{rule}: no list has it"
    assert live.without_content(added) == f"1 of 1 item {said}"
    live.update_items({"item_id": ["d"], "stock": [3]})
    assert live.without_content(["d"]) is None
