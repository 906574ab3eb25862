import datetime
from collections import Counter
from itertools import pairwise

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.data import Interactions, drop_consecutive_duplicates, k_core

COLUMNS = {
    "user_id": ["007", "7", "é中", 'a,"b"'],
    "item_id": ["1", "01", "x\ny", "z"],
    "timestamp": [3, 1, 2, 2],
    "rating": [5, 4, 3, 2],
}
EVENTS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 4)), min_size=1, max_size=40
)


def log_of(events, order="timestamp"):
    users, items, times = zip(*events, strict=True)
    return Interactions({"user_id": users, "item_id": items, order: times})


def rows(log):
    return log.frame.select("user_id", "item_id", log.order).rows()


def test_every_kind_of_source_gives_the_same_log(tmp_path):
    frame = pl.DataFrame(COLUMNS)
    frame.write_csv(tmp_path / "log.csv")
    frame.write_parquet(tmp_path / "log.parquet")
    expected = [("7", "01", 1.0), ("é中", "x\ny", 2.0), ('a,"b"', "z", 2.0), ("007", "1", 3.0)]
    for source in (
        tmp_path / "log.csv",
        str(tmp_path / "log.parquet"),
        frame,
        frame.lazy(),
        frame.to_pandas(),
        pa.table(COLUMNS),
        COLUMNS,
    ):
        assert rows(Interactions(source)) == expected


def test_further_columns_stay_with_their_row():
    assert Interactions(COLUMNS).frame["rating"].to_list() == [4, 3, 2, 5]


def test_integer_ids_stay_integers():
    log = Interactions(pl.DataFrame({"user_id": [7], "item_id": [3], "position": [0]}).to_pandas())
    assert log.frame.row(0) == (7, 3, 0.0)
    assert log.order == "position"


@settings(max_examples=100, deadline=None)
@given(EVENTS)
def test_events_of_one_time_keep_their_order(events):
    expected = sorted(events, key=lambda event: event[2])  # Python's sort is stable
    assert rows(log_of(events)) == expected


@pytest.mark.parametrize(
    "times",
    [
        [86400, 90000],
        [86400.0, 90000.0],
        ["86400", "9e4"],
        [datetime.datetime(1970, 1, 2), datetime.datetime(1970, 1, 2, 1)],
        pl.Series(
            [datetime.datetime(1970, 1, 2), datetime.datetime(1970, 1, 2, 1)]
        ).dt.cast_time_unit("ns"),
        [
            datetime.datetime(
                1970, 1, 2, h + 2, tzinfo=datetime.timezone(datetime.timedelta(hours=2))
            )
            for h in (0, 1)
        ],
    ],
)
def test_times_become_seconds(times):
    log = Interactions({"user_id": ["u", "u"], "item_id": ["a", "b"], "timestamp": times})
    assert log.frame["timestamp"].to_list() == [86400.0, 90000.0]


def test_texts_of_dates_and_times_are_utc(tmp_path):
    (tmp_path / "log.csv").write_text(
        "user_id,item_id,timestamp\nu,b,1970-01-02T01:00:00+01:00\nu,a,1970-01-01T00:00:01Z\n"
    )
    log = Interactions(tmp_path / "log.csv")
    assert log.frame["timestamp"].to_list() == [1.0, 86400.0]
    assert log.frame["item_id"].to_list() == ["a", "b"]
    plain = {"user_id": ["u"] * 2, "item_id": ["a"] * 2}
    dated = Interactions(plain | {"timestamp": ["1970-01-02", "1970-01-03"]})
    assert dated.frame["timestamp"].to_list() == [86400.0, 172800.0]


def test_a_position_may_be_large():
    log = Interactions({"user_id": ["u"], "item_id": ["a"], "position": [10**15]})
    assert log.frame["position"].to_list() == [1e15]


def test_timestamp_goes_before_position():
    log = Interactions(
        {"user_id": [1, 1], "item_id": [1, 2], "position": [0, 1], "timestamp": [9, 3]}
    )
    assert log.order == "timestamp"
    assert log.frame["item_id"].to_list() == [2, 1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"user_id": None}, r"interactions must have the columns \['user_id'\]; got"),
        ({"timestamp": None}, "interactions must have a timestamp or a position column; got"),
        ({"timestamp": [1, "abc"]}, "must be a polars"),
        (
            {"timestamp": ["1", "abc"]},
            r"timestamp must be a finite number .*rows \[1\].* hold 'abc'$",
        ),
        ({"timestamp": ["1", ""]}, r"timestamp must be a finite number .*rows \[1\].* hold ''$"),
        ({"timestamp": [1.0, float("nan")]}, r"timestamp must be a finite number .* hold 'nan'$"),
        ({"timestamp": [-1, 1]}, r"timestamp must be a finite number .*rows \[0\].* hold '-1'$"),
        ({"timestamp": [1.0, float("inf")]}, r"timestamp must be a finite number .* hold 'inf'$"),
        ({"timestamp": [1, None]}, r"timestamp must be a finite number .*rows \[1\] .* hold null$"),
        ({"timestamp": [True, False]}, "timestamp must be numbers or dates and times; got Boolean"),
        ({"timestamp": [[1], [2]]}, "timestamp must be numbers or dates and times; got List"),
        ({"timestamp": [datetime.time(1)] * 2}, "timestamp must be numbers .*; got Time"),
        ({"timestamp": [datetime.date(1950, 1, 1)] * 2}, "timestamp must be a finite number"),
        ({"timestamp": [1, 1_700_000_000_000]}, r"rows \[1\] .* looks like milliseconds$"),
        ({"timestamp": ["1700000000000000"] * 2}, "before the year 2200; .* like microseconds$"),
        ({"timestamp": [1.7e18] * 2}, "looks like nanoseconds$"),
        ({"timestamp": [1e30] * 2}, r"hold '1e\+30', '1e\+30'$"),
        ({"timestamp": [datetime.date(9999, 12, 31)] * 2}, "hold '9999-12-31', '9999-12-31'$"),
        ({"timestamp": ["2024-05-01", "01/05/2024"]}, r"or dates .* ISO form; rows \[0, 1\]"),
        ({"timestamp": ["2024-05-01T10:00", "2024-13-01T10:00"]}, r"rows \[1\] .*'2024-13-01T10"),
        ({"timestamp": ["2024-05-01T10:00Z", "2024-05-01T10:00"]}, r"one ISO form; rows \[1\]"),
        ({"user_id": [None, "u"]}, r"user_id must not be empty; got empty ones in rows \[0\]"),
        ({"item_id": [1.5, 2.0]}, "item_id must be text or integers; got Float64"),
        ({"event": [["view"], ["cart"]]}, "event must be text; got List"),
        ({"event": [b"\xff", b"\xfe"]}, "event must be text; got Binary"),
    ],
)
def test_bad_logs(changes, message):
    columns = {"user_id": ["u", "v"], "item_id": ["a", "b"], "timestamp": [1, 2]} | changes
    with pytest.raises(ValueError, match=message) as error:
        Interactions({name: values for name, values in columns.items() if values is not None})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("user_id,item_id,timestamp\nu,a,1,2\n", "found more fields"),
        ("user_id,item_id,timestamp\nu,a,1\nu,b\n", r"timestamp must be .*rows \[1\]"),
        (
            "user_id,item_id,timestamp\nu,a,1\nu\n",
            r"item_id must not be empty; got empty ones in rows \[1\]",
        ),
        ("user_id;item_id;timestamp\nu;a;1\n", r"must have the columns \['user_id', 'item_id'\]"),
        ("user_id,item_id,timestamp\n", "must have at least one row"),
        ("user_id,item_id,item_id,timestamp\nu,a,b,1\n", r"its header has \['item_id'\] more"),
    ],
)
def test_bad_csv_logs(tmp_path, content, message):
    (tmp_path / "log.csv").write_text(content)
    with pytest.raises(ValueError, match=message):
        Interactions(tmp_path / "log.csv")


def log_or_message(columns):
    try:
        return Interactions(columns), ""
    except ValueError as error:
        return None, str(error)


CELLS = st.sampled_from(
    ["", " ", "a", "7", "007", "1e3", "-1", "nan", "inf", "é", "\0", "1" * 400, None]
)
NAMES = ["user_id", "item_id", "timestamp", "position", "event", "_user", ""]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(NAMES), unique=True, max_size=5).flatmap(
        lambda names: st.integers(0, 3).flatmap(
            lambda size: st.fixed_dictionaries(
                {name: st.lists(CELLS, min_size=size, max_size=size) for name in names}
            )
        )
    )
)
def test_any_table_of_text_is_a_log_or_one_sentence(columns):
    log, message = log_or_message(columns)
    if log is None:
        assert len(message.splitlines()) == 1
    else:
        times = log.frame[log.order].to_numpy()
        assert np.isfinite(times).all()
        assert (np.diff(times) >= 0).all()
        assert sorted(log.frame["user_id"]) == sorted(columns["user_id"])


@settings(max_examples=100, deadline=None)
@given(EVENTS, st.integers(0, 4))
def test_k_core_keeps_what_repeated_removal_keeps(events, min_count):
    kept = sorted(events, key=lambda event: event[2])
    while True:
        users, items = (Counter(event[i] for event in kept) for i in (0, 1))
        fewer = [e for e in kept if users[e[0]] >= min_count and items[e[1]] >= min_count]
        if fewer == kept:
            break
        kept = fewer
    assert rows(k_core(log_of(events), min_count)) == kept


def test_k_core_of_less_than_nothing():
    with pytest.raises(ValueError, match="min_count must be 0 or more; got -1"):
        k_core(Interactions(COLUMNS), -1)


@settings(max_examples=100, deadline=None)
@given(EVENTS, st.sampled_from(["timestamp", "position"]))
def test_drop_consecutive_duplicates(events, order):
    log = log_of(events, order)
    kept = rows(drop_consecutive_duplicates(log))
    last, expected = {}, []
    for user, item, time in rows(log):
        if last.get(user) != item:
            expected.append((user, item, time))
        last[user] = item
    assert kept == expected
    by_user = {user: [item for u, item, _ in kept if u == user] for user, _, _ in kept}
    assert all(a != b for items in by_user.values() for a, b in pairwise(items))


def test_of_event_types():
    log = Interactions(COLUMNS | {"event": ["view", "cart", None, "view"]})
    assert log.of_event_types(["view"]).frame["timestamp"].to_list() == [2.0, 3.0]
    assert len(log) == 4
    with pytest.raises(ValueError, match=r"events of the types \['buy'\]; got \['cart', 'view'\]"):
        log.of_event_types(["buy"])
    with pytest.raises(ValueError, match=r"must have the columns \['event'\]"):
        Interactions(COLUMNS).of_event_types(["view"])


def test_numbers_are_event_names():
    assert Interactions(COLUMNS | {"event": [1, 2, 1, 3]}).frame["event"].to_list() == [
        "2",
        "1",
        "3",
        "1",
    ]


def test_repr_has_the_sizes():
    assert repr(Interactions(COLUMNS)) == "Interactions(4 events, 4 users, 4 items)"
