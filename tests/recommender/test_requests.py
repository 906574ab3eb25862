import numpy as np
import polars as pl
import pytest

from mmrec.recommender.requests import as_history, check_count, check_item


def test_a_history_of_any_kind():
    for history in (["a", "b"], ("a", "b"), np.array(["a", "b"]), pl.Series(["a", "b"])):
        assert as_history(history) == ["a", "b"]
        assert as_history(history[:0]) == []
    assert [type(item) for item in as_history(np.array([3, 4]))] == [int, int]


@pytest.mark.parametrize("history", [None, 3, {"a": 1}, {"a"}, iter("a"), "a"])
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
    check_count(1)
    check_count(np.int64(10))
    for k in ("3", 2.0, None, True):
        with pytest.raises(ValueError, match="k must be a whole number; got"):
            check_count(k)
    for k in (0, -1):
        with pytest.raises(ValueError, match=f"k must be 1 or more; got {k}"):
            check_count(k)
