import polars as pl
import pytest

from mmrec.data import Catalog
from mmrec.trends import CreatedTimes


def rows_of(*times):
    return pl.DataFrame({"item_id": [f"n{n}" for n in range(len(times))], "created_at": times})


def test_a_column_that_holds_no_times_is_not_checked():
    times = CreatedTimes(Catalog({"item_id": ["a"], "created_at": ["last summer"]}))
    times.check(rows_of("some time ago"))


def test_rows_without_the_column_are_not_checked():
    CreatedTimes(Catalog({"item_id": ["a"], "created_at": [1.7e9]})).check(
        pl.DataFrame({"item_id": ["b"]})
    )


@pytest.mark.parametrize(
    ("held", "given", "wrong", "looks"),
    [
        (1.7e9, [1.7e9, 1.7e12, 1.6e9, 1.7e12], [1, 3], ", which looks like milliseconds"),
        (1.7e12, [1.7e12] * 3 + [1.7e9], [3], ""),
        ("2026-12-01", ["2026-12-02", "soon", None], [1], ""),
        ("1796083200", ["2026-12-02", "1796083200"], [0], ""),
        ("1796083200", ["1796083200000"], [0], ", which looks like milliseconds"),
    ],
)
def test_the_rows_that_cannot_be_read_are_named(held, given, wrong, looks):
    times = CreatedTimes(Catalog({"item_id": ["a"], "created_at": [held]}))
    rows = rows_of(*given)
    assert times.unreadable(rows) == wrong
    assert str(times.refusal(rows[wrong])) == (
        f"items: created_at must be a time as in the catalogue, such as {held!r}; "
        f"got {given[wrong[0]]!r}{looks}"
    )


def test_times_of_one_unit_are_refused_however_many_they_are():
    times = CreatedTimes(Catalog({"item_id": ["a"], "created_at": [1.7e9]}))
    assert times.unreadable(rows_of(*[1.7e12] * 50)) == [*range(50)]


def test_times_of_a_day_that_were_taken_beside_dates_bind_those_after_them():
    times = CreatedTimes(Catalog({"item_id": ["a"], "created_at": ["2026-12-01"]}))
    times.check(first := rows_of("2026-12-01T10:00:00Z"))
    times.take(first)
    times.check(rows_of("2026-12-02", "2026-12-01T11:00:00Z"))
    with pytest.raises(ValueError, match="such as '2026-12-01T10:00:00Z'; got '2026-12-01 10:00"):
        times.check(rows_of("2026-12-01 10:00:00"))
