from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

from mmrec.affinities import Unseen
from mmrec.affinities import learned as learned_model
from mmrec.realtime.learning.trainer import OnlineTrainer
from mmrec.realtime.learning.versions import Versions
from mmrec.realtime.log.events import NewEvent
from mmrec.realtime.log.memory_log import MemoryLog
from mmrec.realtime.log.sqlite_log import SqliteLog
from mmrec.realtime.recommender import RealtimeRecommender
from mmrec.recommender import Recommender
from mmrec.trends import TrendWeights
from mmrec.trends.age import AGE_VALUES

SMALL = {"batch_size": 8, "replay": 50, "replay_batch": 4, "negatives": 12}


def walk(log, items, users=6, steps=10, start=0, **event):
    """Write events in which an item is followed by the one before it."""
    for step in range(steps):
        for user in range(users):
            item = items[(3 * user - step) % len(items)]
            log.append(f"u{user}", item, time=float(start + step), **event)


def run(trainer):
    while trainer.run_once():
        pass
    return trainer


@pytest.fixture(params=["plain", "affinities"])
def content(request, by_content, add_affinities):
    """Recommenders of items with content, without and with affinities; don't change them."""
    if request.param == "plain":
        return by_content
    return add_affinities(by_content, {"text": 4, "image": 2}, (1.0, 0.5))


def directions(made, vectors):
    """The columns beside those that are learned."""
    return vectors[:, learned_model(made.model).items.dim :]


@pytest.fixture
def versions(tmp_path):
    return Versions(tmp_path / "versions")


def test_learns_the_log_and_is_served(by_id, versions):
    log = MemoryLog()
    live = RealtimeRecommender(by_id, log=log)
    walk(log, by_id.catalog.ids)
    before = live.recommend("u1")
    trainer = run(OnlineTrainer(by_id, log, versions, publish_every=10**6, tolerance=1.0, **SMALL))
    assert trainer.offset == 60
    assert trainer.metrics()["events"] == 60
    assert trainer.publish()
    live.follow(versions)
    assert live.version.endswith("-000000000060")
    assert live.recommend("u1") != before
    versions.rollback(None)
    live.follow(versions)
    assert live.recommend("u1") == before


def test_a_restart_neither_skips_nor_repeats(by_id, tmp_path):
    log = MemoryLog()
    walk(log, by_id.catalog.ids)
    whole = run(OnlineTrainer(by_id, log, Versions(tmp_path / "a"), **SMALL))
    first = OnlineTrainer(by_id, log, Versions(tmp_path / "b"), **SMALL)
    for _ in range(3):
        first.run_once()
    first.publish()
    first.run_once()  # learned, but not in the checkpoint: learned again
    second = OnlineTrainer(by_id, log, Versions(tmp_path / "b"), **SMALL)
    assert second.offset == 24
    run(second)
    assert second.learner.updates == whole.learner.updates
    assert torch.equal(second.learner.vectors, whole.learner.vectors)
    assert second.metrics() == whole.metrics()


def test_a_version_that_was_lost_is_published_again(by_id, versions, monkeypatch):
    log = MemoryLog()
    walk(log, by_id.catalog.ids)
    options = SMALL | {"publish_every": 50, "tolerance": 1.0}

    def full(_):
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(versions, "publish", full)
        with pytest.raises(OSError, match="no space"):
            run(OnlineTrainer(by_id, log, versions, **options))  # its checkpoint is there
    again = OnlineTrainer(by_id, log, versions, **options)
    assert (again.offset, versions.names()) == (56, [])
    run(again)
    assert versions.current() == "000000000056"
    last = run(OnlineTrainer(by_id, log, versions, **options))
    assert last.publish()  # the events after it
    assert not last.publish()
    assert versions.names() == ["000000000056", "000000000060"]


def test_a_restart_after_items_have_changed(content, tmp_path):
    log, versions = MemoryLog(), Versions(tmp_path)
    live = RealtimeRecommender(content, log=log)
    walk(log, live.catalog.ids, steps=3)
    run(OnlineTrainer(content, log, versions, **SMALL)).publish()
    live.add_items(pl.DataFrame({"item_id": ["new"], "title": ["red lamp"]}))
    live.update_items(pl.DataFrame([{"item_id": live.catalog.ids[0], "title": "soft hat"}]))
    live.observe("u1", "new")
    second = run(OnlineTrainer(content, log, versions, **SMALL))
    assert second.offset == 19
    assert second.changes == 2
    assert len(second.learner.vectors) == len(live.catalog) + 1
    moved, start = second.learner.vectors[1], live.snapshots.now.content[1]
    assert (moved - start).norm() < (moved - content.vectors[1]).norm()
    beside = directions(content, live.snapshots.now.vectors)
    assert torch.equal(directions(content, second.learner.vectors), beside)


def test_the_checkpoint_is_of_one_run(by_id, by_content, versions):
    log = MemoryLog()
    walk(log, by_id.catalog.ids, steps=2)
    run(OnlineTrainer(by_id, log, versions, **SMALL)).publish()
    with pytest.raises(ValueError, match="another RUN"):
        OnlineTrainer(by_content, log, versions, **SMALL)


def test_a_worse_model_is_held_back(by_id, versions, caplog):
    log = MemoryLog()
    walk(log, by_id.catalog.ids, steps=4)
    trainer = run(OnlineTrainer(by_id, log, versions, **SMALL))
    trainer.running.gains["frozen"].extend([1.0] * 100)
    assert not trainer.publish()
    assert versions.current() is None
    assert "offset 24 is not published: the NDCG@10 of the last 24 events, 0." in caplog.text
    assert "is below that without learning, 0." in caplog.text


@pytest.mark.parametrize("first", ["cart", "view"])
def test_a_small_first_batch_does_not_stop_versions(fit, versions, first):
    made = fit(log={"users": 60, "items": 30}, epochs=1, targets=("cart",), negative=("view",))
    log, items = MemoryLog(), made.catalog.ids
    trainer = OnlineTrainer(made, log, versions, publish_every=10**6, tolerance=1.0, **SMALL)
    log.append("u1", items[0], event_type="cart", time=0.0)
    log.append("u1", items[1], event_type=first, time=1.0)
    run(trainer).publish()
    assert trainer.learner.monitor.events == (first == "cart")  # a view is no target
    assert trainer.learner.monitor.reference is None
    walk(log, items, start=10, steps=40, event_type="cart")
    run(trainer)
    assert trainer.learner.healthy
    assert trainer.publish()
    assert trainer.learner.monitor.reference == trainer.learner.monitor.mean


def test_the_reason_not_to_publish_is_said(by_id, versions, caplog):
    log = MemoryLog()
    walk(log, by_id.catalog.ids, steps=4)
    trainer = run(OnlineTrainer(by_id, log, versions, tolerance=1.0, **SMALL))
    monitor = trainer.learner.monitor
    monitor.reference = monitor.mean / 2
    assert not trainer.publish()
    assert "is not published: the mean of the loss, " in caplog.text


def test_terms_that_the_metrics_lack_are_named(by_id, versions):
    def left_out(weights, neighbours=()):
        trend = replace(by_id.state.trend, weights=weights)
        made = Recommender(replace(by_id.state, trend=trend, neighbours=neighbours))
        return OnlineTrainer(made, MemoryLog(), versions, **SMALL).left_out

    age = (0.5,) + (0.0,) * (AGE_VALUES - 1)
    assert left_out(TrendWeights()) == []
    assert left_out(TrendWeights(now=0.5, static=0.5, age=age)) == []
    unseen = Unseen(by_id.state.counts.float())
    counted = (unseen, replace(unseen, weight=0.0))
    assert left_out(TrendWeights(), counted) == ["counted affinities"]
    assert left_out(TrendWeights(), counted[1:]) == []


def test_new_items_and_unknown_ones(content, versions):
    log = MemoryLog()
    live = RealtimeRecommender(content, log=log)
    live.add_items(pl.DataFrame({"item_id": ["new"], "title": ["red lamp"]}))
    for user in "abc":
        live.observe(user, live.catalog.ids[0])
        live.observe(user, "new")
    log.append("a", "elsewhere")
    trainer = run(OnlineTrainer(content, log, versions, tolerance=1.0, **SMALL))
    assert trainer.offset == 7
    assert len(trainer.learner.vectors) == len(live.catalog) + 1
    assert trainer.publish()
    live.follow(versions)
    assert torch.equal(live.snapshots.now.vectors, trainer.learner.vectors)
    old = live.catalog.ids[2]
    live.update_items(pl.DataFrame([{"item_id": old, "title": "soft hat"}]))
    live.publish(versions.read(versions.current()))
    now, index = live.snapshots.now, live.catalog.find(old)
    learned = trainer.learner.vectors[index] - content.vectors[index]
    assert learned.abs().max() > 0.01
    assert torch.allclose(now.vectors[index], now.content[index] + learned, atol=1e-5)
    assert not torch.equal(now.content[index], content.vectors[index])
    trainer.learner.offset = 6  # the learner takes the change over with its next events
    trainer.run_once()
    table = trainer.learner.vectors[index] - trainer.state.vectors[index]
    assert torch.allclose(table, learned, atol=0.2)
    beside = directions(content, trainer.state.vectors)
    assert torch.equal(directions(content, trainer.learner.vectors), beside)


def test_a_forgotten_user_leaves_replay_and_files(by_id, tmp_path):
    log = SqliteLog(tmp_path / "events.db")
    versions = Versions(tmp_path / "versions")
    items = by_id.catalog.ids
    for n in range(10):
        log.append("secret-person", items[n], time=float(n))
        log.append("other", items[n], time=float(n))
    trainer = run(OnlineTrainer(by_id, log, versions, **SMALL))
    key = log.key_at(1)
    kept = trainer.learner.reservoir
    assert key in kept.user[: kept.count].tolist()
    log.forget("secret-person")
    trainer.publish()
    assert key not in kept.user[: kept.count].tolist()
    log.close()
    needles = (b"secret-person", np.int64(key).tobytes())
    for path in tmp_path.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not any(needle in data for needle in needles), path


def test_the_examples_of_merged_users_leave_replay(by_id, tmp_path):
    log, items = MemoryLog(), by_id.catalog.ids
    for n in range(10):
        for user in ("visitor", "ann", "other"):
            log.append(user, items[n], time=float(n))
    trainer = run(OnlineTrainer(by_id, log, Versions(tmp_path / "versions"), **SMALL))
    keys, kept = (
        [log.key_of(user) for user in ("visitor", "ann", "other")],
        trainer.learner.reservoir,
    )
    assert {*keys} <= {*kept.user[: kept.count].tolist()}
    log.merge_users("visitor", "ann")
    trainer.publish()
    assert {*kept.user[: kept.count].tolist()} == {keys[2]}
    assert trainer.run_once() == 0  # no event is learned again


def imported_and_observed(items):
    """A log whose first and third parts were imported; no event repeats the one before."""
    log = MemoryLog()
    past = [NewEvent(f"u{n % 6}", items[(n + 2) % 7], time=float(n)) for n in range(40)]
    log.import_many(past[:25])
    walk(log, items, steps=4, start=100)
    log.import_many(past[25:])
    log.append("u1", items[3], time=500.0)
    return log


def test_imported_events_are_history_and_not_learned(by_id, versions):
    log = imported_and_observed(by_id.catalog.ids)
    trainer = OnlineTrainer(by_id, log, versions, tolerance=1.0, **SMALL)
    learned = []
    update = trainer.learner.update

    def note(observed, offset):
        learned.append((observed, offset))
        update(observed, offset=offset)

    trainer.learner.update = note
    run(trainer)
    assert trainer.offset == log.last_offset == 65
    assert sum(len(observed) for observed, _ in learned) == trainer.metrics()["events"] == 25
    first = learned[0][0]
    assert first.histories.lengths.min() >= 4  # the imported events of their users
    assert trainer.publish()


def test_imported_events_are_learned_if_wanted(by_id, versions):
    log = imported_and_observed(by_id.catalog.ids)
    trainer = run(OnlineTrainer(by_id, log, versions, imported=True, **SMALL))
    assert (trainer.offset, trainer.metrics()["events"]) == (65, 65)


def test_an_import_alone_makes_no_version(by_id, versions):
    log = MemoryLog()
    log.import_many([NewEvent("ann", by_id.catalog.ids[n % 9], time=float(n)) for n in range(200)])
    options = SMALL | {"publish_every": 50}
    for _ in range(2):  # and none after a restart
        trainer = run(OnlineTrainer(by_id, log, versions, **options))
        assert trainer.offset == 200
        assert not trainer.publish()
    assert versions.names() == []
    walk(log, by_id.catalog.ids, steps=1)
    trainer = run(OnlineTrainer(by_id, log, versions, tolerance=1.0, **options))
    assert (trainer.offset, trainer.metrics()["events"]) == (206, 6)
    assert trainer.publish()


def test_repeats_are_left_out_as_in_training(by_id, tmp_path):
    once, often = MemoryLog(), MemoryLog()
    for log, times in ((once, 1), (often, 4)):
        for step in range(12):
            for user in range(3):
                item = by_id.catalog.ids[(3 * user + step) % len(by_id.catalog)]
                for _ in range(times):
                    log.append(f"u{user}", item, time=float(step))
    trainers = [
        run(OnlineTrainer(by_id, log, Versions(tmp_path / name), publish_every=10**6, **SMALL))
        for name, log in (("once", once), ("often", often))
    ]
    assert [trainer.metrics()["events"] for trainer in trainers] == [36, 36]
    assert trainers[1].offset == 144
