"""A live recommender starts from the features of users, as lists for histories do."""

import pytest
from fastapi.testclient import TestClient

from mmrec import Options, Recommender
from mmrec.realtime import MemoryLog, RealtimeRecommender, SqliteLog
from mmrec.serving import create_app

NOW = 1_000_000.0
PAST = [("x", "view", 900_000.0), ("z", "cart", 900_500.0), ("z", "cart", 900_501.0)]


@pytest.fixture(scope="module", params=["gru4rec", "lrurec"])
def made(request):
    """A recommender that reads a feature of users; don't change it."""
    events = {
        "user_id": [n % 12 for n in range(96)],
        "item_id": [[*"vwxyz"][(n * n + n // 12) % 5] for n in range(96)],
        "timestamp": [n * 1000.0 for n in range(96)],
        "event": [["view", "cart"][n % 2] for n in range(96)],
    }
    users = {"user_id": range(12), "sex": [*"fmfmfmfmfmfm"]}
    options = Options(modalities=("id",), dim=8, epochs=3, lr=1e-2)
    return Recommender.fit(
        events, {"item_id": [*"vwxyz"]}, users=users, options=options, interest=request.param
    )


@pytest.fixture(params=["plain", "affinities"])
def either(request, made, add_affinities):
    """A recommender as it was trained, and with affinities of content."""
    return made if request.param == "plain" else add_affinities(made, {"id": 3}, (1.0,))


@pytest.fixture(params=["memory", "sqlite", "hidden"])
def log(request, tmp_path):
    if request.param == "memory":
        yield MemoryLog()
        return
    key = b"k" * 32 if request.param == "hidden" else None
    kept = SqliteLog(tmp_path / "log.db", user_key=key)
    yield kept
    kept.close()


def same(lines, wanted):
    assert [line.item for line in lines] == [line.item for line in wanted]
    scores = [line.score for line in wanted]
    assert [line.score for line in lines] == pytest.approx(scores, abs=1e-5)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_live_user_has_the_list_of_the_history(either, count):
    live, past = RealtimeRecommender(either), PAST[:count]
    for item, kind, time in past:
        live.observe("6", item, kind, time)
    names = ("item_id", "event", "timestamp")
    history = [dict(zip(names, event, strict=True)) for event in past]
    lines = live.recommend("6", at=NOW, exclude_seen=False)
    assert lines[0].reason == "interest"
    same(lines, either.recommend(history, user=6, at=NOW, exclude_seen=False))
    same(lines, either.recommend(history, user={"sex": "f"}, at=NOW, exclude_seen=False))
    client = TestClient(create_app(live), base_url="http://127.0.0.1")
    answer = client.get("/recommend", params={"user": "6", "at": NOW, "exclude_seen": False})
    assert [line["item"] for line in answer.json()["items"]] == [line.item for line in lines]


def test_groups_start_apart_and_others_with_what_is_popular(made):
    live = RealtimeRecommender(made)
    assert live.recommend("6", at=NOW) != live.recommend("7", at=NOW)
    assert live.recommend("nobody", at=NOW)[0].reason == "popularity"


def test_an_explanation_has_the_score_of_the_list(either):
    live = RealtimeRecommender(either)
    for past in ([], PAST):
        for item, kind, time in past:
            live.observe("6", item, kind, time)
        found = live.explain("6", "v", at=NOW)
        [line] = live.recommend("6", at=NOW, where="item_id = v", exclude_seen=False)
        assert found.score == pytest.approx(line.score, abs=1e-5)
        assert {item for item, _ in found.history} == {item for item, *_ in past}
    [line] = live.recommend("nobody", at=NOW, where="item_id = v")
    assert live.explain("nobody", "v", at=NOW).score == pytest.approx(line.score)


def test_a_forgotten_user_has_no_features(made, log, tmp_path):
    live = RealtimeRecommender(made, log=log)
    live.observe("6", "x", time=900_000.0)
    assert not log.was_forgotten("6")
    live.forget("6")
    assert log.was_forgotten("6")
    assert not log.was_forgotten("7")
    for again in (live, RealtimeRecommender(made, log=log)):
        assert again.recommend("6", at=NOW) == again.recommend("nobody", at=NOW)
    live.observe("6", "x", time=900_000.0)
    live.observe("nobody", "x", time=900_000.0)
    same(live.recommend("6", at=NOW), live.recommend("nobody", at=NOW))
    live.save(tmp_path / "run")
    users = Recommender.load(tmp_path / "run").state.users
    assert (users.find(6), users.find(7) > 0) == (0, True)
