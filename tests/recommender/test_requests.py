import numpy as np
import pandas as pd
import polars as pl
import pytest

from mmrec.data import EventReader, EventRules
from mmrec.recommender.requests import (
    as_history,
    check_count,
    check_item,
    check_many,
    check_seen,
)


def test_a_history_of_any_kind():
    for history in (["a", "b"], ("a", "b"), np.array(["a", "b"]), pl.Series(["a", "b"])):
        assert as_history(history) == ["a", "b"]
        assert as_history(history[:0]) == []
    assert as_history(item for item in "ab") == ["a", "b"]
    assert as_history(pd.Series(["a", "b"], index=[7, 7])) == ["a", "b"]
    assert as_history(pd.Series([3, 4], index=["x", "y"])) == [3, 4]
    assert [type(item) for item in as_history(np.array([3, 4]))] == [int, int]


@pytest.mark.parametrize("history", [None, 3, {"a": 1}, {"a"}, "a", b"a", np.array("a")])
def test_what_is_no_history(history):
    with pytest.raises(ValueError, match="a history must be a list of item ids; got"):
        as_history(history)


@pytest.mark.parametrize("many", [[["a"], ["b"]], [["a"], None], [("a",)], np.array([["a"]])])
def test_many_histories_are_for_another_method(many):
    with pytest.raises(ValueError, match=r"it holds .*: recommend_many takes many"):
        as_history(many)


def test_tables_are_no_history():
    for table in (pl.DataFrame({"item_id": ["a"]}), pl.LazyFrame({"item_id": ["a"]})):
        kind = type(table).__name__
        with pytest.raises(ValueError, match=f"item ids; got a {kind}: pass its column"):
            as_history(table)


def test_one_item():
    for item in ("a", 3, np.int64(3), 3.0, np.str_("a")):
        check_item(item)
    for item in (["a"], None, pl.Series(["a"]), 2.5, float("nan")):
        with pytest.raises(ValueError, match="item must be the id of one item; got"):
            check_item(item)


def test_k_must_be_a_positive_whole_number():
    assert check_count(1) == 1
    assert type(check_count(np.int64(10))) is int
    for k in ("3", 2.0, None, True):
        with pytest.raises(ValueError, match="k must be a whole number; got"):
            check_count(k)
    for k in (0, -1):
        with pytest.raises(ValueError, match=f"k must be 1 or more; got {k}"):
            check_count(k)


def test_an_argument_is_named():
    assert as_history({"a"}, "exclude") == ["a"]
    with pytest.raises(ValueError, match="exclude must be a list of item ids; got the text 'a,b'"):
        as_history("a,b", "exclude")
    with pytest.raises(ValueError, match=r"exclude must be a list of item ids; it holds \['a'\]$"):
        as_history([["a"]], "exclude")


@pytest.mark.parametrize("many", ["abc", {"a": ["b"]}, pd.DataFrame({"a": ["b"]}), None, 3])
def test_what_is_not_many_histories(many):
    with pytest.raises(ValueError, match="recommend_many expects"):
        check_many(many)


def test_the_event_type_that_may_be_meant_is_named():
    reader = EventReader(event_types=("cart", "view:negative", "view:target"))
    check_seen(["view", "view:target"], reader)
    with pytest.raises(
        ValueError, match=r"among \['cart', 'view'\]; got \['crat'\] \(did you mean"
    ):
        check_seen(["crat"], reader)
    with pytest.raises(ValueError, match=r"got 'view'$"):
        check_seen("view", reader)


def test_a_type_that_is_not_read_is_said_to_be_so():
    reader = EventReader(EventRules(ignored=("cart",)), ("view",))
    with pytest.raises(ValueError, match="'cart' is ignored, so that no event of it"):
        check_seen(["cart"], reader)
