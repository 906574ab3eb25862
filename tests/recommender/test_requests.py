import numpy as np
import polars as pl
import pytest

from mmrec.recommender.requests import as_rows, check_count, check_item


@pytest.mark.parametrize("rows", [[["a", "b"], ["c", "d"]], [("a", "b"), np.array(["c", "d"])]])
def test_many_histories(rows):
    expected = [["a", "b"], ["c", "d"]], True
    assert as_rows(rows) == as_rows(np.array(rows)) == as_rows(pl.Series(rows)) == expected


def test_one_history():
    for history in (["a", "b"], ("a", "b"), np.array(["a", "b"]), pl.Series(["a", "b"])):
        assert as_rows(history) == ([["a", "b"]], False)
        assert as_rows(history[:0]) == ([[]], False)
    rows, many = as_rows(np.array([3, 4]))
    assert [type(item) for item in rows[0]] == [int, int]
    assert not many


@pytest.mark.parametrize(
    "history", [None, 3, {"a": 1}, {"a"}, iter("a"), [["a"], None], [["a"], "b"], "a"]
)
def test_what_is_no_history(history):
    with pytest.raises(ValueError, match="a history must be a list of item ids; got"):
        as_rows(history)


def test_tables_are_no_history():
    for table in (pl.DataFrame({"item_id": ["a"]}), pl.LazyFrame({"item_id": ["a"]})):
        kind = type(table).__name__
        with pytest.raises(ValueError, match=f"item ids; got a {kind}: pass its column"):
            as_rows(table)


def test_ids_that_are_lists():
    with pytest.raises(ValueError, match=r"must be a list of item ids; it holds \['a'\]"):
        as_rows([[["a"], "b"]])


def test_one_item():
    for item in ("a", 3, np.int64(3)):
        check_item(item)
    for item in (["a"], None, pl.Series(["a"]), 2.5):
        with pytest.raises(ValueError, match="item must be the id of one item; got"):
            check_item(item)


def test_how_many():
    check_count(1)
    check_count(np.int64(10))
    for k in ("3", 2.0, None, True):
        with pytest.raises(ValueError, match="k must be a whole number; got"):
            check_count(k)
    for k in (0, -1):
        with pytest.raises(ValueError, match=f"k must be 1 or more; got {k}"):
            check_count(k)
