import numpy as np
import pandas as pd
import polars as pl
import pytest

from mmrec.data import Catalog, EventReader, EventRules, PastEvent
from mmrec.recommender.past import past_of_history

CATALOG = Catalog({"item_id": ["a", "b", "c"]})


def test_ids_have_no_types_and_times():
    assert past_of_history(["b", "a"], CATALOG) == [PastEvent(2), PastEvent(1)]
    assert past_of_history([], CATALOG) == []
    assert past_of_history(np.array(["c"]), CATALOG) == [PastEvent(3)]


def test_an_empty_history_may_be_a_table_too():
    empty = {"item_id": [], "event": [], "timestamp": []}
    for history in (empty, pl.DataFrame(empty), pd.DataFrame(empty), {"item_id": np.array([])}):
        assert past_of_history(history, CATALOG) == []
    with pytest.raises(ValueError, match="a history must have the columns"):
        past_of_history({"name": ["a"]}, CATALOG)


def test_events_are_sorted_by_time_and_ties_keep_their_order():
    columns = {"item_id": ["a", "b", "c"], "event": ["view", None, ""], "timestamp": [9, 5, 5]}
    expected = [PastEvent(2, None, 5.0), PastEvent(3, None, 5.0), PastEvent(1, "view", 9.0)]
    rows = [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]
    for history in (columns, pl.DataFrame(columns), pd.DataFrame(columns, index=[7, 7, 3]), rows):
        assert past_of_history(history, CATALOG) == expected


def test_the_rows_of_a_user_in_a_log():
    rows = {"item_id": ["b", "a"], "user_id": ["u", "u"]}
    assert past_of_history(rows, CATALOG) == past_of_history(["b", "a"], CATALOG)


@pytest.mark.parametrize(
    ("history", "message"),
    [
        ({"name": ["a"]}, r"a history must have the columns \['item_id'\]"),
        ({"item_id": ["a"], "price": [3]}, r"got also \['price'\]"),
        ({"item_id": ["a"], "timestamp": ["soon"]}, "timestamp must be a finite number"),
        ({"item_id": ["x"]}, "not in the catalogue"),
        ({"item_id": ["a", "b"], "user_id": ["u", "v"]}, "of one user; got events of 2 users"),
        ([{"item_id": "a"}, {"event": "view"}], r"event 1 .counted from 0. has \['event'\]"),
        ([{"item_id": "a"}, {"item": "b", "time": 5}], "a time for all events or none; 1 of 2"),
        ({"item_id": ["a", "b"], "timestamp": [5, None]}, "for all events or none; 1 of 2 have"),
    ],
)
def test_what_is_no_history(history, message):
    with pytest.raises(ValueError, match=message):
        past_of_history(history, CATALOG)


def test_an_event_may_lack_what_others_have():
    """The same as over HTTP: what is missing is unknown."""
    rows = [{"item_id": "a"}, {"item": "b", "event_type": "view"}, {"item_id": "c", "event": None}]
    expected = [PastEvent(1), PastEvent(2, "view"), PastEvent(3)]
    assert past_of_history(rows, CATALOG) == expected
    rules = EventRules(targets=("rating >= 4",), negative=("rating <= 2",))
    reader = EventReader(rules, ("watch:negative", "watch:target"))
    rows = [{"item_id": "a"}, {"item_id": "b", "rating": 5}, {"item_id": "c", "rating": 1.5}]
    given = [{"item_id": "a", "event": "watch", "rating": None}, *rows[1:]]
    assert past_of_history(rows, CATALOG, reader) == past_of_history(given, CATALOG, reader)
    types = [event.event_type for event in past_of_history(rows, CATALOG, reader)]
    assert types == ["watch", "watch:target", "watch:negative"]


def test_ids_and_events_may_be_in_one_list():
    """The same as over HTTP."""
    rows = ["a", {"item": "b", "event_type": "view"}, np.str_("c")]
    expected = [PastEvent(1), PastEvent(2, "view"), PastEvent(3)]
    assert past_of_history(rows, CATALOG) == past_of_history(tuple(rows), CATALOG) == expected
    with pytest.raises(ValueError, match="a time for all events or none; 1 of 2"):
        past_of_history(["a", {"item_id": "b", "timestamp": 5}], CATALOG)
    with pytest.raises(ValueError, match=r"list of item ids; it holds \['a'\]: recommend_many"):
        past_of_history([{"item_id": "b"}, ["a"]], CATALOG)


def test_an_event_whose_columns_rules_read_needs_a_type_where_there_are_several():
    reader = EventReader(EventRules(targets=("rating >= 4",)), ("read", "watch:target"))
    with pytest.raises(ValueError, match=r"must have a type, one of \['read', 'watch'\]"):
        past_of_history({"item_id": ["a"], "rating": [5]}, CATALOG, reader)
    columns = {"item_id": ["a"], "rating": [5], "event": ["watch"]}
    assert past_of_history(columns, CATALOG, reader) == [PastEvent(1, "watch:target")]


def test_events_that_had_no_such_columns_in_training_are_passed_over():
    reader = EventReader(EventRules(targets=("rating >= 4",)), ("view", "review:target"))
    assert reader.warn_of_unread([("view", [])]) is None
    assert reader.warn_of_unread([("view", []), ("review", [])]).startswith("1 event has none")


@pytest.mark.parametrize(
    ("rules", "columns", "said"),
    [
        ({}, [], "1 event has none of the columns that rules of events read, ['duration', 'seen']"),
        ({}, ["seen"], "1 event lacks the columns ['duration'] that rules of events read, first"),
        ({}, ["seen", "duration"], None),
        ({"targets": ("buy",), "negative": ("watch", "seen / duration < 0.1")}, [], None),
        ({"negative": ("seen / duration < 0.1", "rating < 2")}, ["rating"], None),
        (
            {"negative": ("seen / duration < 0.1", "rating < 2")},
            ["rating", "seen"],
            "1 event lacks",
        ),
        ({"negative": ("skip",), "shown": ("seen / duration < 0.1",)}, ["seen"], "1 event lacks"),
    ],
)
def test_a_target_by_its_type_needs_the_columns_that_could_make_it_negative(rules, columns, said):
    usual = {"targets": ("watch",), "negative": ("seen / duration < 0.1",)}
    reader = EventReader(EventRules(**(usual | rules)), ("watch", "watch:negative"))
    found = reader.warn_of_unread([("watch", columns)])
    assert found is None if said is None else found.startswith(said)
    if not columns and said is not None:
        assert found.endswith("and counts by its type alone, as targets")
    assert reader.warn_of_unread([("watch:negative", []), ("like", [])]) is None


def test_events_with_some_and_with_none_of_the_columns_are_told_apart():
    rules = EventRules(targets=("watch",), negative=("seen / duration < 0.1",))
    reader = EventReader(rules, ("watch", "watch:negative"))
    found = reader.warn_of_unread([("watch", []), ("watch", ["seen"]), ("watch", ["duration"])])
    assert found == (
        "1 event has none of the columns that rules of events read, ['duration', 'seen'], first of "
        "type 'watch', and counts by its type alone, as targets; 2 events lack the columns "
        "['duration', 'seen'] that rules of events read, first of type 'watch', and count as if "
        "these rules did not fit"
    )


def test_events_may_have_the_names_of_live_events():
    catalog = Catalog({"item_id": ["a", "b"]})
    rows = [
        {"item": "b", "event_type": "buy", "time": 9},
        {"item": "a", "event_type": "", "time": 5},
    ]
    expected = [PastEvent(1, None, 5.0), PastEvent(2, "buy", 9.0)]
    assert past_of_history(rows, catalog) == expected
    assert past_of_history({"item_id": [*"ba"], "event": ["buy", ""], "time": [9, 5]}, catalog) == (
        expected
    )
    with pytest.raises(ValueError, match=r"got also \['item'\]"):
        past_of_history({"item_id": ["a"], "item": ["b"]}, catalog)
    with pytest.raises(
        ValueError, match=r"holds \('a', 'view'\): .* {'item_id': ..., 'event': ...,"
    ):
        past_of_history([("a", "view")], catalog)
