import datetime
import logging
from collections import Counter
from itertools import pairwise

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.data import (
    Catalog,
    DataError,
    Interactions,
    check_known,
    drop_consecutive_duplicates,
    k_core,
)

PLAIN = {"user_id": ["u", "v"], "item_id": ["a", "b"]}
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
        pd.to_datetime(["1970-01-02 00:00", "1970-01-02 01:00"]),
        pd.to_datetime(["1970-01-02T02:00+02:00", "1970-01-02T03:00+02:00"]),
        pd.to_datetime(["1970-01-01T19:00", "1970-01-01T20:00"]).tz_localize("America/New_York"),
        pa.array([86400_000, 90000_000], pa.timestamp("ms", "UTC")),
        ["1970-01-02 00:00:00+00:00", "1970-01-02 01:00:00+00:00"],
        ["1970-01-02T00:00:00.000Z", "1970-01-02T01:00:00Z"],
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
        ({"timestamp": [1, "abc"]}, "column timestamp mixes texts such as 'abc' with others"),
        ({"item_id": [7, "007"]}, "interactions: column item_id mixes texts such as '007' with"),
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
        (
            {"timestamp": [1, 1_700_000_000_000]},
            r"year 2200 \(1 others are\); rows \[1\] .* looks like milliseconds$",
        ),
        ({"timestamp": ["1700000000000000", "1.7e18"]}, r"microseconds; \(2\) .* nanoseconds$"),
        ({"timestamp": [1e30] * 2}, r"hold '1e\+30', '1e\+30'$"),
        ({"timestamp": [datetime.date(9999, 12, 31)] * 2}, "hold '9999-12-31', '9999-12-31'$"),
        ({"timestamp": ["2024-05-01", "01/05/2024"]}, r"or dates .* ISO form; rows \[0, 1\]"),
        ({"timestamp": ["2024-05-01T10:00", "2024-13-01T10:00"]}, r"rows \[1\] .*'2024-13-01T10"),
        ({"timestamp": ["2024-05-01T10:00Z", "2024-05-01T10:00"]}, r"one ISO form; rows \[1\]"),
        ({"user_id": [None, "u"]}, r"user_id must not be empty; got empty ones in rows \[0\]"),
        ({"item_id": [1.5, 2.0]}, r"item_id must be text or integers; rows \[0\] .* hold '1.5'"),
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
        ("user_id,item_id,timestamp\nu,a,1,2\n", "line 2 has 4 values, the header 3: u,a,1,2"),
        ("user_id,item_id,timestamp\nu,a,1\nu,b\n", r"timestamp must be .*lines \[3\] of log"),
        (
            "user_id,item_id,timestamp\nu,a,1\nu\n",
            r"item_id must not be empty; got empty ones in lines \[3\] of log.csv",
        ),
        ("user_id;item_id;timestamp\nu;a;1\n", "seems to be separated by ';'; expected ','"),
        ("user_id,item_id,timestamp\n", "must have at least one row"),
        ("user_id,item_id,item_id,timestamp\nu,a,b,1\n", r"its header has \['item_id'\] more"),
    ],
)
def test_bad_csv_logs(tmp_path, content, message):
    (tmp_path / "log.csv").write_text(content)
    with pytest.raises(ValueError, match=message):
        Interactions(tmp_path / "log.csv")


def test_all_problems_are_in_one_message(tmp_path):
    (tmp_path / "log.csv").write_text(
        "user_id,item_id,timestamp\n,a,1\nu,q,never\nu,b,3\n,q,\nv,r,5\n"
    )
    with pytest.raises(DataError) as error:
        Interactions(tmp_path / "log.csv", Catalog({"item_id": ["a", "b"]}))
    assert error.value.problems == [
        "interactions: user_id must not be empty; got empty ones in lines [2, 5] of log.csv",
        "interactions: 3 of 5 events refer to 2 items that are not in the catalogue, first "
        "['q', 'r'] in lines [3, 5, 6] of log.csv",
        "interactions: timestamp must be a finite number of 0 or more, or dates and times in one "
        "ISO form; lines [3, 5] of log.csv hold 'never', null",
    ]
    with pytest.raises(DataError) as error:
        Interactions({"item_id": [None], "timestamp": [-1], "event": [[1]]})
    assert [text.split(";")[0] for text in error.value.problems] == [
        "interactions must have the columns ['user_id']",
        "interactions: item_id must be text or integers",
        "interactions: timestamp must be a finite number of 0 or more, or dates and times in one "
        "ISO form",
        "interactions: event must be text",
    ]


def test_without_a_time_the_order_of_rows_is_that_of_events(caplog):
    log = Interactions({"user_id": ["u", "v", "u"], "item_id": ["c", "b", "a"]})
    assert rows(log) == [("u", "c", 0.0), ("v", "b", 1.0), ("u", "a", 2.0)]
    assert log.order == "position"
    assert caplog.messages == [
        "interactions have no column timestamp or position among ['user_id', 'item_id']: the order "
        "of their rows is taken to be that of time; a column with another name is given as "
        "THEIRS=timestamp (--columns, columns=)"
    ]


@pytest.mark.parametrize(("unit", "many"), [("s", 1), ("ms", 1e3), ("us", 1e6), ("ns", 1e9)])
@pytest.mark.parametrize("kind", [int, float, str])
def test_units_of_times(unit, many, kind, caplog):
    times = {"timestamp": [kind(many * 1_700_000_001), kind(many * 1_700_000_000)]}
    said = Interactions(PLAIN | times, time_unit=unit)
    assert not caplog.messages
    guessed = Interactions(PLAIN | times)
    for log in (said, guessed):
        assert rows(log) == [("v", "b", 1.7e9), ("u", "a", 1.7e9 + 1)]
    names = {"ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
    assert caplog.messages == [
        f"interactions: timestamp looks like {name} and is read as such (time_unit='{of}')"
        for of, name in names.items()
        if of == unit
    ]


@pytest.mark.parametrize(
    ("columns", "unit", "message"),
    [
        (
            {"timestamp": [1, 2]},
            "h",
            r"time_unit must be one of \['s', 'ms', 'us', 'ns'\]; got 'h'",
        ),
        ({"timestamp": ["2024-01-01"] * 2}, "s", "holds dates .* no unit; got time_unit='s'"),
        ({"position": [1, 2]}, "ms", r"the unit of a column timestamp; got \['user_id'"),
        ({"timestamp": [1.7e12] * 2}, "s", "must be seconds .* looks like milliseconds$"),
        ({"timestamp": [1.7e15] * 2}, "ms", "must be milliseconds .* looks like microseconds$"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_wrong_units(columns, unit, message):
    with pytest.raises(ValueError, match=message):
        Interactions(PLAIN | columns, time_unit=unit)


def ids_of(log):
    return log.frame["item_id"].to_list()


@pytest.mark.parametrize(
    ("events", "items", "expected"),
    [
        ([7, 8], ["7", "8"], ["7", "8"]),
        (["7", "8"], [7, 8], [7, 8]),
        ([7.0, 8.0], ["7", "8"], ["7", "8"]),
        (["7.0", "8.0"], ["7", "8"], ["7", "8"]),
        (["7.0", "8.0"], [7, 8], [7, 8]),
        ([7, 8], ["7.0", "8.0"], ["7.0", "8.0"]),
        ([7, 8], ["7", "lamp", "8"], ["7", "8"]),
        (["007", "7"], ["7", "007"], ["007", "7"]),
        (pd.Series([7, 8], dtype="Int64"), pd.Series(["7", "8"]), ["7", "8"]),
        (pd.Series(["7", "8"], dtype="category"), pd.Series([8, 7]), [7, 8]),
        (pa.array([7, 8], pa.int32()), pa.array(["8", "7"]), ["7", "8"]),
        (pl.Series(["7", "8"], dtype=pl.Categorical), pl.Series([7, 8]), [7, 8]),
        (np.array([7, 8], dtype=np.uint16), np.array([8.0, 7.0]), [7, 8]),
    ],
)
def test_ids_are_written_as_in_the_catalogue(events, items, expected):
    catalog = Catalog({"item_id": items})
    columns = {"user_id": [1, 1], "item_id": events, "timestamp": [1, 2]}
    assert ids_of(Interactions(columns, catalog)) == expected
    assert ids_of(check_known(Interactions(columns), catalog)) == expected


def test_pandas_makes_floats_of_integers_where_a_column_has_gaps():
    events = pd.DataFrame({"user_id": [1, 2, 3], "item_id": [7, None, 8], "position": [1, 2, 3]})
    catalog = Catalog(pd.DataFrame({"item_id": ["7", "8"]}))
    assert str(events["item_id"].dtype) == "float64"
    assert ids_of(Interactions(events.dropna(), catalog)) == ["7", "8"]
    with pytest.raises(ValueError, match=r"item_id must not be empty; .* rows \[1\]"):
        Interactions(events, catalog)
    outer = events.merge(pd.DataFrame({"user_id": [3, 4]}), how="outer")
    assert ids_of(Interactions(outer.dropna())) == [7, 8]


NUMBERS = st.lists(st.integers(-(2**53) + 1, 2**53 - 1), unique=True, min_size=1, max_size=6)
WAYS = {"int": int, "text": str, "float": float, "text of a float": "{}.0".format}


@settings(max_examples=150, deadline=None)
@given(NUMBERS, st.sampled_from(list(WAYS)), st.sampled_from(list(WAYS)), st.booleans())
def test_a_number_is_one_id_however_two_tables_write_it(numbers, here, there, frames):
    items = {"item_id": [WAYS[there](number) for number in numbers]}
    events = {
        "user_id": [0] * len(numbers),
        "item_id": [WAYS[here](number) for number in reversed(numbers)],
        "position": range(len(numbers)),
    }
    if frames:
        items, events = pd.DataFrame(items), pd.DataFrame(events)
    catalog = Catalog(items)
    log = Interactions(events, catalog)
    assert ids_of(log) == list(reversed(catalog.ids))
    for number in numbers:
        forms = [way(number) for way in WAYS.values()]
        assert {catalog.find(form) for form in forms} == {numbers.index(number) + 1}


def test_what_was_read_otherwise_is_said_once(caplog):
    caplog.set_level(logging.INFO)
    columns = {"user_id": ["u"] * 3, "item_id": [7, 8, 7], "position": range(3)}
    Interactions(columns, Catalog({"item_id": ["7", "8", "9"]}))
    assert caplog.messages == ["interactions: 2 item ids are read as text, as in items"]
    Interactions(columns, Catalog({"item_id": [7, 8, 9]}))
    assert len(caplog.messages) == 1


@pytest.mark.parametrize(
    ("events", "items", "message"),
    [
        (
            [7, 8],
            ["7", "007", "8"],
            r"1 item .* first \[7\] in rows \[0\] .*; 7 may be '7' or '007'",
        ),
        ([7, 8], ["007", "8"], "7 may be '007' of the catalogue: write the ids as text in all"),
        (["007", "8"], [7, 8], r"first \['007'\] .*; '007' may be 7 of the catalogue"),
        (
            ["a", "8"],
            [7, 8],
            r"first \['a'\] in rows \[0\] \(counted from 0, a header not counted\)$",
        ),
    ],
)
def test_ids_in_doubt_are_refused(events, items, message):
    columns = {"user_id": [1, 1], "item_id": events, "timestamp": [1, 2]}
    with pytest.raises(ValueError, match=message):
        Interactions(columns, Catalog({"item_id": items}))


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
        assert {"timestamp", "position"} & set(log.frame.columns)


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
