import polars as pl
import pytest
import torch

from mmrec.realtime.index.exact import ExactIndex
from mmrec.realtime.learning.versions import Version, Versions
from mmrec.realtime.log.item_changes import ItemChange
from mmrec.realtime.log.memory_log import MemoryLog
from mmrec.realtime.snapshot_store import SnapshotStore


@pytest.fixture
def store(by_content):
    return SnapshotStore(by_content.state, MemoryLog(), ExactIndex)


def lamp(name):
    return pl.DataFrame({"item_id": [name], "title": ["red lamp"]})


def learned(store, name="1", base=None, changes=0):
    """A version in which every vector has moved."""
    now = store.now
    return Version(
        name=name,
        base=now.version if base is None else base,
        offset=1,
        changes=changes,
        metrics={},
        weights=dict(now.model.state_dict()),
        vectors=now.vectors + 1.0,
        content=now.content,
        counts=now.counts + 1.0,
    )


def test_a_reader_keeps_what_it_took(store):
    before = store.now
    size = len(before.vectors)
    assert store.change(ItemChange("add", lamp("x"), {})) == ["x"]
    assert (len(before.vectors), len(store.now.vectors)) == (size, size + 1)
    assert "x" in store.now.catalog
    assert "x" not in before.catalog


def test_a_version_is_served_and_the_run_again(store):
    run, version = store.now, learned(store)
    store.publish(version)
    assert store.now.version == f"{run.version}-1"
    assert torch.equal(store.now.vectors, version.vectors)
    assert torch.equal(store.now.content, run.content)
    store.publish(None)
    assert store.now.version == run.version
    assert torch.equal(store.now.vectors, run.vectors)
    assert torch.equal(store.now.counts, run.counts)


def test_a_version_of_another_model_is_refused(store):
    before = store.now
    with pytest.raises(ValueError, match="version 1 was learned from the RUN another; this is"):
        store.publish(learned(store, base="another"))
    assert store.now is before


def test_a_version_moves_with_the_content_of_items_since_then(store, by_content):
    version, before = learned(store), store.now
    first = by_content.catalog.ids[0]
    store.change(ItemChange("add", lamp("x"), {}))
    store.change(ItemChange("update", pl.DataFrame({"item_id": [first], "title": ["hat"]}), {}))
    store.publish(version)
    now = store.now
    assert torch.equal(now.vectors[now.catalog.find("x")], now.content[now.catalog.find("x")])
    assert not torch.equal(now.content[1], before.content[1])
    assert torch.allclose(now.vectors[1], now.content[1] + 1.0, atol=1e-5)
    assert torch.equal(now.vectors[2], version.vectors[2])
    assert now.counts[now.catalog.find("x")] == 0
    keys, _ = now.index.search(now.vectors[-1:], len(now.index))
    assert set(keys[0].tolist()) == set(range(1, len(now.vectors)))


def test_following_is_idle_where_nothing_happened(store, tmp_path):
    versions = Versions(tmp_path)
    store.follow(versions)
    versions.publish(learned(store))
    store.follow(versions)
    served = store.now
    store.follow(versions)
    assert store.now is served
    versions.rollback(None)
    store.follow(versions)
    assert store.now.version == served.version.removesuffix("-1")


def test_what_is_served_can_be_served_again(store, by_content):
    store.change(ItemChange("add", lamp("x"), {}))
    store.change(ItemChange("remove", pl.DataFrame({"item_id": [by_content.catalog.ids[0]]}), {}))
    store.publish(learned(store, changes=2))
    again = SnapshotStore(store.to_state(), MemoryLog(), ExactIndex)
    assert torch.equal(again.now.vectors, store.now.vectors)
    assert torch.equal(again.now.available, store.now.available)
    assert again.now.catalog.ids == store.now.catalog.ids


def test_an_item_that_two_processes_change_at_once(by_content, monkeypatch):
    log = MemoryLog()
    one, other = (SnapshotStore(by_content.state, log, ExactIndex) for _ in range(2))
    item, write = by_content.catalog.ids[2], log.change_items
    image = by_content.catalog.row(by_content.catalog.ids[7])["image"]

    def after_the_other(change):
        monkeypatch.setattr(log, "change_items", write)
        title = pl.DataFrame({"item_id": [item], "title": ["soft scarf"]})
        other.change(ItemChange("update", title, {}))
        return write(change)

    monkeypatch.setattr(log, "change_items", after_the_other)
    one.change(ItemChange("update", pl.DataFrame({"item_id": [item], "image": [image]}), {}))
    other.refresh()
    fresh = SnapshotStore(by_content.state, log, ExactIndex)
    for process in (one, other):
        assert torch.allclose(process.now.vectors, fresh.now.vectors, atol=1e-6)
