import numpy as np
import polars as pl
import pytest
import torch

from mmrec import Recommender
from mmrec.realtime import snapshot_store
from mmrec.realtime.apply import CatalogEdit, moved
from mmrec.realtime.log.item_changes import ItemChange
from mmrec.realtime.log.memory_log import MemoryLog
from mmrec.realtime.log.sqlite_log import SqliteLog
from mmrec.realtime.recommender import RealtimeRecommender
from mmrec.recommender.content import TextModality


@pytest.fixture(scope="module")
def shop(fit, chain):
    """A recommender by id, text and image whose items have a stock and a price."""
    _, items = chain()
    more = {"stock": [5] * len(items["item_id"]), "price": [9.5] * len(items["item_id"])}
    return fit(modalities=("id", "text", "image"), catalog=items | more)


@pytest.fixture
def encoded(monkeypatch):
    """The number of items in each pass of the text encoder."""
    passes, source_of = [], TextModality.source_of

    def counted(self, items, *rest):
        passes.append(len(items))
        return source_of(self, items, *rest)

    monkeypatch.setattr(TextModality, "source_of", counted)
    return passes


def scores(live):
    items = live.catalog.ids[:3]
    return {x.item: x.score for x in live.recommend(history=items, k=50, exclude_seen=False)}


def test_a_column_that_no_modality_reads_changes_no_score(shop, encoded):
    live = RealtimeRecommender(shop)
    before, vectors = scores(live), live.snapshots.now.vectors
    for item in live.catalog.ids:
        live.update_items({"item_id": [item], "stock": [0], "price": [12]})
    assert scores(live) == before
    assert live.snapshots.now.vectors is vectors
    assert encoded == []
    assert live.recommend(history=["i0"], where={"stock": 5}) == []
    live.update_items({"item_id": ["i3"], "stock": [4]})
    assert [x.item for x in live.recommend(history=["i0"], where={"stock": 4})] == ["i3"]
    assert [x.item for x in live.recommend(history=["i0"], where=pl.col("stock") > 0)] == ["i3"]


def test_other_content_is_encoded_and_the_id_stays(shop, encoded):
    live = RealtimeRecommender(shop)
    before = live.snapshots.now.vectors
    live.update_items({"item_id": ["i2"], "title": ["blue hat"]})
    after = live.snapshots.now
    assert encoded == [1]
    assert not torch.allclose(after.vectors[3], before[3], atol=1e-4)
    assert after.vectors[torch.arange(13) != 3].equal(before[torch.arange(13) != 3])
    state = after.state
    row = state.catalog.take(np.array([3]))
    assert torch.equal(after.vectors[3:4], state.encode(row, slots=state.slots[3:4])[0])
    assert not torch.allclose(after.vectors[3:4], state.encode(row)[0], atol=1e-4)
    live.update_items({"item_id": ["i2"], "title": [shop.catalog.row("i2")["title"]]})
    assert torch.allclose(live.snapshots.now.vectors[3], before[3], atol=1e-5)
    live.update_items({"item_id": ["i2"], "title": [shop.catalog.row("i2")["title"]]})
    assert encoded[2:] == [1, 1]  # two of this test; equal content is not encoded again


def test_changes_that_come_together_are_encoded_in_one_pass(shop, encoded):
    log = MemoryLog()
    one = RealtimeRecommender(shop, log=log)
    other = RealtimeRecommender(shop, log=log)
    for n in range(6):
        one.update_items({"item_id": [f"i{n}"], "title": ["blue hat"], "stock": [n]})
    one.add_items({"item_id": ["x"], "title": ["red lamp"]})
    one.remove_items(["i1"])
    encoded.clear()
    other.refresh()
    assert encoded == [7]
    mine, theirs = one.snapshots.now, other.snapshots.now
    assert theirs.vectors.allclose(mine.vectors, atol=1e-5)
    assert theirs.available.equal(mine.available)
    assert theirs.catalog.frame.equals(mine.catalog.frame)


def test_what_is_saved_is_not_encoded_again(shop, encoded, tmp_path):
    live = RealtimeRecommender(shop)
    live.add_items({"item_id": ["x"], "title": ["red lamp"]})
    live.update_items({"item_id": ["x", "i1"], "title": ["warm scarf", "soft hat"]})
    live.remove_items(["i4"])
    live.save(tmp_path / "run")
    encoded.clear()
    again = RealtimeRecommender.load(tmp_path / "run", log=live.log)
    assert encoded == []
    assert scores(again) == scores(live)


def test_a_log_is_compacted_by_itself(shop, tmp_path, monkeypatch):
    monkeypatch.setattr(snapshot_store, "COMPACT_EVERY", 20)
    log = SqliteLog(tmp_path / "events.db")
    live = RealtimeRecommender(shop, log=log)
    follower = RealtimeRecommender(shop, log=log)
    for n in range(50):
        live.update_items({"item_id": [f"i{n % 12}"], "stock": [n]})
        if n == 25:
            follower.refresh()
    assert len(log.item_changes()) <= 21
    fresh = RealtimeRecommender(shop, log=log)
    follower.refresh()
    for other in (follower, fresh):
        assert other.catalog.frame.equals(live.catalog.frame)
        assert not other.snapshots.behind
    assert fresh.compact() > 0
    assert live.compact() >= 0
    assert scores(fresh) == scores(live)
    log.close()


def test_a_full_disk_delays_the_compaction(shop, monkeypatch, caplog):
    monkeypatch.setattr(snapshot_store, "COMPACT_EVERY", 2)
    live = RealtimeRecommender(shop)

    def full():
        raise OSError("the disk is full")

    monkeypatch.setattr(live.log, "compact_items", full)
    for n in range(3):
        live.update_items({"item_id": ["i1"], "stock": [n]})
    assert live.catalog.row("i1")["stock"] == 2
    assert "compacted later: the disk is full" in caplog.text


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("price", "cheap", r"price must be a number \(Float64\) as in the catalogue; got 'cheap'"),
        ("stock", 2.5, r"stock must be a whole number \(Int64\) as in the catalogue; got 2.5"),
        ("stock", True, r"stock must be a whole number \(Int64\) as in the catalogue; got True"),
        ("title", ["a"], r"title must be text \(String\) as in the catalogue; got \['a'\]"),
    ],
)
def test_a_column_keeps_its_type(shop, column, value, message):
    live = RealtimeRecommender(shop)
    before = live.catalog.frame
    with pytest.raises(ValueError, match=message):
        live.update_items({"item_id": ["i1"], column: [value]})
    with pytest.raises(ValueError, match=message):
        live.add_items({"item_id": ["x"], column: [value]})
    assert live.catalog.frame is before
    assert live.log.last_change == 0
    live.update_items({"item_id": ["i1"], "price": ["12.5"], "stock": [3.0]})
    assert (live.catalog.row("i1")["price"], live.catalog.row("i1")["stock"]) == (12.5, 3)
    assert live.catalog.frame.schema == before.schema


def test_removed_items_come_back_and_events_on_them_count(shop):
    live = RealtimeRecommender(shop)
    before = scores(live)
    live.remove_items(["i1", "i2"])
    assert set(before) - set(scores(live)) == {"i1", "i2"}
    live.observe("ann", "i1")
    assert [event.item for event in live.history("ann")] == ["i1"]
    live.update_items({"item_id": ["i1"], "stock": [0]})
    assert "i1" not in scores(live)
    live.restore_items(["i1", "i2", "i3"])
    assert scores(live) == before
    with pytest.raises(ValueError, match="restore_items expects a list of item ids"):
        live.restore_items("i1")
    with pytest.raises(ValueError, match="not in the catalogue"):
        live.restore_items(["nothing"])


def test_what_another_run_cannot_read_is_skipped_by_column(shop, caplog):
    log = MemoryLog()
    rows = pl.DataFrame({"item_id": ["i1"], "stock": [7], "price": ["cheap"], "color": ["red"]})
    log.change_items(ItemChange("update", rows, {}))
    log.change_items(ItemChange("restore", pl.DataFrame({"item_id": [5]}), {}))
    live = RealtimeRecommender(shop, log=log)
    assert live.catalog.row("i1")["stock"] == 7
    assert live.catalog.row("i1")["price"] == 9.5
    for part in ("price must be a number (Float64)", "['color']", "restore of 1 item is skipped"):
        assert part in caplog.text


def test_features_that_were_given_count_until_the_content_changes(shop, encoded):
    text = np.ones((1, 32), dtype=np.float32)
    edit = CatalogEdit(shop.state)
    rows = pl.DataFrame({"item_id": ["i1"], "title": ["blue hat"]})
    edit.apply(ItemChange("update", rows, {"text": text}))
    given, _ = edit.encode(shop.state.encode)
    assert (encoded, edit.stale.tolist()) == ([], [2])
    edit.apply(ItemChange("update", rows, {}))
    made, _ = edit.encode(shop.state.encode)
    assert encoded == [1]
    assert not torch.allclose(made, given, atol=1e-4)
    with pytest.raises(ValueError, match="features of text must be"):
        edit.apply(ItemChange("update", rows, {"text": text[:, :3]}))


def test_directions_follow_the_content(shop, add_affinities, encoded):
    made = add_affinities(shop, {"text": 5, "image": 3}, (1.0, 1.0))
    live = RealtimeRecommender(made)
    before, scored = live.snapshots.now.vectors, scores(live)
    encoded.clear()
    live.update_items({"item_id": ["i2"], "stock": [0]})
    assert live.snapshots.now.vectors is before
    title = shop.catalog.row("i7")["title"]
    live.update_items({"item_id": ["i2"], "title": [title]})
    now = live.snapshots.now.vectors
    assert torch.allclose(now[3, 16:21], now[8, 16:21], atol=1e-5)  # the text of i7
    assert torch.equal(now[3, 21:], before[3, 21:])  # its own image
    live.add_items({"item_id": ["new"], "title": [title]})
    new = live.snapshots.now.vectors[-1]
    assert torch.allclose(new[16:21], now[8, 16:21], atol=1e-5)
    assert not new[21:].any()  # no image
    assert encoded == [1, 1]
    found = scores(live)
    assert found["i2"] != scored["i2"]
    lines = Recommender(live.to_state()).recommend(["i7"], k=50)
    assert {line.item for line in lines} == set(live.catalog.ids) - {"i7"}
    again = scores(RealtimeRecommender(Recommender(live.to_state())))
    assert again == pytest.approx(found, abs=1e-5)
    live.remove_items(["new"])
    assert "new" not in scores(live)


def test_moved_vectors_keep_what_they_have_learned():
    before, after = torch.randn(2, 3), torch.randn(2, 3)
    learned = before + torch.tensor([[0.0], [1.0]])
    found = moved(learned, before, after)
    assert torch.equal(found[0], after[0])
    assert torch.allclose(found[1], after[1] + 1.0, atol=1e-5)
