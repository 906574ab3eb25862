import polars as pl
import pytest

from mmrec.data import DataError
from mmrec.data.problems import Problems, first_rows


def test_one_problem_is_its_own_message():
    problems = Problems()
    problems.check()
    with problems:
        raise ValueError("a")
    with pytest.raises(DataError, match=r"^a$"):
        problems.check()


def test_all_problems_are_in_one_message_also_those_of_tables_within():
    inner, outer = Problems(), Problems()
    for text in "ab":
        with inner:
            raise ValueError(text)
    with outer:
        inner.check()
    with outer:
        raise ValueError("c")
    with pytest.raises(DataError, match=r"^3 problems: \(1\) a; \(2\) b; \(3\) c$") as error:
        outer.check()
    assert error.value.problems == ["a", "b", "c"]


def test_other_errors_pass():
    with pytest.raises(OSError, match="disk"), Problems():
        raise OSError("disk")


def test_first_rows():
    values = pl.Series(["a", None, "c"])
    assert (
        first_rows(values.is_null(), "items", values)
        == "rows [1] (counted from 0, a header not counted) hold null"
    )
    many = pl.Series([True] * 2000)
    assert (
        first_rows(many, "items")
        == "2,000 rows, first [0, 1, 2] (counted from 0, a header not counted)"
    )
