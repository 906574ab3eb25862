import random
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl
import pytest
import torch

from mmrec.realtime.index.exact import ExactIndex
from mmrec.realtime.log.events import Event
from mmrec.realtime.recommender import RealtimeRecommender
from mmrec.realtime.sessions import MemorySessions
from mmrec.recommender.content.pretrained import PretrainedModality


@pytest.fixture
def live(by_id):
    return RealtimeRecommender(by_id)


@pytest.fixture
def content(by_content):
    return RealtimeRecommender(by_content)


def ids(lines):
    return [line.item for line in lines]


def observe_all(live, user, items, start=0.0):
    for number, item in enumerate(items):
        live.observe(user, item, time=start + 60.0 * number)


def test_each_event_moves_the_list(live):
    first = live.recommend("ann", k=3)
    assert {line.reason for line in first} == {"popularity"}
    observe_all(live, "ann", live.catalog.ids[3:6])
    after = live.recommend("ann", k=3)
    assert {line.reason for line in after} == {"interest"}
    assert live.catalog.ids[6] in ids(after)  # what follows in the chain
    observe_all(live, "ann", live.catalog.ids[10:13], start=1000.0)
    assert live.catalog.ids[13] in ids(live.recommend("ann", k=3))


def test_a_history_is_served_as_the_recommender_does(live, by_id):
    history = by_id.catalog.ids[2:7]
    mine, theirs = live.recommend(history=history), by_id.recommend(history)
    assert ids(mine) == ids(theirs)
    assert np.allclose([x.score for x in mine], [x.score for x in theirs], atol=1e-5)
    assert ids(live.recommend(history=[])) == ids(by_id.recommend([]))


def test_an_mlp_ranks_the_short_list(fit):
    made = fit(reranker="mlp", log={"users": 30, "items": 30})
    live = RealtimeRecommender(made)
    history = made.catalog.ids[2:7]
    assert ids(live.recommend(history=history)) == ids(made.recommend(history))


def test_seen_items_and_conditions(live):
    items = live.catalog.ids
    observe_all(live, "ann", items[3:6])
    assert not set(items[3:6]) & set(ids(live.recommend("ann", k=len(items))))
    assert set(items[3:6]) < set(ids(live.recommend("ann", k=len(items), exclude_seen=False)))
    some = pl.col("item_id").is_in(items[20:24])
    assert set(ids(live.recommend("ann", k=10, where=some))) == set(items[20:24])
    assert set(ids(live.recommend("bob", k=10, where=some))) == set(items[20:24])
    for who in ({"user": "ann"}, {"user": "bob"}, {"history": items[3:6]}):
        left = ids(live.recommend(**who, k=10, where=some, exclude=items[21:23]))
        assert set(left) == {items[20], items[23]}
        every = ids(live.recommend(**who, k=len(items)))
        left = ids(live.recommend(**who, k=np.int64(len(items)), exclude=every[:2]))
        assert set(left) == set(every[2:])
    with pytest.raises(ValueError, match="not in the catalogue"):
        live.recommend("ann", exclude=["none"])


def test_wrong_calls_change_nothing(live):
    with pytest.raises(ValueError, match="not in the catalogue"):
        live.observe("ann", "nothing")
    with pytest.raises(ValueError, match="user: expected a text"):
        live.observe("", live.catalog.ids[0])
    with pytest.raises(ValueError, match="finite"):
        live.observe("ann", live.catalog.ids[0], time=float("nan"))
    with pytest.raises(ValueError, match="k must be 1 or more"):
        live.recommend("ann", k=0)
    with pytest.raises(ValueError, match="both or neither"):
        live.recommend()
    with pytest.raises(ValueError, match="both or neither"):
        live.recommend("ann", history=[])
    assert live.log.last_offset == 0
    assert len(live.sessions) == 0


def test_the_same_event_twice_is_one(live):
    item = live.catalog.ids[0]
    assert live.observe("ann", item, id="e1") == live.observe("ann", item, id="e1") == 1
    assert [event.item for event in live.history("ann")] == [item]


def test_lost_sessions_come_back_from_the_log(by_id):
    items = random.Random(0).choices(by_id.catalog.ids, k=40)
    kept = RealtimeRecommender(by_id)
    observe_all(kept, "ann", items)
    forgetful = RealtimeRecommender(by_id, log=kept.log, sessions=MemorySessions(capacity=1))
    mine, theirs = forgetful.recommend("ann"), kept.recommend("ann")
    assert mine == theirs
    state, again = kept.sessions.get("ann"), forgetful.sessions.get("ann")
    assert torch.equal(state.state[0], again.state[0])


def test_two_recommenders_on_one_log_agree(by_id):
    one = RealtimeRecommender(by_id)
    other = RealtimeRecommender(by_id, log=one.log)
    items = by_id.catalog.ids
    for n in range(6):
        (one, other)[n % 2].observe("ann", items[n], time=10.0 * n)
    assert one.recommend("ann") == other.recommend("ann")


def test_forget(live):
    observe_all(live, "ann", live.catalog.ids[:3])
    assert live.forget("ann") == 3
    assert live.history("ann") == []
    assert live.recommend("ann")[0].reason == "popularity"
    assert live.forget("ann") == 0
    assert len(live.sessions) == 0


def test_a_merged_user_is_served_as_one_with_all_events(by_id):
    items = by_id.catalog.ids
    one = RealtimeRecommender(by_id)
    other = RealtimeRecommender(by_id, log=one.log)
    whole = RealtimeRecommender(by_id)
    for n in range(9):  # the visitor's last event is later than that of ann
        user = "visitor" if n % 2 == 0 else "ann"
        one.observe(user, items[n], time=10.0 * n)
        whole.observe("ann", items[n], time=10.0 * n)
        for live in (one, other):
            live.recommend(user)  # both have sessions of both
    assert one.merge_users("visitor", "ann") == 5
    for live in (one, other):
        assert [event.item for event in live.history("ann")] == items[:9]
        assert live.history("visitor") == []
        assert live.recommend("ann", at=200.0) == whole.recommend("ann", at=200.0)
        assert live.recommend("visitor")[0].reason == "popularity"
    assert other.merge_users("visitor", "ann") == 0
    one.observe("visitor", items[3])
    assert len(one.history("visitor")) == 1
    assert other.forget("ann") == 9
    assert one.recommend("ann")[0].reason == "popularity"


def test_a_session_that_was_read_during_a_merge_is_read_again(by_id, monkeypatch):
    one = RealtimeRecommender(by_id)
    observe_all(one, "ann", one.catalog.ids[:3])
    observe_all(one, "visitor", one.catalog.ids[3:6])
    before, of_user = one.recommend("ann", at=1e9), one.log.of_user

    def merging(user, **more):
        events = of_user(user, **more)
        one.log.merge_users("visitor", "ann")
        return events

    with monkeypatch.context() as patch:
        patch.setattr(one.log, "of_user", merging)
        one.sessions.delete("ann")
        one.recommend("ann", at=1e9)
    whole = RealtimeRecommender(by_id, log=one.log)
    assert one.recommend("ann", at=1e9) == whole.recommend("ann", at=1e9) != before


def test_what_another_process_forgot_is_not_served(by_id):
    one = RealtimeRecommender(by_id)
    other = RealtimeRecommender(by_id, log=one.log)
    observe_all(one, "ann", one.catalog.ids[:3])
    assert other.recommend("ann")[0].reason == "interest"
    one.forget("ann")
    assert other.recommend("ann")[0].reason == "popularity"
    assert other.sessions.get("ann") is None


def test_recommending_does_not_wait_for_writers(live, monkeypatch):
    observe_all(live, "ann", live.catalog.ids[3:6])
    append, forget = live.log.append, live.log.forget
    begun, ended = threading.Event(), threading.Event()

    def slowly(work):
        def slow(*args, **kwargs):
            begun.set()
            assert ended.wait(30)
            return work(*args, **kwargs)

        return slow

    monkeypatch.setattr(live.log, "append", slowly(append))
    monkeypatch.setattr(live.log, "forget", slowly(forget))
    for write in (lambda: live.observe("ann", live.catalog.ids[6]), lambda: live.forget("ann")):
        begun.clear()
        ended.clear()
        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(write)
            assert begun.wait(30)
            assert {line.reason for line in live.recommend("ann")} == {"interest"}
            assert not writing.done()
            ended.set()
            writing.result()
    assert {line.reason for line in live.recommend("ann")} == {"popularity"}


def test_recommending_does_not_wait_for_encoders(by_content, monkeypatch):
    one = RealtimeRecommender(by_content)
    other = RealtimeRecommender(by_content, log=one.log)
    first = one.catalog.ids[1]
    one.add_items({"item_id": ["new"], "title": ["red lamp"]})
    for item in (first, "new", first):
        one.observe("ann", item)

    def no_encoder(*_):
        raise OSError("no tokenizer")

    with monkeypatch.context() as patch:
        patch.setattr(other.snapshots, "_encode", no_encoder)
        other.recommend("ann")
        assert other.sessions.get("ann").offset == 1  # not beyond the item that is unknown yet
        offset = other.observe("bob", first)
        assert other.observe("ann", first) == offset + 1  # stored, and applied later
        with pytest.raises(OSError, match="no tokenizer"):
            other.observe("ann", "new")
        assert one.log.last_offset == offset + 1
    other.refresh()
    assert ids(other.recommend("ann")) == ids(one.recommend("ann"))


def test_a_stored_event_raises_no_error(by_id, monkeypatch, caplog):
    live = RealtimeRecommender(by_id)

    def unreadable(*_, **__):
        raise OSError("the log can't be read")

    with monkeypatch.context() as patch:
        patch.setattr(live.log, "of_user", unreadable)
        assert live.observe("ann", live.catalog.ids[3]) == 1
    assert "event 1 moves the interest at the next call" in caplog.text
    assert live.recommend("ann")[0].reason == "interest"


def test_what_another_process_forgets_meanwhile_is_not_put_back(by_id, monkeypatch):
    class Shared(MemorySessions):
        shared = True

    sessions = Shared()
    one = RealtimeRecommender(by_id, sessions=sessions)
    other = RealtimeRecommender(by_id, log=one.log, sessions=sessions)
    observe_all(one, "ann", one.catalog.ids[:5])
    sessions.delete("ann")  # so that it has to be computed again
    put = sessions.put

    def late(user, session):
        other.forget("ann")
        put(user, session)

    monkeypatch.setattr(sessions, "put", late)
    one.recommend("ann")
    assert sessions.get("ann") is None


def test_a_session_of_another_log_is_not_served(by_id):
    sessions, first = MemorySessions(), RealtimeRecommender(by_id)
    observe_all(first, "ann", first.catalog.ids[3:6])
    sessions.put("bob", first.sessions.get("ann"))  # as in a store that outlived its log
    second = RealtimeRecommender(by_id, sessions=sessions)
    observe_all(second, "ann", first.catalog.ids[10:13])  # the same offsets
    assert {line.reason for line in second.recommend("bob")} == {"popularity"}
    assert len(sessions) == 1


def test_a_new_item_is_recommended_by_its_content(content, images):
    old = content.catalog.row(content.catalog.ids[4])
    twin = {**old, "item_id": "new"}
    with pytest.raises(ValueError, match="are in the catalogue already"):
        content.add_items([old])
    assert content.add_items(pl.DataFrame([twin])) == ["new"]
    history = content.catalog.ids[:4]
    scores = {x.item: x.score for x in content.recommend(history=history, k=50)}
    assert scores["new"] == pytest.approx(scores[old["item_id"]], abs=1e-4)
    content.observe("ann", "new")
    assert content.recommend("ann")[0].reason == "interest"


def test_an_image_can_be_added_with_its_item(by_content, images, tmp_path):
    live = RealtimeRecommender(by_content)
    live.snapshots.now.catalog.images = tmp_path
    row = pl.DataFrame({"item_id": ["new"], "title": ["red lamp"]})
    live.add_items(row, images={"new": images[3].read_bytes()})
    path = live.catalog.image_path("new")
    assert path.read_bytes() == images[3].read_bytes()
    bare = pl.DataFrame({"item_id": ["bare"], "title": ["red lamp"]})
    live.add_items(bare)
    assert live.catalog.image_path("bare") is None
    vectors = live.snapshots.now.vectors
    assert not torch.allclose(vectors[-1], vectors[-2], atol=1e-3)


def test_changed_and_removed_items(content):
    items = content.catalog.ids
    before = content.snapshots.now.vectors.clone()
    other = content.catalog.row(items[7])
    content.update_items(
        pl.DataFrame([{"item_id": items[2], "title": other["title"], "image": other["image"]}])
    )
    after = content.snapshots.now.vectors
    assert content.catalog.row(items[2])["title"] == other["title"]
    assert not torch.allclose(after[3], before[3], atol=1e-3)
    assert torch.equal(after[4:], before[4:])
    content.remove_items([items[2], items[5]])
    found = ids(content.recommend(history=[items[0]], k=50))
    assert not {items[2], items[5]} & set(found)
    assert items[5] not in ids(content.recommend("nobody", k=50))
    content.observe("ann", items[5])  # a history may hold it
    content.remove_items([items[5]])
    content.update_items(pl.DataFrame([{"item_id": items[5], "title": "red hat"}]))
    assert items[5] not in ids(content.recommend(history=[items[0]], k=50))
    content.restore_items([items[5], items[6]])
    assert items[5] in ids(content.recommend(history=[items[0]], k=50))
    with pytest.raises(ValueError, match="not in the catalogue"):
        content.remove_items(["nothing"])
    with pytest.raises(ValueError, match=f"list of item ids; got the one id '{items[3]}'"):
        content.remove_items(items[3])
    with pytest.raises(ValueError, match="color"):
        content.update_items(pl.DataFrame([{"item_id": items[5], "color": "red"}]))


def test_saved_and_loaded(content, tmp_path):
    items = content.catalog.ids
    content.add_items(pl.DataFrame({"item_id": ["new"], "title": ["red lamp"]}))
    content.remove_items([items[2]])
    content.save(tmp_path / "run")
    loaded = RealtimeRecommender.load(tmp_path / "run")
    history = [items[0], "new"]
    mine, theirs = content.recommend(history=history, k=50), loaded.recommend(history=history, k=50)
    assert ids(mine) == ids(theirs)
    assert items[2] not in ids(theirs)
    again = RealtimeRecommender.load(tmp_path / "run", log=content.log)  # has the changes already
    assert ids(again.recommend(history=history, k=50)) == ids(mine)


def test_the_trained_recommender_is_not_changed(by_content):
    size, vectors = len(by_content.catalog), by_content.vectors.clone()
    live = RealtimeRecommender(by_content)
    live.add_items(pl.DataFrame({"item_id": ["new"], "title": ["red lamp"]}))
    live.update_items(pl.DataFrame([{"item_id": by_content.catalog.ids[0], "title": "x"}]))
    assert len(by_content.catalog) == size
    assert torch.equal(by_content.vectors, vectors)


def test_explain(content):
    items = content.catalog.ids
    nothing = content.explain("ann", items[0])
    shown = {x.item: x.score for x in content.recommend("ann", k=50)}
    assert nothing.score == pytest.approx(shown[items[0]])
    assert (nothing.terms, nothing.history, nothing.modalities) == ({}, [], {})
    assert nothing.rule == content.recommender.report["without_history"]
    observe_all(content, "ann", [items[1], items[2], items[3], items[1]])
    why = content.explain("ann", items[5])
    assert {item for item, _ in why.history} == {items[1], items[2], items[3]}
    contributions = [share for _, share in why.history]
    assert contributions == sorted(contributions, reverse=True)
    assert set(why.modalities) == {"text", "image"}
    assert why.rule is None
    line = {x.item: x.score for x in content.recommend("ann", k=50, exclude_seen=False)}
    assert why.score == pytest.approx(line[items[5]], abs=1e-4)


def test_events_of_items_that_are_unknown_here(by_id):
    live = RealtimeRecommender(by_id)
    live.log.append("ann", "elsewhere")
    assert live.recommend("ann")[0].reason == "popularity"
    live.observe("ann", live.catalog.ids[0])
    assert live.recommend("ann")[0].reason == "interest"
    assert isinstance(live.history("ann")[0], Event)


def test_readers_and_writers_at_once(by_content):
    live = RealtimeRecommender(by_content, index=ExactIndex)
    items, stop, problems = list(by_content.catalog.ids), threading.Event(), []

    def read(number):
        while not stop.is_set():
            try:
                live.observe(f"u{number}", random.choice(items))
                lines = live.recommend(f"u{number}", k=5, exclude_seen=False)
                assert len(lines) == 5
            except Exception as error:
                problems.append(error)
                return

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read, n) for n in range(3)]
        for n in range(12):
            live.add_items(pl.DataFrame({"item_id": [f"n{n}"], "title": ["red lamp"]}))
            live.remove_items([f"n{n}"])
        stop.set()
        for reader in readers:
            reader.result()
    assert problems == []
    for n in range(3):
        fresh = RealtimeRecommender(by_content, log=live.log)
        fresh.recommend(f"u{n}")
        mine, theirs = live.sessions.get(f"u{n}"), fresh.sessions.get(f"u{n}")
        assert mine.offset == theirs.offset
        assert torch.equal(mine.state[0], theirs.state[0])


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"log": "ev.db"}, r"log must be an EventLog such as SqliteLog\(path\); got str"),
        ({"sessions": "redis://x"}, "sessions must be a SessionStore; got str"),
        ({"index": "hnsw"}, "index must make an ItemIndex, as the class HnswIndex does; got str"),
    ],
)
def test_parts_of_the_wrong_type_are_refused(by_id, parts, message):
    with pytest.raises(ValueError, match=message):
        RealtimeRecommender(by_id, **parts)


def test_a_refused_change_leaves_no_file(by_content, images, tmp_path):
    live = RealtimeRecommender(by_content)
    live.snapshots.now.catalog.images = tmp_path
    there = pl.DataFrame({"item_id": [live.catalog.ids[0]], "title": ["red lamp"]})
    with pytest.raises(ValueError, match="in the catalogue already"):
        live.add_items(there, images={live.catalog.ids[0]: images[0].read_bytes()})
    assert list(tmp_path.iterdir()) == []


def test_similar_items_are_those_of_the_recommender(live, by_id, unchecked):
    for item in by_id.catalog.ids[:3]:
        for where in (None, {"kind": "odd"}):
            mine, theirs = (made.similar(item, 30, where=where) for made in (live, by_id))
            assert mine == theirs
            assert {line.reason for line in mine} == {"similarity"}
    with pytest.raises(ValueError, match="not in the catalogue"):
        live.similar("none")
    with pytest.raises(ValueError, match="item must be the id of one item; got"):
        live.similar(live.catalog.ids[:2])
    with pytest.raises(ValueError, match="k must be 1 or more"):
        live.similar(live.catalog.ids[0], 0)


def test_similar_items_follow_additions_changes_and_removals(content):
    one, two = content.catalog.ids[4], content.catalog.ids[9]
    content.add_items([content.catalog.row(one) | {"item_id": "new"}])
    first = content.similar(one, 1)[0]
    assert (first.item, first.score) == ("new", pytest.approx(1.0, abs=1e-3))
    assert ids(content.similar("new", 1)) == [one]
    content.update_items([content.catalog.row(two) | {"item_id": "new"}])
    assert ids(content.similar("new", 1)) == [two]
    content.remove_items(["new"])
    assert "new" not in ids(content.similar(two, 50))
    assert ids(content.similar("new", 1)) == [two]  # what stands in for an item that is sold out


def test_what_holds_for_every_list_holds_for_similar_items(by_id):
    live = RealtimeRecommender(by_id, where={"kind": "odd"}, at_most={"kind": 2})
    lines = live.similar("i3", 30)
    assert {live.catalog.row(line.item)["kind"] for line in lines} == {"odd"}
    assert lines == by_id.similar("i3", 30, where={"kind": "odd"})[:2]


def test_warming_up_loads_what_the_first_addition_would(by_content, monkeypatch):
    loaded, load = [], PretrainedModality.loaded

    def said(self):
        loaded.append(self.name)
        return load(self)

    monkeypatch.setattr(PretrainedModality, "loaded", said)
    live = RealtimeRecommender(by_content)
    before = live.snapshots.now
    live.warm_up()
    assert sorted(loaded) == ["image", "text"]
    assert live.snapshots.now is before


def test_a_model_of_ids_has_nothing_to_load(by_id, monkeypatch):
    live = RealtimeRecommender(by_id)
    monkeypatch.setattr("mmrec.recommender.artifact.state.encode_rows", None)
    live.warm_up()
