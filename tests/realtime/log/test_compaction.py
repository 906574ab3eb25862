import os
import signal
import subprocess
import sys
import time

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.realtime.log import sqlite_items
from mmrec.realtime.log.compaction import compacted
from mmrec.realtime.log.item_changes import ItemChange
from mmrec.realtime.log.memory_log import MemoryLog
from mmrec.realtime.log.sqlite_log import SqliteLog


@pytest.fixture(params=["memory", "sqlite"])
def log(request, tmp_path):
    log = MemoryLog() if request.param == "memory" else SqliteLog(tmp_path / "events.db")
    yield log
    log.close()


def change(item, action="update", features=None, **columns):
    rows = pl.DataFrame({"item_id": [item]} | {name: [value] for name, value in columns.items()})
    return ItemChange(action, rows, features or {})


def result(changes, start=()):
    """What a reader knows: the items in their order, values, what is available, features."""
    items, values, available, features = {}, {}, {}, {}
    if start:
        items, values, available, features = (dict(part) for part in start)
    for action, rows, sent in changes:
        for row in rows.to_dicts():
            item = row.pop("item_id")
            if action in ("remove", "restore"):
                available[item] = action == "restore"
                continue
            if action == "add":
                items.setdefault(item, len(items))
            values |= {(item, name): value for name, value in row.items()}
            if sent:
                features[item] = sent["text"].tolist()
    return items, values, available, features


changes = st.lists(
    st.builds(
        change,
        st.sampled_from("abc"),
        st.sampled_from(["add", "update", "update", "remove", "restore"]),
        st.sampled_from([None, None, {"text": np.ones((1, 2), np.float32)}]),
        price=st.sampled_from([1, 2, 3, 2.5]),
    )
    | st.builds(change, st.sampled_from("abc"), stock=st.integers(0, 3)),
    max_size=12,
)


@settings(max_examples=100, deadline=None)
@given(changes, st.integers(0, 12))
def test_fewer_changes_have_the_same_result(found, read):
    fewer = compacted(found)
    assert result(fewer) == result(found)
    # A reader that has applied some of them already gets to the same end.
    assert result(fewer, start=result(found[:read])) == result(found)
    assert result(compacted(fewer)) == result(found)


def test_only_the_last_value_of_each_column_is_left():
    stock = [change(f"i{n % 10}", stock=n) for n in range(1000)]
    [left] = compacted([*stock])
    assert sorted(left.rows["stock"].to_list()) == list(range(990, 1000))
    mixed = compacted([change("a", price=1), change(7, price=2), change("a", price="x")])
    assert [part.rows.rows() for part in mixed] == [[(7, 2)], [("a", "x")]]


def test_followers_by_number_miss_nothing(log):
    for n in range(6):
        log.change_items(change("a", stock=n))
    log.change_items(change("new", "add", title="lamp"))
    log.change_items(change("a", "remove"))
    assert (log.last_change, log.loose_changes) == (8, 8)
    everything = [c for _, c in log.item_changes()]
    behind, ahead = result(everything[:3]), result(everything)
    done = log.compact_items()
    assert (done.folded, done.before, done.after) == (7, 8, 10)
    assert (log.last_change, log.loose_changes) == (10, 0)
    for number, start in ((3, behind), (8, ahead)):
        assert result([c for _, c in log.item_changes(after=number)], start=start) == ahead
    assert result([c for _, c in log.item_changes()]) == ahead
    assert log.change_items(change("a", stock=9)) == 11
    assert [number for number, _ in log.item_changes(after=10)] == [11]
    assert log.compact_items().folded == 3
    assert result([c for _, c in log.item_changes()]) == result([*everything, change("a", stock=9)])


def test_what_is_written_while_it_is_read_ahead_counts(tmp_path, monkeypatch):
    log = SqliteLog(tmp_path / "events.db")
    other = SqliteLog(tmp_path / "events.db")
    for n in range(5):
        log.change_items(change("a", stock=n))
    read = log.item_changes

    def slowly(after=0):
        found = read(after)
        other.change_items(change("a", stock=99))
        other.compact_items()
        other.change_items(change("b", stock=1))
        return found

    with monkeypatch.context() as patch:
        patch.setattr(log, "item_changes", slowly)
        log.compact_items()
    assert result(c for _, c in log.item_changes())[1] == {("a", "stock"): 99, ("b", "stock"): 1}
    log.close()
    other.close()


@pytest.mark.parametrize("step", ["compacted", "Compaction"])
def test_a_failure_between_the_steps_loses_nothing(tmp_path, monkeypatch, step):
    log = SqliteLog(tmp_path / "events.db")
    for n in range(5):
        log.change_items(change("a", stock=n))
    before = [(number, c.rows.rows()) for number, c in log.item_changes()]

    def fail(*_):
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(sqlite_items, step, fail)
        with pytest.raises(OSError, match="full"):
            log.compact_items()
    assert [(number, c.rows.rows()) for number, c in log.item_changes()] == before
    assert log.last_change == log.loose_changes == 5
    assert log.change_items(change("a", stock=5)) == 6
    assert log.compact_items().folded == 6
    log.close()


WRITER = """
import sys
import polars as pl
from mmrec.realtime.log.item_changes import ItemChange
from mmrec.realtime.log.sqlite_log import SqliteLog
log = SqliteLog(sys.argv[1])
for n in range(10**6):
    log.change_items(ItemChange("update", pl.DataFrame({"item_id": ["a"], "n": [n]}), {}))
    print(n, flush=True)
    if n % 5 == 4:
        log.compact_items()
"""


def test_a_kill_loses_no_acknowledged_change(tmp_path):
    path = tmp_path / "events.db"
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    )
    said = [writer.stdout.readline() for _ in range(23)]
    time.sleep(0.05)
    os.kill(writer.pid, signal.SIGKILL)
    said += writer.stdout.readlines()
    writer.wait()
    writer.stdout.close()
    last = max(int(line) for line in said if line.endswith("\n"))
    log = SqliteLog(path)
    n = result(c for _, c in log.item_changes())[1]["a", "n"]
    assert last <= n <= last + 1
    log.close()
