import numpy as np
import pytest
from fastapi.testclient import TestClient

from mmrec import Options, Recommender
from mmrec.realtime import HnswIndex, MemoryLog, RealtimeRecommender, SqliteLog, met_items
from mmrec.realtime.met_items import MetItems
from mmrec.recommender.batch import recommend_all
from mmrec.serving import create_app

ITEMS = [f"i{n}" for n in range(9)]
BARE = ["i8", "new"]
"""Items of which nothing is known: one of the training, and one that is added."""


def fitted(modalities, **more):
    rng = np.random.default_rng(0)
    events = {
        "user_id": [f"u{n % 200}" for n in range(800)],
        "item_id": [ITEMS[n] for n in rng.integers(7, size=800)],
        "timestamp": np.sort(rng.uniform(0, 1e6, 800)),
        "event": rng.choice(["view", "view", "hide"], 800),
    }
    looks = [*rng.normal(size=(8, 3)).tolist(), None]  # i7 has content and no event
    options = Options(modalities=modalities, dim=4, epochs=1, refit="none", **more)
    return Recommender.fit(events, {"item_id": ITEMS, "look": looks}, options=options)


@pytest.fixture(scope="module", params=[True, False])
def made(request):
    """Recommenders with and without a trend."""
    made = fitted("id,look=vectors:look", trend=request.param)
    assert (made.state.trend is not None) == request.param
    return made


def listed(live, **how):
    """Return the items of each kind of list."""
    ways = (
        live.recommend(history=["i1"], k=20, at=2e6, **how),
        live.recommend("nobody", k=20, at=2e6, **how),
        live.similar("i1", 20, **how),
    )
    return [{line.item for line in lines} for lines in ways]


def test_no_list_has_what_has_neither_content_nor_events(made, tmp_path):
    live = RealtimeRecommender(made)
    note = live.without_content(
        live.add_items({"item_id": ["new", "full"], "look": [None, [1.0] * 3]})
    )
    assert note is not None
    assert (
        "1 of 2 items has nothing that the model reads: no list has it before an event or content"
        in note
    )
    for items in listed(live):
        assert not items & {*BARE}
        assert {"i7", "full"} <= items  # one is enough
    assert listed(live, where="item_id = new") == [set()] * 3
    assert isinstance(live.explain("nobody", "new").score, float)  # it has a score
    live.save(tmp_path / "run")
    saved = Recommender.load(tmp_path / "run")
    for lines in (saved.recommend(["i1"], 20), saved.recommend([], 20), saved.similar("i1", 20)):
        assert not {line.item for line in lines} & {*BARE}
    every = recommend_all(saved, {"user_id": ["u"], "history": [["i1"]]}, 20)
    assert not {*every["item_id"]} & {*BARE}
    again = RealtimeRecommender(saved)
    assert again.available[1:].all()  # they are not removed


def test_an_event_or_content_is_enough(made, tmp_path):
    live = RealtimeRecommender(made, log=SqliteLog(tmp_path / "events.db"))
    live.add_items({"item_id": ["new"], "look": [None]})
    live.observe("eve", "new", "hide", 1.5e6)
    assert all(not items & {*BARE} for items in listed(live))  # a no says nothing of it
    live.observe("ann", "new", "view", 1.5e6)
    assert all(items & {*BARE} == {"new"} for items in listed(live))
    assert live.without_content(["new"]) == "1 of 1 item has no look"
    again = RealtimeRecommender(made, log=live.log)
    assert all(items & {*BARE} == {"new"} for items in listed(again))
    live.update_items({"item_id": ["i8"], "look": [[0.5, 1.0, 0.0]]})
    assert all({*BARE} <= items for items in listed(live))
    live.forget("ann")
    live.log.close()


@pytest.mark.parametrize("index", [None, HnswIndex])
def test_an_item_with_a_note_is_on_no_list_over_http(made, index):
    live = RealtimeRecommender(made, **({} if index is None else {"index": index}))
    client = TestClient(create_app(live), base_url="http://127.0.0.1")
    answer = client.post("/items", json={"items": [{"item_id": "new"}]})
    assert "nothing that the model reads" in answer.json()["note"]
    assert client.get("/health").json()["items"] == 10
    for path in ("/recommend?user=ann&k=20", "/similar?item=i1&k=20"):
        items = [line["item"] for line in client.get(path).json()["items"]]
        assert len(items) >= 7
        assert not {*items} & {*BARE}


def test_with_ids_alone_all_new_items_may_be_listed():
    live = RealtimeRecommender(fitted("id"))
    live.add_items({"item_id": ["new"]})
    assert {*BARE} <= listed(live)[0]


def test_a_reader_with_an_older_snapshot_takes_no_event_away(made, monkeypatch):
    live = RealtimeRecommender(made)
    before = live.snapshots.now
    live.add_items({"item_id": ["new"], "look": [None]})
    now = live.snapshots.now
    live.recommend("nobody")
    share = live.trend and float(live.trend.popularity(now)[-1])
    live.log.append("ann", "new", time=2e6)
    with monkeypatch.context() as patched:
        patched.setattr(type(live.snapshots), "now", property(lambda _: before))
        assert "new" not in {line.item for line in live.recommend("nobody", k=20)}
    assert "new" in listed(live)[0]
    if live.trend is not None:
        assert live.trend.popularity(now)[-1] > share


class Counted(MemoryLog):
    """A log that counts the events that were read."""

    taken = 0

    def read(self, after=0, limit=None):
        for event in super().read(after, limit):
            self.taken += 1
            yield event


def test_a_list_waits_for_a_piece_of_the_log_and_no_more(made, monkeypatch):
    monkeypatch.setattr(met_items, "PIECE", 10)
    live = RealtimeRecommender(made)
    log = Counted()
    live.add_items({"item_id": ["old", "late"], "look": [None, None]})
    now = live.snapshots.now
    log.append("ann", "old")
    for number in range(57):
        log.append(f"u{number % 9}", "i1")
    log.forget("u3")
    log.append("ann", "late")
    met, old, late = MetItems(log), now.catalog.find("old"), now.catalog.find("late")
    found = met.unknown(now)
    assert log.taken <= 11
    assert found[old], "it lies further back"
    assert not found[late], "the newest events are read first"
    for _ in range(5):
        log.append("bob", "i2")
        found = met.unknown(now)
    assert log.taken <= 66
    assert not (found := met.unknown(now, whole=True))[old]
    taken = log.taken
    assert found.sum() == 1  # i8
    assert taken <= 60 + 6 * 2
    met.unknown(now)
    assert log.taken == taken
    whole = MetItems(log).unknown(now, whole=True)
    assert whole.tolist() == found.tolist()


def test_a_warm_up_reads_the_log_and_warns_of_nothing(made, monkeypatch, caplog):
    monkeypatch.setattr(met_items, "PIECE", 10)
    live = RealtimeRecommender(made)
    live.observe("ann", "i8", time=1.5e6)
    for number in range(40):
        live.observe("bob", "i1", time=1.5e6 + number)
    caplog.clear()
    live.warm_up()
    assert not caplog.messages
    assert "i8" in listed(live)[0]


def test_a_warm_up_encodes_no_item_without_content(caplog):
    rng = np.random.default_rng(0)
    events = {
        "user_id": [f"u{n % 20}" for n in range(240)],
        "item_id": [ITEMS[n] for n in rng.integers(7, size=240)],
        "timestamp": np.sort(rng.uniform(0, 1e6, 240)),
    }
    items = {"item_id": ITEMS, "look": [None, *rng.normal(size=(8, 3)).tolist()]}
    options = Options(modalities="id,look=vectors:look", dim=4, epochs=1, refit="none", trend=False)
    live = RealtimeRecommender(Recommender.fit(events, items, options=options))
    caplog.clear()
    live.warm_up()
    assert not caplog.messages


def test_what_was_met_is_saved(made, tmp_path):
    live = RealtimeRecommender(made)
    live.add_items({"item_id": ["new", "other"], "look": [None, None]})
    live.observe("ann", "new", time=1.0)  # before the end of the training
    for number in range(2):
        live.save(tmp_path / f"run{number}")
        saved = Recommender.load(tmp_path / f"run{number}")
        assert "new" in {line.item for line in saved.recommend(["i1"], 20)}
        assert not {line.item for line in saved.recommend(["i1"], 20)} & {"i8", "other"}
        live = RealtimeRecommender(saved)
        assert all("new" in items for items in listed(live))
    assert saved.state.counts[saved.catalog.find("new")] == 0  # no event of the training


def test_nothing_is_like_an_item_of_which_nothing_is_known(made):
    live = RealtimeRecommender(made)
    client = TestClient(create_app(live), base_url="http://127.0.0.1")
    live.add_items({"item_id": ["new"], "look": [None]})
    assert live.similar("new") == made.similar("i8") == []
    answer = client.get("/similar?item=new").json()
    assert answer["items"] == []
    assert "1 of 1 item has nothing that the model reads" in answer["note"]
    assert client.get("/similar?item=i1").json()["note"] is None
    for similar in (
        lambda **how: live.similar("new", **how),
        lambda **how: made.similar("i8", **how),
    ):
        with pytest.raises(ValueError, match="colour"):
            similar(where="colour = red")
    assert client.get("/similar?item=new&where=colour=red").status_code == 400
    assert client.get("/similar?item=new&where=item_id=i1").json()["items"] == []
    live.observe("ann", "new", time=1.5e6)
    assert len(live.similar("new", 20)) == len(live.similar("i7", 20)) > 0


def test_what_is_stored_is_answered_where_the_log_cannot_be_read(made, monkeypatch, caplog):
    live = RealtimeRecommender(made)
    live.observe("ann", "i1")
    client = TestClient(create_app(live), base_url="http://127.0.0.1")

    def fails(*given, **more):
        raise OSError("disk")

    monkeypatch.setattr(live.log, "read", fails)
    answer = client.post("/items", json={"items": [{"item_id": "new"}]})
    assert answer.status_code == 201
    assert answer.json() == {"items": ["new"]}
    assert "new" in live.catalog
    assert "items ['new'] are stored; what they lack is not known: disk" in caplog.text
