import random
from collections import Counter

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.data import Catalog
from mmrec.realtime.log.importing import import_events
from mmrec.realtime.log.memory_log import MemoryLog
from mmrec.realtime.log.sqlite_log import SqliteLog

CATALOG = Catalog({"item_id": [*"abcd"]})
ROWS = [  # user, item, time, type; unsorted
    ("ann", "b", 20.0, "view"),
    ("bob", "a", 15.0, "cart"),
    ("ann", "a", 10.0, "view"),
    ("bob", "c", 25.0, "view"),
    ("ann", "c", 30.0, "cart"),
]


@pytest.fixture(params=["memory", "sqlite", "keyed"])
def log(request, tmp_path):
    key = b"sixteen bytes at least" if request.param == "keyed" else None
    path = tmp_path / "events.db"
    log = MemoryLog() if request.param == "memory" else SqliteLog(path, user_key=key)
    yield log
    log.close()


def table(rows):
    names = ["user_id", "item_id", "timestamp", "event"]
    return pl.DataFrame(rows, schema=names, orient="row")


def held(log, users=("ann", "bob")):
    """What a log has of each user, in its order."""
    return {user: [(e.item, e.time, e.event_type) for e in log.of_user(user)] for user in users}


EXPECTED = {
    "ann": [("a", 10.0, "view"), ("b", 20.0, "view"), ("c", 30.0, "cart")],
    "bob": [("a", 15.0, "cart"), ("c", 25.0, "view")],
}


def test_events_are_stored_in_the_order_of_their_times(log):
    report = import_events(table(ROWS), log, CATALOG)
    assert (report.new, report.users, report.known) == (5, 2, 0)
    assert held(log) == EXPECTED
    assert [event.time for event in log.read()] == [10.0, 15.0, 20.0, 25.0, 30.0]
    assert log.imported == [range(1, 6)]


def test_a_table_that_grew_adds_its_new_rows_alone(log):
    import_events(table(ROWS), log, CATALOG)
    again = import_events(table(ROWS[::-1]), log, CATALOG)
    assert (again.new, again.users, again.known) == (0, 0, 5)
    grown = [("ann", "d", 40.0, "view"), *ROWS]  # every row has another number now
    report = import_events(table(grown), log, CATALOG)
    assert (report.new, report.users, report.known, report.late) == (1, 1, 5, 0)
    assert held(log) == EXPECTED | {"ann": [*EXPECTED["ann"], ("d", 40.0, "view")]}


def test_equal_rows_are_as_many_events(log):
    row = ("ann", "a", 10.0, "view")
    assert import_events(table([row, row]), log, CATALOG).new == 2
    assert import_events(table([row, row, row]), log, CATALOG).new == 1
    assert import_events(table([row]), log, CATALOG).new == 0
    assert len(log.of_user("ann")) == 3


def test_what_was_observed_and_exported_does_not_count_twice(log):
    log.append("ann", "b", time=20.0)  # without an id, and before its predecessors
    report = import_events(table(ROWS), log, CATALOG)
    assert (report.new, report.known, report.late) == (4, 1, 1)  # a at 10 is late
    assert Counter(held(log)["ann"]) == Counter(EXPECTED["ann"])
    assert "1 older than the last event of their user" in str(report)
    assert log.imported == [range(2, 6)]


def test_what_was_observed_before_a_merge_does_not_count_twice(log):
    log.append("ann", "b", time=20.0)
    import_events(table(ROWS[:2]), log, CATALOG)
    log.merge_users("ann", "eve")
    report = import_events(table(ROWS), log, CATALOG)
    assert report.new + report.known == 5
    assert held(log)["ann"] == EXPECTED["ann"][2:]  # later than what was merged
    assert Counter(event.item for event in log.of_user("eve")) == Counter("ab")


def test_a_history_that_grew_after_a_merge_is_divided_at_its_last_moved_event(log):
    import_events(table(ROWS[:3]), log, CATALOG)  # ann at 20 and 10
    log.merge_users("ann", "eve")
    log.append("eve", "c", event_type="cart", time=30.0)  # as the new event of the file
    for new in (2, 0):
        assert import_events(table(ROWS), log, CATALOG).new == new
        assert held(log)["ann"] == EXPECTED["ann"][2:]
        assert held(log, ["eve"])["eve"] == EXPECTED["ann"]


def test_unknown_items_are_left_out_and_named(log):
    rows = [*ROWS, ("ann", "x", 1.0, "view"), ("cleo", "y", 2.0, "view"), ("ann", "x", 3.0, "view")]
    report = import_events(table(rows), log, CATALOG)
    assert (report.new, report.users, report.unknown) == (5, 2, 3)
    assert report.unknown_items == ("x", "y")
    assert held(log) == EXPECTED


def test_a_forgotten_user_stays_forgotten(log):
    import_events(table(ROWS), log, CATALOG)
    assert log.forget("ann") == 3
    report = import_events(table(ROWS), log, CATALOG)
    assert (report.new, report.known, report.forgotten) == (0, 2, 3)
    assert held(log) == EXPECTED | {"ann": []}
    log.append("ann", "d", time=50.0)  # who comes back starts anew
    assert import_events(table(ROWS), log, CATALOG).forgotten == 3
    assert held(log)["ann"] == [("d", 50.0, "view")]


def test_a_user_is_forgotten_before_the_first_import(log):
    assert log.forget("ann") == 0
    report = import_events(table(ROWS), log, CATALOG)
    assert (report.new, report.users, report.forgotten) == (2, 1, 3)
    assert "3 of forgotten users left out" in str(report)


@pytest.mark.parametrize("texts", [True, False])
def test_items_get_the_type_of_the_catalogue(log, texts):
    catalog = Catalog({"item_id": ["7", "8"] if texts else [7, 8]})
    items = [7, 8, 9] if texts else ["7", "8", "08"]
    rows = {"user_id": [1, 1, 1], "item_id": items, "timestamp": [1, 2, 3]}
    report = import_events(rows, log, catalog)
    assert [event.item for event in log.of_user("1")] == catalog.ids
    assert report.unknown_items == (items[-1],)
    assert import_events(rows, log, catalog).known == 2


def test_positions_and_missing_types(log):
    import_events({"user_id": ["u"], "item_id": ["a"], "position": [3]}, log, CATALOG)
    rows = {"user_id": ["v"] * 3, "item_id": [*"abc"], "timestamp": [1, 2, 3]}
    import_events(rows | {"event": ["cart", None, ""]}, log, CATALOG)
    assert [(e.event_type, e.time) for e in log.read()] == [
        ("view", 3.0),
        ("cart", 1.0),
        ("unknown", 2.0),
        ("unknown", 3.0),
    ]


def test_an_import_that_broke_off_continues(log, monkeypatch):
    monkeypatch.setattr("mmrec.realtime.log.importing.TRANSACTION", 2)
    store, calls = log.import_many, []

    def once(events):
        calls.append(events)
        if len(calls) > 1:
            raise OSError("no space left on device")
        return store(events)

    with monkeypatch.context() as patch:
        patch.setattr(log, "import_many", once)
        with pytest.raises(OSError, match="no space"):
            import_events(table(ROWS), log, CATALOG)
    assert len(list(log.read())) == 2
    report = import_events(table(ROWS), log, CATALOG)
    assert (report.new, report.known) == (3, 2)
    assert held(log) == EXPECTED


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_large_file_is_read_in_parts(tmp_path, suffix):
    rows = [(f"u{n % 40}", "abcd"[n % 4], float(1000 - n // 2), "view") for n in range(400)]
    path = tmp_path / f"interactions{suffix}"
    frame = table([*rows, ("u1", "x", 1.0, "view")])
    frame.write_csv(path) if suffix == ".csv" else frame.write_parquet(path)
    whole, parts = MemoryLog(), MemoryLog()
    one = import_events(tmp_path, whole, CATALOG)  # the folder
    many = import_events(path, parts, CATALOG, rows=60)
    assert one == many
    assert (one.new, one.users, one.unknown) == (400, 40, 1)
    users = [f"u{n}" for n in range(40)]
    assert held(whole, users) == held(parts, users)
    assert len({event.user for event in list(parts.read())[:20]}) < 20  # one part after another


def test_an_unchanged_file_is_not_read_again(log, tmp_path, monkeypatch):
    path = tmp_path / "interactions.csv"
    table([*ROWS, ("ann", "x", 1.0, "view")]).write_csv(path)
    assert import_events(path, log, CATALOG).new == 5
    with monkeypatch.context() as patch:
        patch.setattr("mmrec.realtime.log.importing.read_parts", None)
        again = import_events(path, log, CATALOG)
    assert (again.new, again.known, again.unknown, again.unchanged) == (0, 5, 1, True)
    assert str(again) == (
        "0 events of 0 users imported; 5 known (the file is unchanged); 1 on items that "
        "are not in the catalogue left out, first ['x']; mmrec fit refuses a table with "
        "such events"
    )
    more = Catalog({"item_id": [*"abcdx"]})
    assert import_events(path, log, more).new == 1
    table([*ROWS, ("ann", "d", 90.0, "view")]).write_csv(path)
    assert import_events(path, log, CATALOG).new == 1


def test_a_wrong_table_is_named(log, tmp_path):
    with pytest.raises(ValueError, match="must have the columns"):
        import_events({"user_id": ["u"], "timestamp": [1]}, log, CATALOG)
    with pytest.raises(FileNotFoundError, match="interactions"):
        import_events(tmp_path, log, CATALOG)
    path = tmp_path / "log.csv"
    table([(f"u{n}", "a", -1.0, "view") for n in range(9)]).write_csv(path)
    with pytest.raises(ValueError, match=r"log.csv, part 1 of 3: .*timestamp must be"):
        import_events(path, log, CATALOG, rows=3)
    assert list(log.read()) == []


EVENT = st.tuples(
    st.sampled_from(["ann", "bob"]),
    st.sampled_from([*"abcd"]),
    st.integers(0, 3).map(float),
    st.sampled_from(["view", "cart"]),
)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(EVENT, min_size=1, max_size=12), cut=st.integers(1, 12), seed=st.integers())
def test_any_two_imports_give_the_events_of_the_table(rows, cut, seed):
    log = MemoryLog()
    import_events(table(rows[:cut]), log, CATALOG)
    random.Random(seed).shuffle(rows)
    report = import_events(table(rows), log, CATALOG)
    found = [(e.user, e.item, e.time, e.event_type) for e in log.read()]
    assert Counter(found) == Counter(rows)
    assert report.new == max(0, len(rows) - cut)


def test_event_types_that_were_not_in_training_are_counted(log):
    rows = {"user_id": [*"uuvvv"], "item_id": [*"abcab"], "timestamp": range(5)}
    rows |= {"event": ["view", "crat", "hide", None, "crat"]}
    for _ in range(2):
        report = import_events(rows, log, CATALOG, event_types=["cart", "view"])
        if report.new:
            assert (report.new, report.untyped, report.unknown_types) == (5, 2, ("crat",))
            assert "2 of event types that were not in training, first ['crat']" in str(report)
    assert (report.known, report.untyped) == (5, 0)
    assert import_events(rows | {"user_id": [*"aabbb"]}, log, CATALOG).untyped == 0
