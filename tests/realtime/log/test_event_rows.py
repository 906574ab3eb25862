from datetime import datetime

import pandas as pd
import polars as pl
import pytest

from mmrec.realtime.log.event_rows import InvalidEvents, read_events
from mmrec.realtime.log.events import NewEvent

GOOD = {"user": "ann", "item": "a"}


def known(item):
    return item in ("a", "b", 3)


def test_forms_of_one_batch_are_read_alike():
    columns = {"user": ["ann", "7"], "item": ["a", "b"], "time": [1.5, None], "id": [None, "e"]}
    expected = [NewEvent("ann", "a", time=1.5), NewEvent("7", "b", id="e")]
    rows = [{"user": "ann", "item": "a", "time": 1.5}, {"user": 7, "item": "b", "id": "e"}]
    for form in (columns, pl.DataFrame(columns), rows, tuple(rows)):
        assert read_events(form, known) == expected
    assert read_events([], known) == []


def test_times_of_a_table_may_be_dates_or_texts(tmp_path):
    frame = pd.DataFrame({"user": [1], "item": ["a"], "time": [datetime(1970, 1, 2)]})
    assert read_events(frame, known) == [NewEvent("1", "a", time=86400.0)]
    path = tmp_path / "events.csv"
    pl.DataFrame({"user": ["u"], "item": ["b"], "time": [5.5]}).write_csv(path)
    assert read_events(path, known) == [NewEvent("u", "b", time=5.5)]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (5, "expected an event with user and item; got int"),
        ({"item": "a"}, r"expected user and item.*; got \['item'\]"),
        (GOOD | {"colour": "red"}, r"got \['colour', 'item', 'user'\]"),
        (GOOD | {"item": "z"}, "item: expected an item of the catalogue; got 'z'"),
        (GOOD | {"item": ["a"]}, "item: expected a text or an integer; got list"),
        (GOOD | {"user": True}, "user: .*; got bool"),
        (GOOD | {"time": 10**400}, "time: .*; got a huge number"),
        (GOOD | {"time": 1.7e12}, "looks like milliseconds"),
        (GOOD | {"id": ""}, "id: .*; got 0 characters"),
        (GOOD | {"item": "z" * 1000}, r"got 'z{99}$"),
    ],
)
def test_a_reason_says_what_is_wrong(row, reason):
    with pytest.raises(InvalidEvents, match=reason) as caught:
        read_events([GOOD, row], known)
    assert list(caught.value.reasons) == [1]


def test_all_invalid_events_are_named():
    rows = [GOOD if n % 2 else GOOD | {"item": n + 100} for n in range(300)]
    with pytest.raises(InvalidEvents) as caught:
        read_events(rows, known)
    assert list(caught.value.reasons) == list(range(0, 300, 2))
    said = str(caught.value)
    assert "expected 300 valid events (counted from 0); got 150 invalid ones" in said
    assert "event 4: item: expected an item of the catalogue; got 104" in said
    assert "also events 6, 8, 10" in said
    assert said.endswith("204 and 47 more")


def test_fields_may_have_the_names_of_a_training():
    table = {"user_id": ["ann"], "item_id": ["lamp"], "event": ["buy"], "timestamp": [5.0]}
    expected = [NewEvent("ann", "lamp", "buy", 5.0)]
    for rows in (table, [{name: values[0] for name, values in table.items()}]):
        assert read_events(rows, lambda item: True) == expected
    both = [{"user": "ann", "item": "lamp", "item_id": "chair"}]
    with pytest.raises(InvalidEvents, match=r"got \['item', 'item_id', 'user'\]"):
        read_events(both, lambda item: True)
