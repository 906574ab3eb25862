import polars as pl
import pytest

from mmrec.data.times import LATEST, other_unit, to_seconds

NOW = 1_764_000_000


@pytest.mark.parametrize(
    ("many", "unit"), [(1e3, "milliseconds"), (1e6, "microseconds"), (1e9, "nanoseconds")]
)
def test_another_unit_is_named(many, unit):
    times = pl.Series("timestamp", [NOW, NOW * many], dtype=pl.Float64, strict=False)
    with pytest.raises(ValueError, match=rf"events: .* rows \[1\] .*, which looks like {unit}$"):
        to_seconds(times, "events")


def test_the_last_second_before_2200_is_a_time():
    times = pl.Series("timestamp", [LATEST - 1])
    assert to_seconds(times, "events").to_list() == [LATEST - 1]
    with pytest.raises(ValueError, match="before the year 2200"):
        to_seconds(times + 1, "events")


def test_a_position_has_no_unit():
    assert to_seconds(pl.Series("position", [LATEST]), "events").to_list() == [LATEST]


def test_a_time_in_no_known_unit():
    assert other_unit(1e300) == ""


@pytest.mark.parametrize("wrong", ["2024-13-01", "2024-01-01T25:00:00", "soon", None])
def test_rows_without_a_valid_time_are_named(wrong):
    times = pl.Series("timestamp", ["2024-01-01", wrong], dtype=pl.String)
    with pytest.raises(ValueError, match=r"rows \[.*1\] \(counted from 0\) hold"):
        to_seconds(times, "events")
