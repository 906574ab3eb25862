import decimal
import pickle
from copy import deepcopy

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrec.data.ids import (
    IdIndex,
    check_ids,
    check_unique,
    find_ids,
    forms,
    in_form_of,
    read_ids,
)
from mmrec.data.problems import DataError

NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1)


@pytest.mark.parametrize("dtype", [pl.Int8, pl.UInt32, pl.UInt64, pl.Int64, pl.Float32, pl.Float64])
def test_whole_numbers_are_integers(dtype):
    frame = check_ids(pl.DataFrame({"id": pl.Series([7, 3], dtype=dtype)}), "id", "items")
    assert frame["id"].to_list() == [7, 3]
    assert frame["id"].dtype == pl.Int64


def test_decimals_are_integers():
    ids = [decimal.Decimal("9007199254740993"), decimal.Decimal("7.00")]
    assert check_ids(pl.DataFrame({"id": ids}), "id", "items")["id"].to_list() == [2**53 + 1, 7]


def test_categorical_ids_become_text():
    for dtype in (pl.Categorical, pl.Enum(["07", "b"])):
        frame = check_ids(pl.DataFrame({"id": pl.Series(["07", "b"], dtype=dtype)}), "id", "items")
        assert frame["id"].to_list() == ["07", "b"]


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (
            ["a", None, "", " \t"],
            r"items: id must not be empty; got empty ones in rows \[1, 2, 3\]",
        ),
        ([1, None], r"items: id must not be empty; got empty ones in rows \[1\]"),
        ([None] * 2 + [1] + [None] * 3, r"empty ones in 5 rows, first \[0, 1, 3\] \(counted"),
        ([1.0, None, float("nan")], r"id must not be empty; got empty ones in rows \[1, 2\]"),
        ([None, None], "items: id must be text or integers; got Null"),
        ([1.0, 2.5], r"items: id must be text or integers; rows \[1\] .* hold '2.5'"),
        ([1.0, float("inf")], r"items: id must be text or integers; rows \[1\] .* hold 'inf'"),
        ([decimal.Decimal("1.5")], r"items: id must be text or integers; rows \[0\]"),
        ([1.0, 2.0**53], r"floating point, ids from 9,007,199,254,740,992 on .*; rows \[1\]"),
        (pl.Series([1, 2**24], dtype=pl.Float32), r"ids from 16,777,216 on .*; rows \[1\]"),
        ([True], "items: id must be text or integers; got Boolean"),
        ([["a"]], "items: id must be text or integers; got List"),
        ([2**63], f"items: id must be below .*; got {2**63}"),
    ],
)
def test_bad_ids(ids, message):
    with pytest.raises(ValueError, match=message):
        check_ids(pl.DataFrame({"id": ids}), "id", "items")


def test_ids_that_occur_twice_are_named_with_their_rows():
    with pytest.raises(
        ValueError, match=r"id must be unique; got 2 ids .* first \['b', 'a'\] in 4 rows, first \[0"
    ):
        check_unique(pl.Series("id", ["b", "a", "b", "c", "a"]), "items")
    check_unique(pl.Series("id", ["7", "007"]), "items")


@given(NUMBERS)
def test_a_number_has_the_same_forms_however_it_is_written(number):
    ways = [number, np.int64(number), str(number), f"{number}.0", np.str_(number), float(number)]
    assert {tuple(forms(way)) for way in [*ways, np.float64(number)]} == {
        (number, str(number), f"{number}.0")
    }
    for known in (number, str(number), f"{number}.0"):
        index = IdIndex().with_ids(["x", known])
        assert [index[way] for way in ways] == [2] * len(ways)
        assert index[f"0{number}"] == index[f" {number}"] == index[number + 1] == 0


@pytest.mark.parametrize(
    "item", ["007", "-0", "+7", " 7", "7.", "7.5", "1_0", "٧", "1e3", "", 7.5, True, float("nan")]
)
def test_what_is_no_number(item):
    assert forms(item) == []


def test_an_id_in_doubt_is_not_found():
    index = IdIndex().with_ids(["7", "007", "8"])
    assert [index[item] for item in ("7", "007", 7, 7.0, "7.0", 8, "08")] == [1, 2, 0, 0, 0, 3, 0]
    assert IdIndex().with_ids(["7", "7.0"])[7] == 0
    assert IdIndex().with_ids(["007"])[7] == 0
    assert IdIndex().with_ids([7])["007"] == 0
    assert index.alike(7) == ["7", "007"]
    assert IdIndex().with_ids([7]).alike("007") == [7]
    assert IdIndex().with_ids(["a"]).alike("b") == []


def test_an_index_grows_without_changing_others():
    index = IdIndex().with_ids(["7", "05"])
    for other in (deepcopy(index), pickle.loads(pickle.dumps(index)), index.with_ids([])):
        assert other[7] == 1
        longer = other.with_ids(["8", "9"])
        assert [longer[8], longer["9"], longer["05"], longer[5]] == [3, 4, 2, 0]
        assert index[8] == other[8] == 0
        assert longer.with_ids(["5"])[5] == other.with_ids(["5"])[5] == 0


def test_found_ids_are_written_as_the_known_ones():
    known = pl.Series("id", [7, 8])
    index = IdIndex().with_ids([7, 8])
    found = find_ids(pl.Series("id", ["8", "007", "7.0", "8"]), known, index.__getitem__)
    assert found.to_list() == [8, None, 7, 8]
    assert found.dtype == pl.Int64
    same = pl.Series("id", [8, 7, 8])
    assert find_ids(same, known, index.__getitem__).to_list() == [8, 7, 8]


def test_new_ids_take_the_type_of_the_others():
    assert in_form_of(pl.Series("id", [9]), pl.Series(["x"]), "items").to_list() == ["9"]
    assert in_form_of(pl.Series("id", ["9"]), pl.Series([7]), "items").to_list() == [9]
    with pytest.raises(ValueError, match=r"id must be integers, .* rows \[1, 2\] .* '09', 'x'$"):
        in_form_of(pl.Series("id", ["9", "09", "x"]), pl.Series([7]), "items")


def test_each_kind_of_wrong_id_is_named():
    ids, wrong = read_ids(pl.Series("id", ["a", " ", "b", "a", None]), "items", unique=True)
    assert ids.to_list() == ["a", None, "b", "a", None]
    assert [text.split(" (counted")[0] for text in wrong] == [
        "items: id must not be empty; got empty ones in rows [1, 4]",
        "items: id must be unique; got 1 id more than once, first ['a'] in rows [0, 3]",
    ]
    ids, wrong = read_ids(pl.Series("id", [7.0, 7.5, float("nan"), 2.0**60, None]), "items")
    assert ids.to_list() == [7, None, None, None, None]
    assert ["[2, 4]" in wrong[0], "'7.5'" in wrong[1], "rows [3]" in wrong[2]] == [True] * 3
    with pytest.raises(DataError, match=r"^3 problems: \(1\) items: id must not be empty"):
        check_ids(pl.DataFrame({"id": [7.0, 7.5, None, 2.0**60]}), "id", "items")
    ids, wrong = read_ids(pl.Series("id", [2**64 - 1, None, 7], dtype=pl.UInt64), "items")
    assert (ids.to_list(), len(wrong)) == ([None, None, 7], 2)


def test_an_empty_id_is_not_found():
    known = pl.Series(["8", "7"])
    find = IdIndex().with_ids(["8", "7"]).__getitem__
    assert find_ids(pl.Series(["7.0", None, "9"]), known, find).to_list() == ["7", None, None]
