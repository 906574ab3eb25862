from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from mmrec import Options, Recommender
from mmrec.data import Catalog
from mmrec.realtime import MemoryLog, RealtimeRecommender, SqliteLog
from mmrec.realtime.learning.trainer import OnlineTrainer
from mmrec.realtime.learning.versions import Versions
from mmrec.realtime.left_out import LeftOut, without_unreadable
from mmrec.realtime.log.item_changes import ItemChange
from mmrec.trends import CreatedTimes

ITEMS = [f"i{n}" for n in range(10)]
CREATED = ["2026-11-30T20:44:19Z"] * 8 + ["", None]


@pytest.fixture(scope="module")
def made():
    rng = np.random.default_rng(0)
    events = {
        "user_id": [f"u{n % 50}" for n in range(800)],
        "item_id": [ITEMS[n] for n in rng.integers(10, size=800)],
        "timestamp": np.sort(rng.uniform(1.797e9, 1.798e9, 800)),
    }
    options = Options(modalities=("id",), split="time", dim=4, epochs=1)
    items = {"item_id": ITEMS, "created_at": CREATED, "stock": list(range(10))}
    found = Recommender.fit(events, items, options=options)
    assert found.state.trend is not None
    return found


def added(name, created):
    return pl.DataFrame({"item_id": [name], "created_at": [created]})


def test_a_date_stands_beside_times(made, tmp_path):
    log = SqliteLog(tmp_path / "events.db")
    live = RealtimeRecommender(made, log=log)
    assert live.add_items({"item_id": ["x"], "created_at": ["2026-12-01"]}) == ["x"]
    assert live.update_items({"item_id": ["i1"], "created_at": ["2020-01-01"]}) == ["i1"]
    assert live.add_items({"item_id": ["y"], "created_at": ["2026-12-01T10:00:00Z"]}) == ["y"]
    log.close()
    log = SqliteLog(tmp_path / "events.db")
    again = RealtimeRecommender(made, log=log)
    assert again.catalog.ids[-2:] == ["x", "y"]
    created = again.snapshots.now.state.trend.created
    assert created[-2:].tolist() == [1_796_083_200.0, 1_796_083_200.0 + 36_000]
    log.close()


@pytest.mark.parametrize("wrong", ["2026-13-01", "1796083200", "2026-12-01T10:00:00", "-5"])
def test_what_the_catalogue_cannot_hold_is_refused_before_the_log_is_written(made, wrong):
    log = MemoryLog()
    live = RealtimeRecommender(made, log=log)
    for change in (
        lambda: live.add_items({"item_id": ["x"], "created_at": [wrong]}),
        lambda: live.update_items({"item_id": ["i1"], "created_at": [wrong]}),
    ):
        with pytest.raises(ValueError, match=f"items: created_at must be .*{wrong}"):
            change()
    assert log.last_change == 0
    assert live.add_items({"item_id": ["x"], "created_at": [None]}) == ["x"]


@pytest.mark.parametrize(("held", "wrong"), [(1.7e9, 1.7e12), (1.7e12, 1.7e9)])
def test_another_unit_is_refused_also_without_a_trend(made, held, wrong):
    frame = made.catalog.frame.with_columns(created_at=pl.lit(held))
    for trend in (made.state.trend, None):
        state = replace(made.state, catalog=Catalog(frame), trend=trend)
        log = MemoryLog()
        live = RealtimeRecommender(Recommender(state), log=log)
        with pytest.raises(ValueError, match="created_at must be a time as in the catalogue"):
            live.update_items({"item_id": ["i1"], "created_at": [wrong]})
        live.update_items({"item_id": ["i1"], "created_at": [held + 1]})
        assert log.last_change == 1


@pytest.mark.parametrize("compact", [False, True])
def test_a_log_that_holds_what_cannot_be_read_is_served_without_it(made, caplog, compact):
    log = MemoryLog()
    log.change_items(ItemChange("add", added("x", "2026-13-01"), {}))
    both = pl.DataFrame({"item_id": ["i1", "i2"], "created_at": ["soon", "2026-12-01"]})
    log.change_items(ItemChange("update", both.with_columns(stock=pl.lit(7)), {}))
    log.change_items(ItemChange("add", added("y", "2026-12-01T00:00:00Z"), {}))
    if compact:
        log.compact_items()
    live = RealtimeRecommender(made, log=log)
    errors = [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]
    for name, time in (("x", "2026-13-01"), ("i1", "soon")):
        said = f"created_at of 1 item is left out, first ['{name}']: items: created_at must be a "
        such = f"time as in the catalogue, such as {CREATED[0]!r}; got {time!r}"
        assert said + such in errors
    assert len(errors) == 2
    times = [live.catalog.row(item)["created_at"] for item in ("x", "i1", "i2", "y")]
    assert times == [None, CREATED[1], "2026-12-01", "2026-12-01T00:00:00Z"]
    assert live.catalog.row("i1")["stock"] == 7
    # A repair works, also after a restart.
    live.update_items({"item_id": ["x", "i1"], "created_at": ["2026-12-01"] * 2})
    again = RealtimeRecommender(made, log=log)
    assert [again.catalog.row(item)["created_at"] for item in ("x", "i1")] == ["2026-12-01"] * 2


def test_a_learner_starts_with_such_a_log(made, tmp_path):
    log = MemoryLog()
    log.change_items(ItemChange("add", added("x", "2026-13-01"), {}))
    log.append("ann", "x", time=1.8e9)
    learner = {"batch_size": 8, "replay": 50, "replay_batch": 4, "negatives": 5}
    trainer = OnlineTrainer(made, log, Versions(tmp_path / "versions"), **learner)
    while trainer.run_once():
        pass
    assert (trainer.offset, trainer.catalog.ids[-1]) == (1, "x")


def test_a_catalogue_without_times_takes_the_first(caplog):
    for items in ({"item_id": ["a"]}, {"item_id": ["a"], "created_at": [None]}):
        times = CreatedTimes(Catalog(items))
        times.check(added("b", "2026-12-01"))
        times.check(added("b", 5.0))
        with pytest.raises(
            ValueError, match="must be times in one form, such as 2024-05-01; got '5'"
        ):
            times.check(pl.concat([added("b", "2026-12-01"), added("c", "5")]))
        times.take(added("b", "2026-12-01"))
        change = ItemChange("add", added("c", "1796083200"), {})
        assert without_unreadable(change, times).rows["created_at"].to_list() == [None]
    assert "created_at of 1 item is left out, first ['c']" in caplog.text


@pytest.mark.parametrize("compact", [False, True])
def test_texts_of_an_old_log_leave_a_column_of_numbers_one(made, caplog, compact):
    frame = made.catalog.frame.with_columns(price=pl.lit("9.50"), colour=pl.lit("red"))
    served = Recommender(replace(made.state, catalog=Catalog(frame)))
    log = MemoryLog()
    bad = pl.DataFrame({"item_id": ["i1", "i2"], "price": ["cheap", "3.00"], "stock": [7, 8]})
    log.change_items(ItemChange("update", bad, {}))
    for name, price in (("x", "cheap"), ("y", "4"), ("z", "dear")):
        log.change_items(ItemChange("add", pl.DataFrame({"item_id": [name], "price": [price]}), {}))
    other = pl.DataFrame({"item_id": ["i3"], "colour": ["7"]})
    log.change_items(ItemChange("update", other, {}))
    if compact:
        log.compact_items()
    live = RealtimeRecommender(served, log=log)
    said = [r.getMessage() for r in caplog.records if "is left out" in r.getMessage()]
    [warning] = said
    assert warning.startswith("price of 3 items is left out, first [")
    assert "items: price must be a number as in the catalogue; got " in warning
    rows = {item: live.catalog.row(item) for item in ("i1", "i2", "i3", "x", "y", "z")}
    assert [row["price"] for row in rows.values()] == ["9.50", "3.00", "9.50", None, "4", None]
    assert [rows["i1"]["stock"], rows["i2"]["stock"], rows["i3"]["colour"]] == [7, 8, "7"]
    found = live.recommend(history=["i5"], where="price < 5", k=2)
    assert {line.item for line in found} == {"i2", "y"}


def test_an_old_update_keeps_its_features_beside_a_text_that_is_left_out():
    rows = pl.DataFrame({"item_id": ["a", "b"], "price": ["cheap", "3"], "colour": ["red", "blue"]})
    features = {"image": np.ones((2, 3), dtype=np.float32)}
    catalog = Catalog({"item_id": ["a", "b"], "price": ["1", "2"], "colour": ["red", "red"]})
    price, colour, last = LeftOut().without(ItemChange("update", rows, features), catalog)
    assert price.rows.rows() == [("b", "3")]
    assert colour.rows.rows() == [("a", "red"), ("b", "blue")]
    assert (last.rows.columns, len(last.features["image"])) == (["item_id"], 2)
