import numpy as np
import pytest
from fastapi.testclient import TestClient

from mmrec import Options, Recommender
from mmrec.realtime import InvalidEvents, RealtimeRecommender, SqliteLog, import_history
from mmrec.serving import create_app

ITEMS = [f"i{n}" for n in range(8)]


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    count = 300
    return {
        "user_id": [f"u{n % 20}" for n in range(count)],
        "item_id": [ITEMS[n] for n in rng.integers(8, size=count)],
        "timestamp": np.sort(rng.uniform(0, 1e6, count)),
        "watched": rng.uniform(0, 1, count),
    }


@pytest.fixture(scope="module")
def made(table):
    options = Options(
        modalities=("id",), negative=("watched < 0.3",), split="time", dim=4, epochs=1, trend=False
    )
    return Recommender.fit(table, {"item_id": ITEMS}, options=options)


def test_a_live_event_brings_what_conditions_read(made):
    live = RealtimeRecommender(made)
    live.observe("ann", "i1", "watch", 2e6, values={"watched": 0.9})
    live.observe("ann", "i2", "watch", 2e6 + 1, values={"watched": 0.1})
    assert [event.event_type for event in live.history("ann")] == ["watch", "watch:negative"]
    past = {"item_id": ["i1", "i2"], "event": ["", "negative"], "timestamp": [2e6, 2e6 + 1]}
    expected = made.recommend(past, at=3e6)
    assert [line.item for line in live.recommend("ann", at=3e6)] == [x.item for x in expected]
    with pytest.raises(ValueError, match="watched"):
        live.observe("ann", "i3", "watch", values={"watched": "much"})
    assert len(live.history("ann")) == 2


def test_a_value_that_no_condition_reads_is_refused(made, table):
    live = RealtimeRecommender(made)
    said = r"values: expected columns among \['watched'\], .*; got \['watchd'\]"
    with pytest.raises(ValueError, match=said):
        live.observe("ann", "i1", values={"watchd": 0.1})
    rows = [{"user": "ann", "item": f"i{n}", "values": {"watched": n / 10}} for n in (1, 2, 7)]
    with pytest.raises(InvalidEvents, match=f"event 1: {said}") as caught:
        live.observe_many([rows[0], rows[1] | {"values": {"watchd": 1}}, rows[2]])
    assert list(caught.value.reasons) == [1]
    with pytest.raises(InvalidEvents, match="event 0: values: expected columns by name; got int"):
        live.observe_many([rows[0] | {"values": 5}])
    assert live.log.last_offset == 0
    live.observe_many(rows)
    kinds = [event.event_type for event in live.history("ann")]
    assert kinds == ["view:negative", "view:negative", "view"]

    client = TestClient(create_app(live), base_url="http://127.0.0.1")
    wrong = {"user": "ann", "item": "i1", "values": {"watchd": 0.1}}
    answer = client.post("/observe", json=wrong)
    assert answer.status_code == 400
    assert "got ['watchd']" in answer.json()["detail"]
    answer = client.post("/events", json={"events": [{"user": "ann", "item": "i3"}, wrong]})
    assert [event["index"] for event in answer.json()["events"]] == [1]
    assert live.log.last_offset == 3

    less = {name: values for name, values in table.items() if name != "watched"}
    options = Options(modalities=("id",), dim=4, epochs=1, trend=False)
    plain = RealtimeRecommender(Recommender.fit(less, {"item_id": ITEMS}, options=options))
    with pytest.raises(ValueError, match=r"expected none: no rules of the RUN read.*'watched'"):
        plain.observe("ann", "i1", values={"watched": 0.1})


def test_over_http_too(made):
    live = RealtimeRecommender(made)
    client = TestClient(create_app(live), base_url="http://127.0.0.1")
    sent = {"user": "ann", "item": "i1", "event_type": "watch", "values": {"watched": 0.1}}
    assert client.post("/observe", json=sent).status_code == 200
    many = {"events": [sent | {"item": "i2"}, {"user": "ann", "item": "i3"}]}
    assert client.post("/events", json=many).status_code == 200
    kinds = [event.event_type for event in live.history("ann")]
    assert kinds == ["watch:negative", "watch:negative", "view"]
    wrong = client.post("/observe", json=sent | {"values": {"watched": "much"}})
    assert wrong.status_code == 400


def test_imported_events_are_read_by_the_same_rules(made, table, tmp_path):
    made.save(tmp_path / "RUN")
    report = import_history(tmp_path / "RUN", table, tmp_path / "events.db")
    assert report.new == 300
    live = RealtimeRecommender(made, log=SqliteLog(tmp_path / "events.db"))
    rows = [n for n, user in enumerate(table["user_id"]) if user == "u3"]
    past = {
        "item_id": [table["item_id"][n] for n in rows],
        "event": ["negative" if table["watched"][n] < 0.3 else "" for n in rows],
        "timestamp": [table["timestamp"][n] for n in rows],
    }
    expected = [line.item for line in made.recommend(past, at=2e6, exclude_seen=False)]
    found = [line.item for line in live.recommend("u3", at=2e6, exclude_seen=False)]
    assert found == expected
    less = {name: values for name, values in table.items() if name != "watched"}
    with pytest.raises(ValueError, match=r"a rule of events reads the columns \['watched'\]"):
        import_history(tmp_path / "RUN", less, tmp_path / "other.db")
