import json

import numpy as np
import polars as pl
import pytest
from fastapi.testclient import TestClient

from mmrec import Options, Recommender
from mmrec.cli.app import app
from mmrec.data import EventRules
from mmrec.realtime import (
    CheckedEvents,
    InvalidEvents,
    Noted,
    RealtimeRecommender,
    SqliteLog,
    import_events,
    import_history,
)
from mmrec.serving import create_app

ITEMS = [f"i{n}" for n in range(8)]
ALONE = {"standalone_mode": False}


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


@pytest.mark.parametrize("file", [False, True])
def test_a_history_says_what_was_stored(made, tmp_path, file):
    log = SqliteLog(tmp_path / "events.db") if file else None
    live = RealtimeRecommender(made, log=log)
    client = TestClient(create_app(live), base_url="http://127.0.0.1")
    event = {"user": "ann", "item": "i1", "event_type": "watch"}
    one, two = event | {"values": {"watched": 0.1}}, event | {"values": {"watched": None}}
    for path, body in (("/observe", one), ("/observe", event), ("/events", {"events": [two]})):
        assert client.post(path, json=body).status_code == 200
    table = {"user_id": ["ann"], "item_id": ["i2"], "timestamp": [1e6], "watched": [0.75]}
    import_events(table, live.log, live.catalog, rules=made.options.event_rules)
    expected = [{"watched": 0.1}, {}, {"watched": None}, {"watched": 0.75}]
    past = client.get("/history?user=ann").json()["items"]
    assert [event["values"] for event in past] == expected
    assert [event["event_type"] for event in past[:2]] == ["watch:negative", "watch"]
    assert [event.values or {} for event in live.history("ann")] == expected
    live.log.close()


def test_lists_leave_out_events_by_the_type_that_was_sent(table):
    options = Options(
        modalities=("id",),
        targets=("play", "skip"),
        negative=("watched < 0.3",),
        split="time",
        dim=4,
        epochs=1,
        trend=False,
    )
    kinds = ["skip" if n % 7 == 0 else "play" for n in range(len(table["user_id"]))]
    live = RealtimeRecommender(
        Recommender.fit(table | {"event": kinds}, {"item_id": ITEMS}, options=options)
    )
    for item, watched in (("i1", 0.9), ("i2", 0.1)):
        live.observe("ann", item, "play", values={"watched": watched})
    live.observe("ann", "i3", "skip", values={"watched": 0.9})
    assert "play:negative" in live.recommender.state.event_types

    def lacks(seen):
        found = {line.item for line in live.recommend("ann", k=8, exclude_seen=seen)}
        return sorted({*ITEMS} - found)

    assert lacks(["play"]) == lacks(["play", "play:negative"]) == ["i1", "i2"]
    assert lacks(["skip"]) == ["i2", "i3"]
    assert lacks([]) == lacks(False) == lacks(["play:negative"]) == ["i2"]
    assert lacks(True) == ["i1", "i2", "i3"]


def test_a_duration_below_zero_is_noted(made):
    live = RealtimeRecommender(made)
    client = TestClient(create_app(live), base_url="http://127.0.0.1")
    event = {"user": "ann", "item": "i1", "event_type": "watch", "values": {"watched": -2}}
    said = "1 value of watched is below 0; rules of events read it as it is"
    answer = client.post("/observe", json=event).json()
    assert said in answer["note"]
    assert said in client.post("/events", json={"events": [event]}).json()["note"]


def test_events_are_checked_then_written_with_a_note(made):
    live = RealtimeRecommender(made)
    checked = live.read([{"user": "ann", "item": "i1", "values": {"watched": 0.9}}])
    assert isinstance(checked, CheckedEvents)
    assert live.log.last_offset == 0
    assert live.append(checked) == Noted([1], None)
    written = live.observe_with_note("ann", "i2")
    assert written.offsets == [2]
    assert "watched" in written.note


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


def test_many_events_of_different_values_are_read_at_once(made, monkeypatch):
    live, asked = RealtimeRecommender(made), []
    resolve_all = EventRules.resolve_all

    def counted(rules, events):
        asked.append(len(events))
        return resolve_all(rules, events)

    monkeypatch.setattr(EventRules, "resolve_all", counted)
    shares = [n / 5000 for n in range(2000)]
    rows = [{"item": ITEMS[n % 8], "values": {"watched": share}} for n, share in enumerate(shares)]
    client = TestClient(create_app(live), base_url="http://127.0.0.1")
    many = {"events": [{"user": f"u{n}", **row} for n, row in enumerate(rows)]}
    assert client.post("/events", json=many).status_code == 200
    assert client.post("/recommend", json={"history": rows}).status_code == 200
    assert asked == [2000, 2000]
    expected = ["view:negative" if share < 0.3 else "view" for share in shares]
    assert [event.event_type for event in live.log.read()] == expected


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


def test_a_stateless_history_brings_them_too(made):
    live = RealtimeRecommender(made)
    times, shares = [2e6, 2e6 + 1, 2e6 + 2], [0.9, 0.1, None]
    for item, time, share in zip(ITEMS, times, shares, strict=False):
        live.observe("ann", item, "watch", time, values={"watched": share})
    expected = [(line.item, line.score) for line in live.recommend("ann", at=3e6)]
    columns = {"item_id": ITEMS[:3], "event": ["watch"] * 3, "timestamp": times}
    history = columns | {"watched": shares}
    assert [(x.item, x.score) for x in made.recommend(history, at=3e6)] == approx(expected)
    found = live.recommend(history=history, at=3e6)
    assert [(line.item, line.score) for line in found] == approx(expected)
    plain = [(line.item, line.score) for line in made.recommend(columns, at=3e6)]
    assert plain != approx(expected)

    client = TestClient(create_app(live), base_url="http://127.0.0.1")
    events = [
        {"item": item, "event_type": "watch", "time": time, "values": {"watched": share}}
        for item, time, share in zip(ITEMS, times, shares, strict=False)
    ]
    answer = client.post("/recommend", json={"history": events, "at": 3e6}).json()
    assert [(line["item"], line["score"]) for line in answer["items"]] == approx(expected)
    untyped = [{"item": "i1", "values": {"watched": 0.1}}, "i2"]
    assert client.post("/recommend", json={"history": untyped}).status_code == 200
    wrong = client.post("/recommend", json={"history": [{"item": "i1", "values": {"seen": 1}}]})
    assert (wrong.status_code, "got ['seen']" in wrong.json()["detail"]) == (400, True)
    # The only type of the training is meant where none is given.
    del history["event"]
    assert [(x.item, x.score) for x in made.recommend(history, at=3e6)] == approx(expected)
    for event in events:
        del event["event_type"]
    answer = client.post("/recommend", json={"history": events, "at": 3e6}).json()
    assert [(line["item"], line["score"]) for line in answer["items"]] == approx(expected)
    with pytest.raises(ValueError, match=r"columns among \['item_id', .* 'watched'\]; got also"):
        made.recommend({"item_id": ["i1"], "seen": [1]})


def approx(lines):
    """Return the items of lines, with their scores rounded."""
    return [(item, pytest.approx(score, abs=1e-5)) for item, score in lines]


def test_an_event_without_what_conditions_read_is_said(made, caplog):
    live = RealtimeRecommender(made)
    client = TestClient(create_app(live), base_url="http://127.0.0.1")
    sent = {"user": "ann", "item": "i1", "event_type": "watch"}
    said = (
        "1 event has none of the columns that rules of events read, ['watched'], first of type "
        "'watch', and counts by its type alone, as targets"
    )
    for _ in range(2):
        assert client.post("/observe", json=sent).json()["note"] == said
    assert caplog.messages.count(said) == 1
    live.observe("ann", "i2", "watch")
    assert caplog.messages.count(said) == 1
    known = {"watched": None}
    for event in (sent | {"values": known}, sent | {"event_type": "watch:negative"}):
        assert "note" not in client.post("/observe", json=event).json()
    batch = [sent, sent | {"values": known}, sent | {"values": None}, {"user": "bob", "item": "i1"}]
    note = client.post("/events", json={"events": batch}).json()["note"]
    assert note.startswith("3 events have none of the columns that rules of events read")
    caplog.clear()
    live.observe_many([{"user": "ann", "item": "i1", "event_type": "look"}])
    assert "first of type 'look'" in caplog.text


def test_a_type_that_is_too_long_with_its_role_is_refused(made):
    live, kind = RealtimeRecommender(made), "w" * 250
    live.observe("ann", "i1", kind, values={"watched": 0.9})
    said = (
        "event_type: expected at most 247 characters, since the role ':negative' follows; got 250"
    )
    with pytest.raises(ValueError, match=said):
        live.observe("ann", "i1", kind, values={"watched": 0.1})
    rows = [{"user": "a", "item": "i1", "event_type": kind, "values": {"watched": 0.1}}]
    with pytest.raises(InvalidEvents, match=f"event 0: {said}"):
        live.observe_many(rows)
    assert live.log.last_offset == 1


def test_the_command_reads_a_history_by_the_same_rules(made, table, tmp_path, capsys):
    pl.DataFrame(table).write_csv(tmp_path / "interactions.csv")
    pl.DataFrame({"item_id": ITEMS}).write_csv(tmp_path / "items.csv")
    made.save(tmp_path / "RUN", data=str(tmp_path))

    def command(*arguments):
        app(["recommend", str(tmp_path / "RUN"), "--at", "2e6", "--json", *arguments], **ALONE)
        found = json.loads(capsys.readouterr().out.splitlines()[-1])["recommendations"]
        return [(line["item"], line["score"]) for line in found]

    rows = pl.DataFrame(table).filter(pl.col("user_id") == "u3").sort("timestamp")
    past = made.recommend(rows, at=2e6)
    expected = [(line.item, line.score) for line in past]
    assert command("--user", "u3") == approx(expected)
    times = ",".join(map(repr, rows["timestamp"]))
    shares = ",".join(map(repr, rows["watched"]))
    history = ["--history", ",".join(rows["item_id"]), "--times", times]
    assert command(*history, "--values", f"watched={shares}") == approx(expected)
    assert command(*history) != approx(expected)
    out = tmp_path / "lists.jsonl"
    app(
        ["recommend", str(tmp_path / "RUN"), "--at", "2e6", "--all-users", "--out", str(out)],
        **ALONE,
    )
    lists = pl.read_ndjson(out).filter(pl.col("user_id") == "u3")
    assert list(lists.select("item_id", "score").iter_rows()) == approx(expected)
    for values, said in (("watched", "must be COLUMN=VALUE"), ("watched=1", "one value for each")):
        with pytest.raises(ValueError, match=said):
            command("--history", "i1,i2", "--values", values)
    with pytest.raises(ValueError, match="--types, --times and --values are of a --history"):
        command("--values", "watched=1")


def test_a_long_value_is_refused_and_lists_parse_none(made, tmp_path, monkeypatch):
    live = RealtimeRecommender(made, log=SqliteLog(tmp_path / "events.db"))
    client = TestClient(create_app(live), base_url="http://127.0.0.1")
    sent = {"user": "ann", "item": "i1", "values": {"watched": "x" * 1001}}
    for path, body in (("/observe", sent), ("/events", {"events": [sent]})):
        answer = client.post(path, json=body)
        assert answer.status_code == 400
        assert "expected texts of at most 1,000 characters; got 1,001" in answer.text
    with pytest.raises(InvalidEvents, match="1,001 characters of watched"):
        live.observe_many([sent])
    live.observe("ann", "i1", values={"watched": 0.9})
    with monkeypatch.context() as patched:
        patched.setattr("mmrec.realtime.log.event_values.json.loads", None)
        assert live.recommend("ann")
    assert live.history("ann")[0].values == {"watched": 0.9}
    live.log.close()


def test_a_log_of_ones_own_gets_no_user_as_a_value(table):
    options = Options(modalities=("id",), ignored=("user_id = u3",), dim=4, epochs=1, trend=False)
    live = RealtimeRecommender(Recommender.fit(table, {"item_id": ITEMS}, options=options))
    kept, append, append_many = [], live.log.append, live.log.append_many
    live.log.append = lambda *given, values, **more: kept.append(values) or append(*given, **more)
    live.log.append_many = lambda events: kept.extend(events) or append_many(events)
    live.observe("ann", "i1", values={"user_id": "ann"})
    live.observe_many([{"user": "ann", "item": "i1", "values": {"user_id": "ann"}}])
    assert [kept[0], kept[1].values] == [None, None]
    ignored = live.observe_with_note("ann", "i1", values={"user_id": "u3"})
    assert ignored.offsets == [3]
    assert live.history("ann")[-1].event_type == "view:ignored"
