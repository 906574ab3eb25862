"""The same events give the same list, whatever way they take."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec import Options, Recommender
from mmrec.affinities import CoOccurrence, Successors
from mmrec.data import Interactions, to_sequences
from mmrec.realtime import RealtimeRecommender
from mmrec.recommender.batch import histories_of, recommend_all
from mmrec.recommender.content import VectorsModality
from mmrec.serving import create_app

ITEMS = [f"i{n}" for n in range(12)]
NOW = 1_000_000.0


AFFINITIES = ("none", "content", "neighbours", "all", "new")


@pytest.fixture(scope="module", params=["gru4rec", "sasrec"])
def made(request, add_affinities):
    """Recommenders of purchases, with views as context and hides as negative events.

    All have the same model; they differ in their affinities.
    """
    rng = np.random.default_rng(0)
    count = 600
    events = {
        "user_id": [f"u{n % 40}" for n in range(count)],
        "item_id": [ITEMS[n] for n in rng.integers(len(ITEMS) - 2, size=count)],  # two are new
        "timestamp": np.sort(rng.integers(0, 900_000, count)),
        "event": rng.choice(["view", "view", "purchase", "hide"], count),
    }
    options = Options(
        modalities=("id", "clip"),
        targets=("purchase",),
        split="time",
        dim=8,
        epochs=2,
        max_length=8,
        trend=False,
    )
    vectors = rng.normal(size=(len(ITEMS), 5))
    catalog = {"item_id": ITEMS, "clip": [None, *vectors[1:].tolist()]}
    encoders = {"clip": VectorsModality("clip")}
    plain = Recommender.fit(
        events, catalog, options=options, encoders=encoders, interest=request.param
    )
    log = to_sequences(Interactions(events), plain.catalog)
    # No event is later than `until`, so that live events are not counted.
    tables = [
        replace(neighbours, weight=weight, until=2 * NOW)
        for neighbours, weight in (
            (CoOccurrence.of(log, len(ITEMS)), 0.8),
            (Successors.of(log, len(ITEMS)), 0.5),
        )
    ]
    content = {"dims": {"clip": 3, "id": 2}, "weights": (1.5, 0.5)}
    given = {
        "none": {},
        "content": content,
        "neighbours": {"neighbours": tables},
        "all": content | {"neighbours": tables},
        "new": content | {"own": (0.7, 2.0, 0.5)},
    }
    return {name: add_affinities(plain, **how, negative=["hide"]) for name, how in given.items()}


EVENTS = st.lists(
    st.tuples(
        st.sampled_from([*ITEMS[:6], ITEMS[11]]),
        st.sampled_from(["view", "purchase", "hide", "share", "impression"]),
        st.integers(0, 3),  # seconds since the event before: ties are common
    ),
    max_size=30,
)


@settings(max_examples=24, deadline=None)
@given(
    st.sampled_from(AFFINITIES),
    EVENTS,
    st.sets(st.sampled_from(ITEMS), max_size=3),
    st.booleans(),
)
def test_five_ways_give_one_list(made, affinities, events, removed, everything):
    """Recommend, recommend_all, a live user, a live history and HTTP."""
    made = made[affinities]
    times = np.cumsum([900_000.0, *(gap for *_, gap in events)])[1:]
    rows = [
        {"item_id": item, "event": kind, "timestamp": float(time)}
        for (item, kind, _), time in zip(events, times, strict=True)
    ]
    seen = True if everything else ["purchase"]
    live = RealtimeRecommender(made)
    if removed:
        live.remove_items(sorted(removed))
    for row in rows:
        live.observe("ann", row["item_id"], row["event"], row["timestamp"])
    how = {"k": 8, "at": NOW, "exclude_seen": seen}
    by_user = live.recommend("ann", **how)
    expected = [line.item for line in by_user]
    scores = [line.score for line in by_user]

    def check(lines):
        assert [line.item for line in lines] == expected
        assert [line.score for line in lines] == pytest.approx(scores, abs=1e-4)

    check(live.recommend(history=rows, **how))
    saved = Recommender(live.snapshots.to_state())  # knows what was removed
    check(saved.recommend(rows, **how))
    if rows:
        log = pl.DataFrame(rows).with_columns(user_id=pl.lit("ann"))
        lists = recommend_all(saved, histories_of(log), **how)
        assert lists["item_id"].to_list() == expected
    client = TestClient(create_app(live), base_url="http://127.0.0.1")
    asked = {"user": "ann", "k": 8, "at": NOW, "exclude_seen": seen if everything else "purchase"}
    answer = client.get("/recommend", params=asked)
    assert answer.status_code == 200, answer.text
    assert [line["item"] for line in answer.json()["items"]] == expected
    past = [
        {"item": row["item_id"], "event_type": row["event"], "time": row["timestamp"]}
        for row in rows
    ]
    body = {"history": past, "k": 8, "at": NOW, "exclude_seen": seen}
    answer = client.post("/recommend", json=body)
    assert answer.status_code == 200, answer.text
    assert [line["item"] for line in answer.json()["items"]] == expected


@pytest.mark.parametrize("kinds", [("hide",), ("hide", "skip"), ("hide", "impression", "hide")])
def test_who_has_only_said_no_gets_what_a_stranger_gets_without_it(made, kinds):
    made = made["none"]
    rows = [
        {"item_id": item, "event": kind, "timestamp": NOW - 100 + number}
        for number, (item, kind) in enumerate(zip(ITEMS[1:], kinds, strict=False))
    ]
    refused = [row["item_id"] for row in rows if row["event"] != "impression"]
    live = RealtimeRecommender(made)
    for row in rows:
        live.observe("ann", row["item_id"], row["event"], row["timestamp"])
    stranger = live.recommend("bob", k=8, at=NOW, exclude=refused)
    assert {line.reason for line in stranger} == {"popularity"}
    assert live.recommend("ann", k=8, at=NOW) == stranger
    assert live.recommend(history=rows, k=8, at=NOW) == stranger
    assert made.recommend(rows, k=8, at=NOW) == stranger
    again = RealtimeRecommender(made, log=live.log)  # its session is made again
    assert again.recommend("ann", k=8, at=NOW) == stranger
    assert live.explain("ann", "i9", at=NOW).rule == live.explain("bob", "i9", at=NOW).rule
    client = TestClient(create_app(live), base_url="http://127.0.0.1")
    answer = client.get("/recommend", params={"user": "ann", "k": 8, "at": NOW}).json()
    assert [line["item"] for line in answer["items"]] == [line.item for line in stranger]
    past = [{"item": row["item_id"], "event_type": row["event"]} for row in rows]
    answer = client.post("/recommend", json={"history": past, "k": 8, "at": NOW}).json()
    assert [line["item"] for line in answer["items"]] == [line.item for line in stranger]


def test_one_view_is_enough_for_an_interest_and_a_no_moves_it(made):
    live = RealtimeRecommender(made["none"])
    live.observe("ann", "i1", "hide", NOW - 3)
    live.observe("ann", "i2", "view", NOW - 2)
    with_no = live.recommend("ann", k=12, at=NOW, exclude_seen=False)
    assert {line.reason for line in with_no} == {"interest"}
    live.observe("bob", "i2", "view", NOW - 2)
    scores = {line.item: line.score for line in live.recommend("bob", k=12, at=NOW)}
    assert scores != {line.item: line.score for line in with_no}  # the no is read as history
