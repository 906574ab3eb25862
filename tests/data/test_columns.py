from datetime import date, datetime

import numpy as np
import polars as pl
import pytest

from mmrec.data import Catalog
from mmrec.data.columns import Edit, edited, fitted, fitted_columns

KEPT = [
    (["12.5", None], pl.Float64, [12.5, None]),
    ([12.0], pl.Int64, [12]),
    ([3], pl.Float64, [3.0]),
    ([12.1], pl.Float32, [np.float32(12.1).item()]),
    ([12.5, None], pl.String, ["12.5", None]),
    ([True], pl.String, ["true"]),
    (["true", "false"], pl.Boolean, [True, False]),
    (["2026-01-02"], pl.Date, [date(2026, 1, 2)]),
    (
        ["2026-01-02T03:00:00+02:00", "2026-01-02"],
        pl.Datetime("us"),
        [datetime(2026, 1, 2, 1), datetime(2026, 1, 2)],
    ),
    ([datetime(2026, 1, 2)], pl.Date, [date(2026, 1, 2)]),
    ([["a"], []], pl.List(pl.String), [["a"], []]),
    ([None], pl.Int64, [None]),
    (["b"], pl.Enum(["a", "b"]), ["b"]),
]
LOST = [
    (["cheap"], pl.Float64, "'cheap'"),
    (["nan"], pl.Float64, "'nan'"),
    (["1", "12.5"], pl.Int64, "'12.5'"),
    ([12.0, 12.5], pl.Int64, "12.5"),
    ([float("nan")], pl.Int64, "nan"),
    ([300], pl.Int8, "300"),
    ([2**53 + 1], pl.Float64, "9007199254740993"),
    ([True], pl.Int64, "True"),
    ([1], pl.Boolean, "1"),
    (["yes"], pl.Boolean, "'yes'"),
    ([5], pl.Date, "5"),
    ([datetime(2026, 1, 2, 3)], pl.Date, "datetime"),
    (["2026-01-02T03:00"], pl.Date, "'2026-01-02T03:00'"),
    ([5], pl.List(pl.String), "5"),
    ([["x"]], pl.List(pl.Int64), r"\['x'\]"),
    ([["a"]], pl.String, r"\['a'\]"),
    (["c"], pl.Enum(["a", "b"]), "'c'"),
    (["x" * 500], pl.Int64, "x{50}"),
]


@pytest.mark.parametrize(("values", "dtype", "expected"), KEPT)
def test_values_that_keep_their_meaning_are_converted(values, dtype, expected):
    made = fitted(pl.Series("price", values), pl.Series([], dtype=dtype))
    assert (made.dtype, made.to_list()) == (dtype, expected)


@pytest.mark.parametrize(("values", "dtype", "shown"), LOST)
def test_values_that_would_be_lost_are_refused(values, dtype, shown):
    with pytest.raises(
        ValueError, match=f"items: price must be .* as in the catalogue; got .*{shown}"
    ):
        fitted(pl.Series("price", values), pl.Series([], dtype=dtype))


@pytest.mark.parametrize("values", [["cheap", 3], [2.5, "cheap"], [True, 2.5]])
def test_values_of_several_types_are_looked_at_one_by_one(values):
    frame = pl.DataFrame({"item_id": ["a"], "price": [1.5]})
    with pytest.raises(
        ValueError, match=r"price must be a number \(Float64\) as in the catalogue; got"
    ):
        fitted_columns({"item_id": ["a", "b"], "price": values}, frame)
    made = fitted_columns({"item_id": ["a", "b"], "price": ["2.5", 3]}, frame)
    assert made["price"].to_list() == [2.5, 3.0]


@pytest.mark.parametrize("dtype", [pl.List(pl.Float32), pl.List(pl.Float64), pl.Null])
def test_whole_numbers_among_floats_of_a_list_are_floats(dtype):
    frame = pl.DataFrame({"item_id": ["a"], "look": pl.Series([None], dtype=dtype)})
    rows = {"item_id": ["b", "c", "d"], "look": [[2, 0.5], (2.0, 0), [2**70, 1.5]]}
    made = fitted_columns(rows, frame)["look"]
    assert made.to_list() == [[2.0, 0.5], [2.0, 0.0], [2.0**70, 1.5]]


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        ([2.0, "x"], pl.List(pl.Float32)),
        ([2.0, 10**400], pl.List(pl.Float32)),
        ([2, 0.5], pl.List(pl.Int64)),
        (["a", 1], pl.List(pl.String)),
        ([2, 0.5], pl.Float64),
        (10**400, pl.Int64),
    ],
)
def test_lists_of_several_types_are_refused_in_our_words(value, dtype):
    frame = pl.DataFrame({"item_id": ["a"], "look": pl.Series([None], dtype=dtype)})
    with pytest.raises(ValueError, match=r"items: look must be .* as in the catalogue; got"):
        fitted_columns({"item_id": ["b"], "look": [value]}, frame)


def test_the_last_edit_of_a_row_counts_and_the_frame_stays():
    frame = pl.DataFrame({"n": [1, 2, 3], "tags": [["a"], ["b"], ["c"]]})
    first = Edit(None, np.array([0, 1]), {"n": pl.Series([7, 8])}, 1)
    tags = pl.Series([["x"]])
    second = Edit(first, np.array([1]), {"n": pl.Series([9]), "tags": tags}, 2)
    assert edited(frame, second).to_dict(as_series=False) == {
        "n": [7, 9, 3],
        "tags": [["a"], ["x"], ["c"]],
    }
    assert frame["n"].to_list() == [1, 2, 3]


def test_copies_of_a_catalogue_do_not_see_each_other():
    first = Catalog({"item_id": ["a", "b"], "stock": [1, 2]})
    second = first.copy()
    second.update({"item_id": ["a"], "stock": [5]})
    third = second.copy()
    third.update({"item_id": ["b"], "stock": [6]})
    third.append({"item_id": ["c"], "stock": [7]})
    assert [c.frame["stock"].to_list() for c in (third, second, first)] == [
        [5, 6, 7],
        [5, 2],
        [1, 2],
    ]
    assert "c" not in second
    assert third.where({"stock": 6}).tolist() == [False, False, True, False]


def test_many_edits_are_those_of_one_frame():
    rng = np.random.default_rng(0)
    catalog, expected = Catalog({"item_id": range(50), "n": [0] * 50}), np.zeros(50, int)
    for step in range(2500):
        rows = rng.choice(50, size=2, replace=False)
        expected[rows] = step
        catalog.update({"item_id": rows, "n": [step, step]})
    assert catalog.frame["n"].to_list() == expected.tolist()


def test_a_column_without_values_takes_any_type():
    catalog = Catalog({"item_id": ["a", "b"], "image": [None, None]})
    catalog.update({"item_id": ["b"], "image": ["b.png"]})
    assert catalog.frame["image"].to_list() == [None, "b.png"]
    with pytest.raises(ValueError, match="size"):
        catalog.update({"item_id": ["b"], "size": [3]})


def test_a_csv_catalogue_holds_text(tmp_path):
    (tmp_path / "items.csv").write_text("item_id,price\na,12.5\n")
    catalog = Catalog(tmp_path / "items.csv")
    catalog.update({"item_id": ["a"], "price": [9.5]})
    assert catalog.row("a")["price"] == "9.5"
