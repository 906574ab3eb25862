import polars as pl
import pytest

from mmrec.recommender.check.there import columns_of, filled, spread_of


@pytest.mark.parametrize(
    ("values", "holds", "share"),
    [
        (["1", "2.5", ""], "number", 2 / 3),
        (["2024-05-01", None], "time", 0.5),
        (["true", "false"], "boolean", 1.0),
        (["a", "1"], "text", 1.0),
        ([1.0, float("nan")], "number", 0.5),
        ([["a"], []], "several values", 0.5),
        ([None, None], "text", 0.0),
    ],
)
def test_columns(values, holds, share):
    (column,) = columns_of(pl.DataFrame({"x": values}))
    assert (column["holds"], column["filled"]) == (holds, share)


def test_ids_are_ids():
    assert columns_of(pl.DataFrame({"item_id": ["7"]}))[0]["holds"] == "id"


def test_spread_of_nothing():
    assert spread_of(pl.Series([], dtype=pl.Int64))["max"] == 0
    assert filled(pl.Series([None])).to_list() == [False]
