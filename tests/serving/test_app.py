import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import replace
from threading import Event

import numpy as np
import polars as pl
import pytest
import torch

from mmrec.data import Catalog, EventReader
from mmrec.realtime import RealtimeRecommender, SqliteLog
from mmrec.recommender import Recommender
from mmrec.serving import Limits


@pytest.fixture
def stocked(shelf):
    return RealtimeRecommender(shelf)


def ids(answer):
    assert answer.status_code == 200, answer.text
    return [line["item"] for line in answer.json()["items"]]


def observe(client, user, item, **more):
    answer = client.post("/observe", json={"user": user, "item": item, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()["offset"]


def test_an_event_changes_the_list_that_follows(client, live):
    before = ids(client.get("/recommend", params={"user": "ann", "k": 5}))
    assert observe(client, "ann", "i7") == 1
    answer = client.get("/recommend", params={"user": "ann", "k": 5})
    assert ids(answer) != before
    assert ids(answer) == [line.item for line in live.recommend("ann", k=5)]
    assert answer.json()["model"] == live.version
    first = answer.json()["items"][0]
    assert (first["reason"], first["title"]) == (
        "interest",
        live.catalog.row(first["item"])["title"],
    )
    assert first["score"] == pytest.approx(live.recommend("ann", k=1)[0].score)


def test_an_event_is_in_the_log_as_it_was_sent(client, live):
    observe(client, "ann", "i7", event_type="cart", time=12.5, id="e1")
    (event,) = live.log.read()
    assert (event.user, event.item, event.event_type, event.time) == ("ann", "i7", "cart", 12.5)


def test_fields_may_have_the_names_of_a_training(client, live):
    item, other = live.catalog.ids[:2]
    event = {"item_id": item, "event": "cart", "timestamp": 5.0}
    assert client.post("/observe", json={"user_id": "ann", **event}).status_code == 200
    assert client.post("/events", json={"events": [{"user_id": "ann", **event}]}).status_code == 200
    observed = [(one.item, one.event_type, one.time) for one in live.history("ann")]
    assert observed == [(item, "cart", 5.0)] * 2
    ours = {"item": item, "event_type": "cart", "time": 5.0}
    lists = [
        client.post("/recommend", json={"history": [one], "at": 9.0}).json()
        for one in (event, ours)
    ]
    assert lists[0] == lists[1]
    both = {"user": "ann", "item": item, "item_id": other}
    assert client.post("/observe", json=both).status_code == 422
    said = [
        client.post("/events", json={"events": [{"user": "ann", name: 7}]}).json()["events"]
        for name in ("item", "item_id")
    ]
    assert said[0] == said[1]


def test_many_events_are_one_request(client, live):
    observe(client, "ann", "i7", id="e1")
    events = [
        {"user": "ann", "item": "i7", "id": "e1"},
        {"user": "bob", "item": "i3", "event_type": "cart", "time": 5, "id": "e2"},
        {"user": 12, "item": "i4"},
        {"user": "bob", "item": "i3", "event_type": "cart", "id": "e2"},
    ]
    answer = client.post("/events", json={"events": events})
    assert answer.json() == {"offsets": [1, 2, 3, 2], "known": 2}
    assert [(e.user, e.item, e.event_type) for e in live.log.read(after=1)] == [
        ("bob", "i3", "cart"),
        ("12", "i4", "view"),
    ]
    assert ids(client.get("/recommend?user=bob")) == [x.item for x in live.recommend("bob")]


def test_all_invalid_events_of_a_request_are_named_and_none_is_stored(client, live, facts):
    before = facts(live)
    good = {"user": "ann", "item": "i7"}
    events = [good, good | {"item": "none"}, good | {"user": ""}, good | {"color": 1}, good]
    events += [good | {"item": 7}, good | {"time": 1.7e12}, good | {"user": ["ann"]}, None, 3]
    answer = client.post("/events", json={"events": events})
    assert answer.status_code == 400
    said = answer.json()
    assert [event["index"] for event in said["events"]] == [1, 2, 3, 5, 6, 7, 8, 9]
    assert said["events"][0]["reason"] == "item: expected an item of the catalogue; got 'none'"
    assert "looks like milliseconds" in said["events"][4]["reason"]
    assert said["detail"].startswith("expected 10 valid events (counted from 0); got 8 invalid")
    assert facts(live) == before


def test_numbers_are_ids(by_number, connect):
    live = RealtimeRecommender(by_number)
    client = connect(live)
    assert observe(client, 7, 2) == observe(client, "7", "2") - 1 == 1
    answer = client.post(
        "/events", json={"events": [{"user": 7, "item": item} for item in (3, "4")]}
    )
    assert answer.json() == {"offsets": [3, 4], "known": 0}
    assert [event.item for event in live.history("7")] == [2, 2, 3, 4]
    assert client.post("/forget", json={"user": 7}).json() == {"events": 4}


def test_the_events_of_a_request_are_described(client):
    described = client.get("/openapi.json").json()["components"]["schemas"]
    events = described["Observations"]["properties"]["events"]
    assert events["items"]["required"] == ["user", "item"]
    assert (events["minItems"], events["maxItems"]) == (1, 10_000)
    assert {kind["type"] for kind in described["Observation"]["properties"]["user"]["anyOf"]} == {
        "string",
        "integer",
    }


def test_all_names_of_an_event_are_described_and_accepted(client):
    described = client.get("/openapi.json").json()["components"]["schemas"]
    names = {
        field: [field, *re.findall(r"`(\w+)`", said.get("description", ""))]
        for field, said in described["Observation"]["properties"].items()
    }
    assert {field: named[1:] for field, named in names.items() if named[1:]} == {
        "user": ["user_id"],
        "item": ["item_id"],
        "event_type": ["event"],
        "time": ["timestamp"],
    }
    past = described["PastEvent"]["properties"]
    assert all(
        f"`{names[field][1]}`" in past[field]["description"] for field in past if names[field][1:]
    )
    assert past["item"]["description"].startswith("An item's id, as in the catalogue. Also named")
    values = {"user": "ann", "item": "i7", "event_type": "view", "time": 5.0}
    sent = {names[field][-1]: value for field, value in values.items()}
    assert client.post("/observe", json=sent).json()["offset"] == 1
    assert client.post("/events", json={"events": [sent]}).json()["offsets"] == [2]
    del sent["user_id"]
    assert client.post("/recommend", json={"history": [sent]}).status_code == 200


def test_an_event_without_a_time_happens_now(client, live):
    observe(client, "ann", "i7")
    assert next(live.log.read()).time == pytest.approx(time.time(), abs=60)


def test_an_event_that_is_sent_twice_counts_once(client, live):
    assert observe(client, "ann", "i7", id="e1") == observe(client, "ann", "i7", id="e1") == 1
    assert len(live.history("ann")) == 1


def test_seen_items_are_left_out_unless_asked_for(client, live):
    observe(client, "ann", "i7")
    assert "i7" not in ids(client.get("/recommend?user=ann&k=30"))
    assert "i7" in ids(client.get("/recommend?user=ann&k=30&exclude_seen=false"))


def test_a_no_is_left_out_whatever_else_is_asked_for(connect, by_type):
    client = connect(RealtimeRecommender(by_type))
    observe(client, "ann", "i7", event_type="view")
    observe(client, "ann", "i8", event_type="hide")
    for seen, again in (("true", False), ("false", True), ("cart", True), ("view,cart", False)):
        found = ids(client.get(f"/recommend?user=ann&k=30&exclude_seen={seen}"))
        assert ("i7" in found, "i8" in found) == (again, False)
    for seen, again in ((True, False), (False, True), ([], True), (["view"], False)):
        body = {"user": "ann", "k": 30, "exclude_seen": seen}
        found = ids(client.post("/recommend", json=body))
        assert ("i7" in found, "i8" in found) == (again, False)


def test_conditions_hold_for_every_item(client, live):
    observe(client, "ann", "i7")
    found = ids(client.get("/recommend?user=ann&k=30&where=kind=even"))
    assert sorted(found) == sorted(f"i{n}" for n in range(0, 30, 2))
    both = ids(client.get("/recommend?user=ann&k=30&where=kind=even&where=item_id%20in%20(i4,i5)"))
    assert both == ["i4"]
    either = ids(client.get("/recommend?user=ann&k=30&where=item_id=i3%20or%20item_id=i4"))
    assert sorted(either) == ["i3", "i4"]


def test_a_condition_of_the_server_holds_beside_that_of_a_request(connect, by_id):
    live = RealtimeRecommender(by_id, where="kind = even")
    client = connect(live)
    observe(client, "ann", "i7")
    even = [f"i{n}" for n in range(0, 30, 2)]
    for user in ("ann", "nobody"):
        assert sorted(ids(client.get(f"/recommend?user={user}&k=30"))) == sorted(even)
        assert ids(client.get(f"/recommend?user={user}&where=item_id in (i3, i4)")) == ["i4"]
        body = {"user": user, "where": [{"item_id": ["i5", "i6"]}]}
        assert ids(client.post("/recommend", json=body)) == ["i6"]
    assert sorted(ids(client.post("/recommend", json={"history": ["i7"], "k": 30}))) == sorted(even)
    assert client.get("/explain?user=ann&item=i5").status_code == 200
    with pytest.raises(ValueError, match="there is no column 'stock'"):
        RealtimeRecommender(by_id, where="stock > 0")


@pytest.mark.parametrize("user", ["ann", "nobody"])
def test_a_list_has_at_most_so_many_items_of_a_value(client, live, user):
    observe(client, "ann", "i7")
    kinds = dict(live.catalog.frame["item_id", "kind"].rows())
    sent = client.get(f"/recommend?user={user}&k=30&at_most=kind:2&at_most=item_id:1")
    body = {"user": user, "k": 30, "at_most": {"kind": 2, "item_id": 1}}
    found = ids(sent)
    assert ids(client.post("/recommend", json=body)) == found
    assert sorted(kinds[item] for item in found) == ["even", "even", "odd", "odd"]
    for wrong, status, said in (
        ({"kid": 2}, 400, "at_most: items must have the columns ['kid'] (did you mean 'kind'?)"),
        ({"kind": 0}, 422, "at_most.kind: expected 1 or more; got 0"),
        ({"kind": "x"}, 422, "at_most.kind: expected a whole number; got a text"),
    ):
        sent = client.post("/recommend", json={"user": user, "at_most": wrong})
        assert sent.status_code == status
        assert sent.json()["detail"].startswith(said), sent.json()
    sent = client.get(f"/recommend?user={user}&at_most=kind")
    assert sent.status_code == 400
    assert "a column and a number, such as author:2" in sent.json()["detail"]


def test_a_condition_of_the_server_follows_changes(by_content):
    live = RealtimeRecommender(by_content, where="kind = even")
    live.update_items({"item_id": ["i4"], "kind": ["odd"]})
    found = {line.item for line in live.recommend("nobody", k=30)}
    assert "i4" not in found
    assert "i6" in found


@pytest.mark.parametrize(
    "where",
    [
        "item_id in (i3, i4) and kind = even",
        '{"item_id": ["i3", "i4"], "kind": "even"}',
        '{"item_id": {"in": ["i3", "i4"]}, "kind": {"!=": "odd"}}',
        ["item_id in (i3, i4)", '{"kind": "even"}'],
    ],
)
def test_a_condition_is_text_or_json(client, where):
    assert ids(client.get("/recommend", params={"user": "ann", "where": where})) == ["i4"]


@pytest.mark.parametrize("where", ["sizes has S", '{"sizes": {"has": "S"}}'])
def test_an_item_with_several_values_in_one_text(connect, stocked, where):
    sizes = ["S|XL", "XS", "M ; S", *[None] * (len(stocked.catalog) - 3)]
    frame = stocked.catalog.frame.with_columns(sizes=pl.Series(sizes))
    state = replace(stocked.recommender.state, catalog=Catalog(frame, stocked.catalog.images))
    client = connect(RealtimeRecommender(Recommender(state)))
    found = ids(client.get("/recommend", params={"user": "ann", "where": where}))
    assert sorted(found) == sorted([stocked.catalog.ids[0], stocked.catalog.ids[2]])
    added = {"item_id": "new", "title": "red hat", "sizes": "L|S"}
    assert client.post("/items", json={"items": [added]}).status_code == 201
    assert "new" in ids(client.get("/recommend", params={"user": "ann", "where": where}))


@pytest.mark.parametrize("user", ["ann", "bob"])
def test_items_are_left_out(client, user):
    observe(client, "ann", "i7")
    every = ids(client.get(f"/recommend?user={user}&k=30"))
    some = ids(client.get(f"/recommend?user={user}&k=30&exclude={every[0]}&exclude={every[5]}"))
    assert sorted(some) == sorted(set(every) - {every[0], every[5]})


def test_history_is_in_order_and_may_be_cut(client):
    for item in ("i7", "i3", "i7", "i5"):
        observe(client, "ann", item)
    observe(client, "bob", "i1")
    past = client.get("/history?user=ann").json()["items"]
    assert [event["item"] for event in past] == ["i7", "i3", "i7", "i5"]
    assert [event["offset"] for event in past] == [1, 2, 3, 4]
    assert ids(client.get("/history?user=ann&last=2")) == ["i7", "i5"]
    assert ids(client.get("/history?user=nobody")) == []


def test_forgetting_leaves_nothing(client, live):
    observe(client, "ann", "i7")
    observe(client, "bob", "i7")
    assert client.post("/forget", json={"user": "ann"}).json() == {"events": 1}
    assert ids(client.get("/history?user=ann")) == []
    assert client.get("/recommend?user=ann").json()["items"][0]["reason"] == "popularity"
    assert ids(client.get("/history?user=bob")) == ["i7"]
    assert client.post("/forget", json={"user": "ann"}).json() == {"events": 0}


def test_the_events_of_a_visitor_become_those_of_a_user(client):
    observe(client, "visitor", "i7")
    observe(client, 7, "i3")
    observe(client, "visitor", "i5")
    merge = {"source": "visitor", "target": 7}
    assert client.post("/merge", json=merge).json() == {"events": 2}
    assert ids(client.get("/history?user=7")) == ["i7", "i3", "i5"]
    assert ids(client.get("/history?user=visitor")) == []
    assert client.post("/merge", json=merge).json() == {"events": 0}
    refused = client.post("/merge", json={"source": "visitor", "target": "bob"})
    assert (refused.status_code, refused.json()["detail"]) == (
        400,
        "visitor was merged into another user; give a visitor who logs out a new id",
    )
    observe(client, "visitor", "i1")
    assert client.post("/merge", json=merge).json() == {"events": 1}
    assert client.post("/forget", json={"user": "visitor"}).json() == {"events": 0}
    assert client.post("/forget", json={"user": 7}).json() == {"events": 4}


def test_an_explanation_names_past_items_and_modalities(connect, stocked):
    client = connect(stocked)
    for item in ("i7", "i3", "i7"):
        observe(client, "ann", item)
    why = client.get("/explain?user=ann&item=i5").json()
    assert (why["item"], sorted(past["item"] for past in why["history"])) == ("i5", ["i3", "i7"])
    assert why["history"][0]["title"] == stocked.catalog.row(why["history"][0]["item"])["title"]
    assert set(why["modalities"]) == {"text", "image"}
    assert why["rule"] is None
    stranger = client.get("/explain?user=nobody&item=i5").json()
    assert (stranger["history"], stranger["terms"]) == ([], {})
    assert stranger["rule"] == stocked.recommender.report["without_history"]
    assert client.get("/explain?user=ann&item=i99").status_code == 404


def test_new_items_can_be_recommended_at_once(connect, stocked, sent_image):
    client, rows = connect(stocked), [{"item_id": "new", "title": "red shoes"}, {"item_id": "n2"}]
    answer = client.post("/items", json={"items": rows, "images": {"new": sent_image}})
    note = (
        "1 of 2 items has no text; 1 of 2 items has no image; 1 of 2 items has nothing that the "
        "model reads: no list has it before an event or content"
    )
    assert (answer.status_code, answer.json()) == (201, {"items": ["new", "n2"], "note": note})
    empty = {"items": [{"item_id": "n3", "title": " "}], "images": {"n3": sent_image}}
    assert client.post("/items", json=empty).json()["note"] == "1 of 1 item has no text"
    gone = {"items": [{"item_id": "n4", "title": "red cap", "image": "gone.png"}]}
    assert client.post("/items", json=gone).json()["note"] == (
        "1 of 1 item has no image; 1 of 1 item names an image file that does not exist, first that "
        "of n4"
    )
    long = {"items": [{"item_id": "n4", "image": "d" * 300 + ".png"}]}
    assert client.patch("/items", json=long).status_code == 200
    whole = {"items": [{"item_id": "n3", "title": "red hat"}]}
    assert client.patch("/items", json=whole).json() == {"items": ["n3"]}
    assert "n2" not in ids(client.get("/recommend?user=ann&k=100"))
    unknown = client.patch("/items", json={"items": [{"item_id": "n9", "title": "hat"}]})
    assert (unknown.status_code, unknown.json()) == (
        404,
        {"detail": "there is no item 'n9' in the catalogue"},
    )
    assert client.patch("/items", json={"items": [{"item_id": "n2", "title": "hat"}]}).json()
    found = client.get("/recommend?user=ann&k=100").json()["items"]
    line = next(line for line in found if line["item"] == "new")
    assert line["title"] == "red shoes"
    shown = client.get(line["image"])
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/png")
    assert shown.headers["x-content-type-options"] == "nosniff"
    for item in ("n2", "n4"):  # an address would answer 404
        assert next(line for line in found if line["item"] == item)["image"] is None
    assert observe(client, "ann", "new") == 1


def test_a_column_that_first_appears_late_is_kept(connect, stocked):
    rows = [{"item_id": f"m{n}"} for n in range(150)] + [{"item_id": "last", "title": "red hat"}]
    assert connect(stocked).post("/items", json={"items": rows}).status_code == 201
    assert stocked.catalog.row("last")["title"] == "red hat"


def test_changed_items_keep_what_a_row_leaves_out(connect, stocked, sent_image):
    client, before = connect(stocked), stocked.catalog.row("i1")
    address = image_of(client, "i1")
    rows = [{"item_id": "i1", "title": "blue hat"}, {"item_id": "i2", "kind": "rare"}]
    answer = client.patch("/items", json={"items": rows, "images": {"i1": sent_image}})
    assert (answer.status_code, answer.json()) == (200, {"items": ["i1", "i2"]})
    after = stocked.catalog.row("i1")
    assert (after["title"], after["kind"]) == ("blue hat", before["kind"])
    assert after["image"] != before["image"]
    assert stocked.catalog.row("i2")["kind"] == "rare"
    assert stocked.catalog.row("i2")["image"] == "2.png"
    assert image_of(client, "i1") != address  # browsers keep the old one


def test_an_item_with_several_images_in_one_text_shows_the_first(connect, stocked):
    client, first = connect(stocked), "2.png"
    client.patch("/items", json={"items": [{"item_id": "i1", "image": f" {first} | 3.png"}]})
    shown = client.get(image_of(client, "i1"))
    assert shown.content == (stocked.catalog.images / first).read_bytes()


def image_of(client, item):
    answer = client.get(
        "/recommend", params={"user": "x", "k": 100, "where": json.dumps({"item_id": item})}
    )
    return answer.json()["items"][0]["image"]


def test_removed_items_are_gone_until_they_are_restored(client):
    assert client.request("DELETE", "/items", json={"items": ["i1", "i2"]}).status_code == 200
    assert not {"i1", "i2"} & set(ids(client.get("/recommend?user=ann&k=30")))
    assert client.get("/health").json()["items"] == 28
    client.patch("/items", json={"items": [{"item_id": "i1", "title": "red hat"}]})
    assert "i1" not in ids(client.get("/recommend?user=ann&k=30"))
    answer = client.post("/items/restore", json={"items": ["i1"]})
    assert (answer.status_code, answer.json()) == (200, {"items": ["i1"]})
    assert "i1" in ids(client.get("/recommend?user=ann&k=30"))


def test_event_types_that_were_not_in_training_are_said(by_type, connect):
    live = RealtimeRecommender(by_type)
    client = connect(live)
    sent = {"user": "ann", "item": "i1", "event_type": "view"}
    assert client.post("/observe", json=sent).json() == {"offset": 1}
    answer = client.post("/observe", json=sent | {"event_type": "crat"})
    note = "1 event has a type that was not in training, first 'crat' (did you mean 'cart'?), and"
    assert answer.json()["offset"] == 2
    assert answer.json()["note"].startswith(note)
    assert "the RUN knows ['cart', 'view']" in answer.json()["note"]
    batch = [sent | {"event_type": kind} for kind in ("view", "crat", "buy", "crat", "hide")]
    answer = client.post("/events", json={"events": batch}).json()
    assert answer["note"].startswith("3 events have types that were not in training, first 'crat'")
    assert (answer["offsets"], answer["known"]) == ([3, 4, 5, 6, 7], 0)
    answer = client.post("/events", json={"events": batch[:1]})
    assert answer.json() == {"offsets": [8], "known": 0}


def test_an_unknown_type_is_warned_of_once(by_type, caplog):
    live = RealtimeRecommender(by_type)
    for _ in range(2):
        live.observe("ann", "i1", "bougth")
        live.observe_many([{"user": "ann", "item": "i1", "event_type": "bougth"}])
        live.recommend(history={"item_id": ["i1"], "event": ["bougth"]})
        by_type.recommend({"item_id": ["i1"], "event": ["bougth"]})
    assert len([text for text in caplog.messages if "'bougth'" in text]) == 1


@pytest.mark.parametrize("route", ["/observe", "/events"])
def test_each_event_is_looked_at_once_for_its_note(by_type, connect, monkeypatch, route):
    asked = {"warn_of_unknown": 0, "warn_of_unread": 0}
    for name in asked:
        ask = getattr(EventReader, name)

        def counted(reader, events, *, name=name, ask=ask):
            asked[name] += 1
            return ask(reader, events)

        monkeypatch.setattr(EventReader, name, counted)
    sent = {"user": "ann", "item": "i1", "event_type": "crat"}
    client = connect(RealtimeRecommender(by_type))
    answer = client.post(route, json=sent if route == "/observe" else {"events": [sent]})
    assert "'crat'" in answer.json()["note"]
    assert asked == {"warn_of_unknown": 1, "warn_of_unread": 1}


def test_a_value_keeps_the_type_of_its_column(connect, by_number):
    frame = by_number.catalog.frame.with_columns(price=pl.Series([1.5, 2.5, 3.5, None]))
    live = RealtimeRecommender(Recommender(replace(by_number.state, catalog=Catalog(frame))))
    client = connect(live)
    sent = [{"item_id": 1, "price": 7}, {"item_id": 2, "price": "cheap"}, {"item_id": 3}]
    for method, rows in (("PATCH", sent), ("POST", [{"item_id": 9, "price": "cheap"}])):
        answer = client.request(method, "/items", json={"items": rows})
        said = "items: price must be a number (Float64) as in the catalogue; got 'cheap'"
        assert (answer.status_code, answer.json()) == (400, {"detail": said})
    assert live.catalog.frame.equals(frame)
    assert client.patch("/items", json={"items": sent[::2]}).status_code == 200
    assert live.catalog.frame["price"].to_list() == [7.0, 2.5, 3.5, None]
    assert ids(client.get("/recommend?user=ann&where=price=7")) == [1]


def test_a_text_column_of_numbers_takes_no_other_text(connect, by_number):
    """As in a catalogue of a CSV file, of which every column is text."""
    columns = {
        "price": ["1.5", "2.5", "", None],
        "sold": ["true", "false", None, "true"],
        "Bestand": ["3", "0", "3", "1"],
    }
    frame = by_number.catalog.frame.with_columns(
        **{name: pl.Series(values) for name, values in columns.items()}
    )
    live = RealtimeRecommender(Recommender(replace(by_number.state, catalog=Catalog(frame))))
    client = connect(live)
    wanted = {
        "price": ("12,5", "a number"),
        "sold": ("maybe", "true or false"),
        "Bestand": ("ausverkauft", "a number"),
    }
    for column, (text, kind) in wanted.items():
        said = f"items: {column} must be {kind} as in the catalogue; got {text!r}"
        sent = [{"item_id": 1, column: columns[column][1]}, {"item_id": 2, column: text}]
        for method, rows in (("PATCH", sent), ("POST", [{"item_id": 9, column: text}])):
            answer = client.request(method, "/items", json={"items": rows})
            assert (answer.status_code, answer.json()) == (400, {"detail": said})
        for change, item in (
            (live.update_items, 1),
            (live.add_items, 9),
            (live.recommender.add_items, 9),
        ):
            with pytest.raises(ValueError, match=said):
                change({"item_id": [item], column: [text]})
    assert live.catalog.frame.equals(frame)
    assert live.log.last_change == 0
    sent = [{"item_id": 1, "price": 7, "title": "1984"}, {"item_id": 2, "price": "", "sold": None}]
    assert client.patch("/items", json={"items": sent}).status_code == 200
    assert client.patch("/items", json={"items": [{"item_id": 1, "title": "x"}]}).status_code == 200
    assert ids(client.get("/recommend?user=ann&where=price>6 and sold = true")) == [1]


def test_times_are_seconds_everywhere(client):
    """A time in milliseconds is refused wherever it is sent, and each field names its unit."""
    late = 1_748_642_508_000
    sent = {"user": "ann", "item": "i1", "time": late}
    answers = [
        client.post("/observe", json=sent),
        client.post("/events", json={"events": [sent]}),
        client.post("/recommend", json={"history": [{"item": "i1", "time": late}]}),
        client.post("/recommend", json={"user": "ann", "at": late}),
        client.get(f"/recommend?user=ann&at={late}"),
        client.get(f"/explain?user=ann&item=i1&at={late}"),
    ]
    assert [answer.status_code for answer in answers] == [422, 400, 422, 422, 422, 422]
    for answer in answers:
        assert "which looks like milliseconds" in answer.json()["detail"]
    observe(client, "ann", "i1")
    found = [*_described(client.get("/openapi.json").json())]
    assert len(found) >= 6
    assert all("nix seconds" in text for text in found)


@pytest.mark.parametrize("time", ["1" + "0" * 400, "1e400", "1e300", "-1", "true", '"5"', "NaN"])
def test_times_that_nothing_can_hold_are_refused(client, time):
    headers = {"Content-Type": "application/json"}
    sent = [
        ("/observe", '{"user": "ann", "item": "i1", "time": TIME}'),
        ("/recommend", '{"user": "ann", "at": TIME}'),
        ("/recommend", '{"history": [{"item": "i1", "time": TIME}]}'),
    ]
    answers = [
        client.post(path, content=text.replace("TIME", time), headers=headers)
        for path, text in sent
    ]
    queries = ("/recommend?user=a", "/explain?user=a&item=i1")
    answers += [client.get(f"{path}&at={time}") for path in queries]
    assert [answer.status_code for answer in answers] == [422] * 5
    assert answers[2].json()["detail"].startswith("history.0.time: expected ")


def test_integers_that_no_column_can_hold_are_refused(client):
    rows = {"items": [{"item_id": "new", "title": 10**400}]}
    answer = client.post("/items", json=rows)
    said = "items.0.title: expected an integer of 64 bits; got 1329 bits"
    assert (answer.status_code, answer.json()["detail"]) == (422, said)


def _described(schema):
    """Yield the descriptions of the fields and parameters time and at."""
    if isinstance(schema, list):
        for part in schema:
            yield from _described(part)
    if not isinstance(schema, dict):
        return
    if schema.get("in") == "query" and schema.get("name") == "at":
        yield schema.get("description", "")
    for name, field in schema.get("properties", {}).items():
        if name in ("time", "at"):
            yield field.get("description", "")
    for part in schema.values():
        yield from _described(part)


def test_a_post_without_a_title_is_shown_by_its_text(connect, by_number):
    texts = pl.Series("text", ["Hello there", "x" * 100, None, "Bye"])
    frame = by_number.catalog.frame.drop("title").with_columns(texts)
    client = connect(
        RealtimeRecommender(Recommender(replace(by_number.state, catalog=Catalog(frame))))
    )
    found = client.get("/recommend?user=ann").json()["items"]
    titles = {line["item"]: line["title"] for line in found}
    assert titles == {1: "Hello there", 2: "x" * 79 + "…", 3: None, 4: "Bye"}
    observe(client, "ann", 4)
    assert client.get("/history?user=ann").json()["items"][0]["title"] == "Bye"


def test_integer_ids_may_be_written_as_text(connect, by_number):
    live = RealtimeRecommender(by_number)
    client = connect(live)
    assert [observe(client, "ann", 1), observe(client, "ann", "2")] == [1, 2]
    assert ids(client.get("/history?user=ann")) == [1, 2]
    assert client.get("/explain?user=ann&item=4").json()["item"] == 4
    rows = [{"item_id": "3", "title": "a desk"}]
    assert client.patch("/items", json={"items": rows}).json() == {"items": [3]}
    rows = [{"item_id": "5", "title": "a lamp"}, {"item_id": 6}]
    assert client.post("/items", json={"items": rows}).json() == {"items": [5, 6]}
    assert client.request("DELETE", "/items", json={"items": ["5"]}).json() == {"items": [5]}
    assert client.post("/observe", json={"user": "ann", "item": "x"}).status_code == 404
    assert client.post("/items", json={"items": [{"item_id": "x"}]}).status_code == 400


def test_texts_of_numbers_may_be_written_as_integers(connect, options):
    events = {"user_id": [*"uuuuvvvv"], "item_id": [*"12342314"], "position": range(8)}
    items = {"item_id": [*"1234"], "title": ["lamp", "chair", None, "desk"]}
    live = RealtimeRecommender(
        Recommender.fit(events, items, options=options(split="leave-one-out"))
    )
    client = connect(live)
    assert [observe(client, "ann", 1), observe(client, "ann", "2")] == [1, 2]
    assert ids(client.get("/history?user=ann")) == ["1", "2"]
    assert client.patch("/items", json={"items": [{"item_id": 3}]}).json() == {"items": ["3"]}
    rows = [{"item_id": 5, "title": "a lamp"}, {"item_id": "05"}]
    assert client.post("/items", json={"items": rows}).json() == {"items": ["5", "05"]}
    assert client.post("/observe", json={"user": "ann", "item": 5}).status_code == 404  # or "05"
    assert client.request("DELETE", "/items", json={"items": [3]}).json() == {"items": ["3"]}
    assert client.post("/items", json={"items": [{"item_id": True}]}).status_code == 400
    live.observe("bob", np.int64(4))
    assert [event.item for event in live.history("bob")] == ["4"]
    live.remove_items([np.int64(2), "1"])
    assert {line.item for line in live.recommend("cid", k=9)} == {"4", "5", "05"}


def test_health_and_metrics_count(client, live):
    observe(client, "ann", "i7")
    client.post("/observe", json={"user": "ann", "item": "none"})
    client.request("BREW", "/anything")
    assert client.get("/health").json() == {
        "status": "ok",
        "model": live.version,
        "items": 30,
        "offset": 1,
        "sessions": 1,
    }
    text = client.get("/metrics").text
    count = 'mmrec_request_seconds_count{method="POST",route="/observe",status="%s"} 1.0'
    assert count % 200 in text
    assert count % 404 in text
    for line in ("mmrec_items 30.0", "mmrec_log_offset 1.0", "mmrec_sessions 1.0"):
        assert line in text
    assert 'method="other",route="other"' in text
    assert "BREW" not in text
    assert "anything" not in text


REFUSALS = {
    "unknown item": (404, "POST", "/observe", {"user": "ann", "item": "none"}),
    "other id type": (404, "POST", "/observe", {"user": "ann", "item": 7}),
    "true for an item": (422, "POST", "/observe", {"user": "ann", "item": True}),
    "no user": (422, "POST", "/observe", {"user": "", "item": "i1"}),
    "long user": (422, "POST", "/observe", {"user": "u" * 257, "item": "i1"}),
    "user as fraction": (422, "POST", "/observe", {"user": 1.5, "item": "i1"}),
    "user as truth": (422, "POST", "/observe", {"user": True, "item": "i1"}),
    "no events": (422, "POST", "/events", {"events": []}),
    "too many events": (422, "POST", "/events", {"events": [{}] * 10_001}),
    "events without a name": (422, "POST", "/events", [{"user": "ann", "item": "i1"}]),
    "a known id in a batch": (
        400,
        "POST",
        "/events",
        {"events": [{"user": "bob", "item": "i1"}, {"user": "ann", "item": "i2", "id": "e0"}]},
    ),
    "unknown field": (422, "POST", "/observe", {"user": "ann", "item": "i1", "kind": "x"}),
    "known id, other event": (400, "POST", "/observe", {"user": "ann", "item": "i2", "id": "e0"}),
    "unknown parameter": (422, "GET", "/recommend?user=ann&wher=kind:even", None),
    "unknown parameter of a history": (422, "GET", "/history?user=ann&k=3", None),
    "unknown parameter of an explanation": (422, "GET", "/explain?user=a&item=i1&k=3", None),
    "no k": (422, "GET", "/recommend?user=ann&k=0", None),
    "large k": (422, "GET", "/recommend?user=ann&k=1001", None),
    "large k in a body": (422, "POST", "/recommend", {"user": "ann", "k": 1001}),
    "k as text": (422, "GET", "/recommend?user=ann&k=x", None),
    "nobody": (422, "GET", "/recommend", None),
    "where without a comparison": (400, "GET", "/recommend?user=ann&where=kind", None),
    "an unreadable condition": (400, "GET", "/recommend?user=ann&where=kind%20%3D", None),
    "unreadable JSON": (400, "GET", '/recommend?user=ann&where={"kind"', None),
    "deep JSON": (400, "GET", "/recommend?user=ann&where=" + '{"a":' * 3000, None),
    "an unknown operator": (400, "GET", '/recommend?user=ann&where={"kind":{"~":1}}', None),
    "many conditions": (422, "GET", "/recommend?user=ann" + "&where=kind=even" * 11, None),
    "an unknown item is left out": (404, "GET", "/recommend?user=ann&exclude=none", None),
    "where without column": (400, "GET", "/recommend?user=ann&where=color=red", None),
    "history of none": (422, "GET", "/history?user=ann&last=0", None),
    "known item": (400, "POST", "/items", {"items": [{"item_id": "new"}, {"item_id": "i1"}]}),
    "item twice": (400, "POST", "/items", {"items": [{"item_id": "new"}] * 2}),
    "no id": (400, "POST", "/items", {"items": [{"item_id": "new"}, {"title": "red"}]}),
    "no items": (422, "POST", "/items", {"items": []}),
    "unknown column": (400, "POST", "/items", {"items": [{"item_id": "new", "color": "red"}]}),
    "list as a text": (400, "POST", "/items", {"items": [{"item_id": "new", "title": ["a"]}]}),
    "map as a value": (422, "POST", "/items", {"items": [{"item_id": "new", "title": {"a": 1}}]}),
    "image outside": (400, "POST", "/items", {"items": [{"item_id": "n", "image": "../x.png"}]}),
    "no base64": (400, "POST", "/items", {"items": [{"item_id": "n"}], "images": {"n": "?"}}),
    "no image": (400, "POST", "/items", {"items": [{"item_id": "n"}], "images": {"n": "YWJj"}}),
    "change of none": (404, "PATCH", "/items", {"items": [{"item_id": "none", "title": "x"}]}),
    "restoration of none": (404, "POST", "/items/restore", {"items": ["i1", "none"]}),
    "removal of none": (404, "DELETE", "/items", {"items": ["i1", "none"]}),
    "forget whom": (422, "POST", "/forget", {}),
    "merge whom": (422, "POST", "/merge", {"source": "ann"}),
    "merge one": (400, "POST", "/merge", {"source": "ann", "target": "ann"}),
    "no such image": (404, "GET", "/images/none", None),
    "an image elsewhere": (404, "GET", "/images/..%2F..%2Fetc%2Fpasswd", None),
    "no such path": (404, "GET", "/nothing", None),
    "no such method": (405, "PUT", "/observe", {"user": "ann", "item": "i1"}),
}


JSON = {"Content-Type": "application/json"}
SAID = {
    "a field of another name": (
        {"json": {"user": "ann", "item": "i1", "event_typ": "cart"}},
        "expected the fields user, item, event_type, id, time, values; got 'event_typ' (did you "
        "mean 'event_type'?)",
    ),
    "no field": ({"json": {"item": "i1"}}, "user: expected a value; got none"),
    "two fields": (
        {"json": {"user": True, "item": 1.5}},
        "user: expected a text; got true. item: expected a text or a whole number; got 1.5",
    ),
    "a time as a text": (
        {"json": {"user": "ann", "item": "i1", "timestamp": "2024-05-01T12:00"}},
        "timestamp: expected a number of unix seconds; got a text",
    ),
    "an empty id": (
        {"json": {"user": "ann", "item": ""}},
        "item: expected at least 1 character; got 0 characters",
    ),
    "no header": (
        {"content": b"{}"},
        "expected the header Content-Type: application/json; got no Content-Type",
    ),
    "another header": (
        {"content": b"{}", "headers": {"Content-Type": "text/plain"}},
        "expected the header Content-Type: application/json; got Content-Type: text/plain",
    ),
    "no body": ({"content": b"", "headers": JSON}, "expected a body, a JSON object; got none"),
    "a list": ({"json": []}, "expected a JSON object; got a list"),
    "half a body": (
        {"content": b'{"user": "ann",', "headers": JSON},
        "expected a body in JSON; got one with an error at character 15: expecting property name "
        "enclosed in double quotes",
    ),
}


@pytest.mark.parametrize("name", SAID)
def test_what_is_wrong_with_an_event_is_one_sentence(client, name):
    """As few fields as there are: what was expected, what arrived, and what may be meant."""
    sent, said = SAID[name]
    answer = client.post("/observe", **sent)
    assert (answer.status_code, answer.json()) == (422, {"detail": said})


def test_the_limit_of_k_is_the_same_in_a_query_and_in_a_body(client):
    sent = client.get("/recommend?user=ann&k=1001")
    assert (sent.status_code, sent.json()["detail"]) == (
        422,
        "k: expected at most 1000; got '1001'",
    )
    sent = client.post("/recommend", json={"user": "ann", "k": 1001})
    assert (sent.status_code, sent.json()["detail"]) == (422, "k: expected at most 1000; got 1001")


def test_a_body_of_another_encoding_is_said(client):
    body = '{"user": "jürgen"}'.encode("latin-1")
    answer = client.post("/observe", content=body, headers=JSON)
    said = "expected a body in UTF-8; got one in which byte 11 is wrong"
    assert (answer.status_code, answer.json()) == (400, {"detail": said})


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("GET", "/recomend", 404, "there is no path '/recomend' (did you mean '/recommend'?)"),
        ("PUT", "/observe", 405, "/observe: expected POST; got PUT"),
        ("PUT", "/items", 405, "/items: expected DELETE or PATCH or POST; got PUT"),
        ("GET", "/recommend?user=ann&k=x", 422, "k: expected a whole number; got 'x'"),
        (
            "GET",
            "/history?user=ann&lsat=3",
            422,
            "expected the parameters user, last; got 'lsat' (did you mean 'last'?)",
        ),
    ],
)
def test_what_is_wrong_with_an_address_is_one_sentence(client, method, path, status, said):
    answer = client.request(method, path)
    assert (answer.status_code, answer.json()) == (status, {"detail": said})


def test_an_event_of_a_history_or_a_batch_names_the_field_that_may_be_meant(client):
    past = {"item": "i1", "event_typ": "cart"}
    answer = client.post("/recommend", json={"history": [past]})
    assert answer.json()["detail"] == (
        "history.0: expected the fields item, event_type, time, values; got 'event_typ' (did you "
        "mean 'event_type'?)"
    )
    answer = client.post("/events", json={"events": [past | {"user": "ann"}]})
    assert answer.json()["events"][0]["reason"].endswith("(did you mean 'event_type'?)")


def test_a_field_of_an_event_of_a_history_has_its_place(client):
    answer = client.post("/recommend", json={"history": [{"time": 5}]})
    assert answer.json()["detail"] == "history.0.item: expected a value; got none"


def test_two_names_of_one_field_are_refused(client):
    event = {"user": "ann", "item": "i1", "event": "cart", "event_type": "view"}
    said = "expected one of the fields event_type, event; got 2"
    assert client.post("/observe", json=event).json()["detail"] == said
    past = {name: value for name, value in event.items() if name != "user"}
    answer = client.post("/recommend", json={"history": [past]})
    assert answer.json()["detail"] == f"history.0: {said}"
    assert client.post("/events", json={"events": [event]}).status_code == 400


@pytest.mark.parametrize(
    ("row", "meant"),
    [
        ({"item_id": "new", "titel": "red"}, "got ['titel'] (did you mean 'title'?)"),
        ({"item_id": "new", "brand": "red"}, "got ['brand']"),
        ({"itemid": "new"}, "got ['itemid'] (did you mean 'item_id'?)"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_column_of_a_new_item_that_may_be_meant_is_named(client, live, method, row, meant):
    answer = client.request(method, "/items", json={"items": [row]})
    said = f"items have the columns {live.catalog.columns}; {meant}"
    assert (answer.status_code, answer.json()["detail"]) == (400, said)


@pytest.mark.parametrize("name", REFUSALS)
def test_no_answer_is_in_the_words_of_a_library(name, client):
    _, method, path, body = REFUSALS[name]
    observe(client, "ann", "i1", id="e0")
    said = client.request(method, path, json=body).json()["detail"]
    for words in ("Input", "Field", "should", "constrained", "permitted", "validation", "body."):
        assert words not in said


@pytest.mark.parametrize("name", REFUSALS)
def test_what_is_refused_changes_nothing(name, client, live, facts):
    status, method, path, body = REFUSALS[name]
    observe(client, "ann", "i1", id="e0")
    before = facts(live)
    answer = client.request(method, path, json=body)
    assert answer.status_code == status, answer.text
    assert isinstance(answer.json()["detail"], str)
    assert facts(live) == before


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (422, b"{"),
        (422, b'{"user": "\\ud800", "item": "i1"}'),
        (422, b'{"user": "ann", "item": "i1", "\\ud800": 1}'),
        (422, b'{"user": "ann", "item": "i1", "time": NaN}'),
        (422, b'{"user": "ann", "item": "i1", "time": 1e999}'),
        (404, b'{"user": "ann", "item": "\\u0000"}'),
        (422, b'{"user": "ann", "item": 9223372036854775808}'),
        (400, b'{"user": "ann", "item": ' + b"9" * 5000 + b"}"),
        (400, b"[" * 100_000),
        (422, b"\xff\xfe"),
    ],
)
def test_bodies_that_are_no_json_or_hold_no_text(client, live, facts, status, body):
    before = facts(live)
    answer = client.post("/observe", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text
    assert facts(live) == before


def test_a_body_that_a_foreign_page_can_send_is_refused(client, live):
    body = b'{"user": "ann", "item": "i1"}'
    for headers in ({"Content-Type": "text/plain"}, {}):
        assert client.post("/observe", content=body, headers=headers).status_code == 422
    assert live.log.last_offset == 0


def test_a_log_that_cannot_be_written_is_unavailable(client, live, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(live.log, "append", full)
    answer = client.post("/observe", json={"user": "ann", "item": "i1"})
    assert (answer.status_code, "No space" in answer.json()["detail"]) == (503, True)


def test_the_interface_is_described(client):
    described = client.get("/openapi.json").json()
    assert set(described["paths"]) == {
        *("/observe", "/events", "/recommend", "/history", "/explain", "/items", "/forget"),
        *("/similar", "/merge"),
        *("/items/restore", "/health", "/metrics", "/images/{item}"),
    }
    problem = described["paths"]["/observe"]["post"]["responses"]["422"]
    assert problem["content"]["application/json"]["schema"]["$ref"].endswith("/Problem")


def test_limits_of_lists_are_described_and_kept(connect, live):
    client = connect(live, limits=Limits(k=5))
    assert client.get("/recommend?user=ann&k=6").status_code == 422
    assert len(ids(client.get("/recommend?user=ann&k=5"))) == 5


def test_new_items_that_take_long_hold_up_no_list(client, live, monkeypatch):
    begun, ended = Event(), Event()

    def slow(*_, **__):
        begun.set()
        assert ended.wait(30)
        return []

    monkeypatch.setattr(live, "add_items", slow)
    with client, ThreadPoolExecutor(1) as pool:
        adding = pool.submit(client.post, "/items", json={"items": [{"item_id": "new"}]})
        assert begun.wait(30)
        assert client.get("/recommend", params={"user": "ann"}).status_code == 200
        assert client.post("/observe", json={"user": "ann", "item": "i7"}).status_code == 200
        assert not adding.done()
        ended.set()
        assert adding.result().status_code == 201


def test_items_bring_vectors_and_numbers(fit, chain, connect):
    items = chain()[1]
    items["clip"] = [[float(number), -1.0] for number in range(12)]
    items["price"] = [*range(12)]
    made = fit(modalities="vectors:clip,number:price", catalog=items, log={"users": 12}, epochs=1)
    live = RealtimeRecommender(made)
    client = connect(live)
    rows = [{"item_id": "new", "clip": [3.0, -1.0], "price": 3}, {"item_id": "bare"}]
    assert client.post("/items", json={"items": rows}).status_code == 201
    assert live.snapshots.now.vectors[13].allclose(made.vectors[4], atol=1e-6)
    changed = {"items": [{"item_id": "new", "clip": [5.0, -1.0], "price": 5}]}
    assert client.patch("/items", json=changed).status_code == 200
    assert live.snapshots.now.vectors[13].allclose(made.vectors[6], atol=1e-6)
    assert live.catalog.row("new")["clip"] == [5.0, -1.0]
    live.observe("ann", "new")
    why = live.explain("ann", "i3").modalities
    assert set(why) == {"vectors:clip", "number:price"}


def test_a_date_beside_times_and_a_refused_time_stop_no_server(connect, options, tmp_path):
    rng = np.random.default_rng(0)
    events = {
        "user_id": [f"u{n % 50}" for n in range(800)],
        "item_id": [f"i{n}" for n in rng.integers(10, size=800)],
        "timestamp": np.sort(rng.uniform(1.797e9, 1.798e9, 800)),
    }
    items = {"item_id": [f"i{n}" for n in range(10)], "title": ["My cat"] * 10}
    items["created_at"] = ["2026-11-30T20:44:19Z"] * 10
    made = Recommender.fit(events, items, options=options(modalities=("id", "text"), split="time"))
    assert made.state.trend is not None

    def sent(live, method, item, created):
        row = {"item_id": item, "title": "My cat", "created_at": created}
        return connect(live).request(method, "/items", json={"items": [row]}).status_code

    for opened, item in enumerate(("a", "b")):  # the second server reads what the first has written
        log = SqliteLog(tmp_path / "events.db")
        live = RealtimeRecommender(made, log=log)
        assert log.last_change == 4 * opened
        for method, wrong in (("POST", "1796083200"), ("PATCH", "2026-12-01T10:00:00")):
            assert sent(live, method, f"x{item}" if method == "POST" else "i1", wrong) == 400
        assert log.last_change == 4 * opened
        assert sent(live, "POST", item, "2026-12-01") == 201
        assert sent(live, "PATCH", "i1", "2020-01-01") == 200
        assert sent(live, "POST", f"{item}2", "2026-12-01T10:00:00Z") == 201
        assert sent(live, "PATCH", item, "2026-12-01T11:00:00Z") == 200
        log.close()
    created = live.catalog.frame["created_at"]
    assert created.tail(4).str.slice(0, 13).to_list() == ["2026-12-01T11", "2026-12-01T10"] * 2


def test_images_in_folders_of_items_are_shown(connect, by_number, images, sent_image, tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "front.png").write_bytes(images[0].read_bytes())
    catalog = Catalog(by_number.catalog.frame, tmp_path)
    live = RealtimeRecommender(Recommender(replace(by_number.state, catalog=catalog)))
    client = connect(live)

    def shown():
        lines = client.get("/recommend?user=ann").json()["items"]
        return {line["item"]: line["image"] for line in lines}

    found = shown()
    assert [item for item, image in found.items() if image] == [1]
    answer = client.get(found[1])
    assert (answer.status_code, answer.content) == (200, images[0].read_bytes())
    assert client.get("/images/2").status_code == 404
    row = {"item_id": 9, "title": "lamp"}
    posted = client.post("/items", json={"items": [row], "images": {"9": sent_image}})
    assert posted.status_code == 201, posted.text
    after = shown()
    assert after[1] == found[1]
    assert client.get(after[9]).status_code == 200


def test_items_like_an_item(client, live, by_id):
    lines = client.get("/similar", params={"item": "i3", "k": 4}).json()["items"]
    expected = by_id.similar("i3", 4)
    assert [line["item"] for line in lines] == [line.item for line in expected]
    assert [line["score"] for line in lines] == pytest.approx([line.score for line in expected])
    assert {line["reason"] for line in lines} == {"similarity"}
    assert [line["title"] for line in lines] == [
        live.catalog.row(line["item"])["title"] for line in lines
    ]
    odd = ids(client.get("/similar", params={"item": "i3", "where": '{"kind": "odd"}'}))
    assert odd == [line.item for line in by_id.similar("i3", 10, where={"kind": "odd"})]
    missing = client.get("/similar", params={"item": "none"})
    assert missing.status_code == 404
    assert missing.json()["detail"] == "there is no item 'none' in the catalogue"
    wrong = client.get("/similar", params={"item": "i3", "where": "color = red"})
    assert wrong.status_code == 400
    for params in ({}, {"item": "i3", "k": 0}, {"item": "i3", "count": 3}):
        assert client.get("/similar", params=params).status_code == 422


def test_an_item_that_was_posted_a_moment_ago_is_like_another(stocked, connect):
    client = connect(stocked)
    twin = stocked.catalog.row("i4") | {"item_id": "new"}
    assert client.post("/items", json={"items": [twin]}).status_code == 201
    assert ids(client.get("/similar", params={"item": "i4", "k": 1})) == ["new"]
    assert ids(client.get("/similar", params={"item": "new", "k": 1})) == ["i4"]


def test_a_model_that_is_not_finite_is_an_error_of_the_server(by_id, connect, caplog):
    model = deepcopy(by_id.model)
    with torch.no_grad():
        for weight in model.interest.parameters():
            weight.fill_(torch.nan)
    live = RealtimeRecommender(Recommender(replace(by_id.state, model=model)))
    answer = connect(live).post("/recommend", json={"history": ["i1", "i2"]})
    assert answer.status_code == 500
    said = answer.json()["detail"]
    assert "must give finite interests; got NaN or infinity" in said
    assert f"a list could not be made: {said}" in caplog.text
