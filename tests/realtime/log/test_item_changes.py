import numpy as np
import polars as pl
import pytest

from mmrec.realtime.log.item_changes import ItemChange
from mmrec.realtime.log.memory_log import MemoryLog
from mmrec.realtime.log.sqlite_log import SqliteLog
from mmrec.realtime.recommender import RealtimeRecommender


@pytest.mark.parametrize("ids", [["a", "007"], [7, 8]])
def test_packed_and_unpacked(ids):
    rows = pl.DataFrame({"item_id": ids, "price": [1.5, None]})
    features = {"text": np.ones((2, 3), dtype=np.float32)}
    found = ItemChange.unpack("add", ItemChange("add", rows, features).pack())
    assert found.rows.equals(rows)
    assert np.array_equal(found.features["text"], features["text"])


@pytest.fixture(params=["memory", "sqlite"])
def log(request, tmp_path):
    log = MemoryLog() if request.param == "memory" else SqliteLog(tmp_path / "events.db")
    yield log
    log.close()


def lamp(name):
    return pl.DataFrame({"item_id": [name], "title": ["red lamp"]})


def test_changes_survive_a_restart(by_content, log):
    live = RealtimeRecommender(by_content, log=log)
    old = live.catalog.ids
    live.add_items(lamp("x"))
    live.update_items(pl.DataFrame({"item_id": [old[0]], "title": ["soft hat"]}))
    live.remove_items([old[1], "x"])
    again = RealtimeRecommender(by_content, log=log)
    mine, theirs = live.snapshots.now, again.snapshots.now
    assert again.catalog.frame.equals(live.catalog.frame)
    assert theirs.vectors.allclose(mine.vectors, atol=1e-6)
    assert theirs.available.equal(mine.available)
    assert len(theirs.index) == len(mine.index) == len(old) - 1


def test_processes_apply_all_changes_in_one_order(by_content, log):
    one, other = (RealtimeRecommender(by_content, log=log) for _ in range(2))
    one.add_items(lamp("x"))
    other.add_items(lamp("y"))  # takes over x first
    one.refresh()
    assert one.catalog.ids[-2:] == other.catalog.ids[-2:] == ["x", "y"]
    other.observe("ann", "x")
    assert [event.item for event in one.history("ann")] == ["x"]


def test_an_item_that_two_processes_add_at_once(by_content, log):
    live = RealtimeRecommender(by_content, log=log)
    log.change_items(ItemChange("add", lamp("x"), {}))
    log.change_items(ItemChange("add", pl.concat([lamp("x"), lamp("y")]), {}))
    live.refresh()
    assert live.catalog.ids[-2:] == ["x", "y"]
    assert len(live.snapshots.now.index) == len(live.catalog)


def test_a_change_that_cannot_be_applied_is_passed_over(by_content, log, caplog):
    log.change_items(ItemChange("update", lamp("nothing"), {}))
    log.change_items(ItemChange("add", lamp("x"), {}))
    live = RealtimeRecommender(by_content, log=log)
    assert live.catalog.ids[-1] == "x"
    assert "update of 1 item is skipped, first ['nothing']: an item id is not in" in caplog.text


def test_a_refused_change_is_not_written(by_content, log):
    live = RealtimeRecommender(by_content, log=log)
    for change in (
        lambda: live.add_items(lamp(live.catalog.ids[0])),
        lambda: live.add_items(lamp("x"), features={"text": np.ones((1, 3))}),
        lambda: live.update_items(lamp("nothing")),
        lambda: live.remove_items(["nothing"]),
    ):
        with pytest.raises(ValueError, match=r"item|features"):
            change()
    assert log.last_change == 0
