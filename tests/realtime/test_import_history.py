import polars as pl
import pytest

from mmrec.realtime import (
    InvalidEvents,
    RealtimeRecommender,
    SqliteLog,
    import_events,
    import_history,
)
from mmrec.recommender import Recommender


@pytest.fixture
def data(tmp_path):
    """A data folder of walks without repeats, sorted by nothing; one item is unknown."""
    rows = [
        (f"u{user}", f"i{(7 * user + 3 * step) % 30}", 100.0 * step)
        for user in range(5)
        for step in range(4, -1, -1)
    ]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    (tmp_path / "data").mkdir()
    frame.write_csv(tmp_path / "data" / "interactions.csv")
    return tmp_path / "data"


@pytest.fixture(scope="module")
def timeless(chain, options):
    """A recommender that uses neither times nor event types, as a list of ids has none."""
    events, items = chain(users=60, items=30)
    del events["event"]
    made = options(time_gap=False, epochs=3)
    return Recommender.fit(events, items, options=made, negatives="full")


def test_users_of_the_training_get_the_list_of_their_history(timeless, data, tmp_path):
    timeless.save(tmp_path / "run")
    report = import_history(tmp_path / "run", data, tmp_path / "events.db")
    assert (report.new, report.users) == (25, 5)
    log = SqliteLog(tmp_path / "events.db")
    live = RealtimeRecommender.load(tmp_path / "run", log=log)
    popular = [line.item for line in live.recommend("nobody")]
    for user in range(5):
        history = [f"i{(7 * user + 3 * step) % 30}" for step in range(5)]
        found, expected = live.recommend(f"u{user}"), timeless.recommend(history)
        assert [line.item for line in found] == [line.item for line in expected]
        assert [line.score for line in found] == pytest.approx(
            [line.score for line in expected], abs=1e-4
        )
        assert [line.item for line in found] != popular
    live.observe("u1", "i1")
    assert import_events(data, live.log, live.catalog).unchanged
    log.close()


def test_a_recommender_that_was_fitted_in_python_says_how_tables_are_read(
    chain, options, tmp_path, caplog
):
    events, items = (pl.DataFrame(table) for table in chain(users=20, steps=6))
    columns = {"who": "user_id", "name": "title"}
    items = items.rename({"title": "name"})
    made = Recommender.fit(
        events.rename({"user_id": "who"}),
        items,
        columns=columns,
        time_unit="ms",
        options=options(epochs=1),
        negatives="full",
    )
    made.save(tmp_path / "run")
    logs = [tmp_path / f"{name}.db" for name in "abc"]
    caplog.set_level("INFO")
    import_history(tmp_path / "run", events.rename({"user_id": "who"}), logs[0])
    assert "read as for the training: who is user_id, timestamps are in ms" in caplog.messages
    import_history(tmp_path / "run", events, logs[1])  # our name
    given = {"columns": {"client": "user_id"}, "time_unit": "s"}
    import_history(tmp_path / "run", events.rename({"user_id": "client"}), logs[2], **given)
    times = []
    for path in logs:
        log = SqliteLog(path)
        stored = sorted((event.user, event.item, event.time) for event in log.read())
        assert len(stored) == len(events)
        times.append([time for *_, time in stored])
        log.close()
    assert times[0] == times[1]
    assert times[0] == pytest.approx([time / 1000 for time in times[2]])


def test_imported_events_count_like_observed_ones(by_id, data):
    imported, observed = RealtimeRecommender(by_id), RealtimeRecommender(by_id)
    import_events(data, imported.log, imported.catalog)
    for event in imported.log.read():
        observed.observe(event.user, event.item, event.event_type, event.time)
    for user in range(5):
        assert imported.recommend(f"u{user}") == observed.recommend(f"u{user}")


def test_items_that_were_added_live_are_items_of_the_run(by_content, tmp_path):
    by_content.save(tmp_path / "run")
    rows = {"user_id": ["u"] * 3, "item_id": ["new", "newer", "i1"], "timestamp": [1, 2, 3]}
    log = tmp_path / "events.db"
    assert import_history(tmp_path / "run", rows, log).unknown_items == ("new", "newer")
    events = SqliteLog(log)
    live = RealtimeRecommender.load(tmp_path / "run", log=events)
    live.add_items({"item_id": ["new"], "title": ["red hat"]})
    live.update_items({"item_id": ["new"], "title": ["blue hat"]})
    events.close()
    report = import_history(tmp_path / "run", rows, log)
    assert (report.new, report.known, report.unknown_items) == (1, 1, ("newer",))


def test_what_is_missing_is_named_before_a_log_is_made(saved, data, tmp_path):
    for run, source in (("no", data), (saved, tmp_path / "no.csv"), (saved, tmp_path)):
        with pytest.raises(FileNotFoundError):
            import_history(tmp_path / run, source, tmp_path / "events.db")
    assert not (tmp_path / "events.db").exists()


def test_many_events_are_observed_at_once(by_id):
    live, single = RealtimeRecommender(by_id), RealtimeRecommender(by_id)
    rows = {
        "user": ["ann", "bob", "ann"],
        "item": ["i1", "i2", "i5"],
        "time": [1.0, 2.0, 3.0],
        "id": ["x", None, "y"],
    }
    assert live.observe_many(rows) == [1, 2, 3]
    for row in pl.DataFrame(rows).iter_rows(named=True):
        single.observe(row["user"], row["item"], time=row["time"])
    assert live.recommend("ann") == single.recommend("ann")
    assert live.observe_many(pl.DataFrame(rows)[[0, 2]]) == [1, 3]
    with pytest.raises(InvalidEvents, match=r"event 1: .*got 'i99'; event 2: .*got \['user'\]"):
        live.observe_many(
            [{"user": "ann", "item": item} for item in ("i1", "i99")] + [{"user": ""}]
        )
    assert live.log.last_offset == 3
    assert live.observe_many([]) == []


def test_observe_many_takes_over_items_of_other_processes(by_content):
    log = RealtimeRecommender(by_content).log
    one, other = (RealtimeRecommender(by_content, log=log) for _ in range(2))
    one.add_items({"item_id": ["new"], "title": ["red hat"]})
    assert other.observe_many([{"user": "ann", "item": "new"}]) == [1]
    assert len(other.history("ann")) == 1
