import polars as pl
import pytest

from mmrec.data.problems import DataError
from mmrec.data.times import LATEST, guess_unit, other_unit, read_times, to_seconds

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
    with pytest.raises(
        ValueError, match=r"rows \[.*1\] \(counted from 0, a header not counted\) hold"
    ):
        to_seconds(times, "events")


@pytest.mark.parametrize("many", [1, 1e3, 1e6, 1e9])
def test_a_unit_is_guessed_if_all_times_are_in_it(many):
    unit = {1: "s", 1e3: "ms", 1e6: "us", 1e9: "ns"}[many]
    times = pl.Series([NOW * many, (LATEST - 1) * many])
    assert guess_unit(times) == guess_unit(times.cast(pl.Int64)) == unit
    assert guess_unit(times.cast(pl.String)) == unit
    assert guess_unit(pl.Series([1.0, NOW * many])) == (unit if unit == "s" else None)


@pytest.mark.parametrize("times", [["2024-01-01"], ["x"], [None], [[1]], [1e30], [-1], [0.5, None]])
def test_no_unit_is_guessed(times):
    found = guess_unit(pl.Series(times))
    assert found == ("s" if times == [0.5, None] else None)


def test_no_precision_is_lost():
    times = pl.Series("timestamp", [NOW * 10**6 + n for n in (0, 1, 2)])
    seconds = to_seconds(times, "events")
    assert seconds.dtype == pl.Float64
    assert seconds.n_unique() == 3


def test_float32_times_are_a_warning(caplog):
    times = pl.Series("timestamp", [NOW, 5], dtype=pl.Float32)
    to_seconds(times, "events")
    assert len(caplog.messages) == 1
    assert "events: timestamp is in float32, which rounds 1 of the times" in caplog.messages[0]
    to_seconds(times.cast(pl.Float64), "events")
    to_seconds(pl.Series("timestamp", [5, 6], dtype=pl.Float32), "events")
    assert len(caplog.messages) == 1


@pytest.mark.parametrize(
    ("time", "unit", "given", "seems"),
    [
        (NOW, "ms", "milliseconds", "seconds"),
        (NOW, "ns", "nanoseconds", "seconds"),
        (NOW * 1e3, "us", "microseconds", "milliseconds"),
        (NOW * 1e6, "ns", "nanoseconds", "microseconds"),
    ],
)
def test_a_unit_that_puts_all_times_in_1970_is_refused(time, unit, given, seems):
    said = f"must be {given} since 1970, as time_unit='{unit}' says; got {seems}, as it seems"
    with pytest.raises(ValueError, match=said):
        to_seconds(pl.Series("timestamp", [time, time + 1]), "events", unit)


def test_a_coarser_unit_than_the_times_is_refused():
    with pytest.raises(ValueError, match=r"before the year 2200; .* looks like milliseconds"):
        to_seconds(pl.Series("timestamp", [NOW * 1e3]), "events", "s")


def test_a_clock_that_starts_at_0_has_the_unit_that_is_given():
    clock = pl.Series("timestamp", [0, 400_000_000])  # milliseconds of five days
    assert to_seconds(clock, "events", "ms").to_list() == [0.0, 400_000.0]


@pytest.mark.parametrize("odd", ["1796011200000", "30.11.2026 04:12", "soon"])
def test_of_dates_the_one_that_differs_is_named(odd):
    for place in range(3):
        texts = ["2026-11-30T04:12:00Z", "2026-11-30T04:13:00Z"]
        texts.insert(place, odd)
        with pytest.raises(ValueError, match=rf"one ISO form; rows \[{place}\] .* hold '{odd}'"):
            to_seconds(pl.Series("timestamp", texts), "events")


def test_each_kind_of_wrong_time_is_named():
    texts = [f"{NOW}", "soon", "-5", "", f"{NOW}000", f"{NOW}000000", "9999999999", f"{NOW + 1}"]
    seconds, wrong = read_times(pl.Series("timestamp", texts), "events")
    assert seconds.to_list() == [NOW, *[None] * 6, NOW + 1]
    said = ["rows [1, 3]", "rows [2]", "milliseconds", "microseconds", "rows [6]"]
    assert [part in text for part, text in zip(said, wrong, strict=True)] == [True] * 5
    with pytest.raises(DataError, match=r"5 problems: \(1\) events: timestamp .* 'soon', ''; \(2"):
        to_seconds(pl.Series("timestamp", texts), "events")


def test_times_of_another_unit_than_most_are_named():
    times = pl.Series("timestamp", [NOW * 1000, NOW, NOW * 1000 + 1, 9_999_999_999_999])
    seconds, wrong = read_times(times.append(times[:1]), "events")
    assert seconds.to_list() == [NOW, None, NOW + 0.001, None, NOW]
    expected = "events: timestamp must be milliseconds since 1970, before the year 2200 (3 others"
    assert [text.startswith(expected) for text in wrong] == [True, True]
    assert wrong[0].endswith(
        f"rows [1] (counted from 0, a header not counted) hold '{NOW}', which looks like seconds"
    )
    assert wrong[1].endswith("hold '9999999999999'")


def test_a_late_date_has_no_unit():
    dates = pl.Series("timestamp", ["2026-03-01T00:00:00Z"] * 3 + ["2926-03-01T00:00:00Z"])
    seconds, [wrong] = read_times(dates, "events")
    assert seconds.is_not_null().to_list() == [True] * 3 + [False]
    assert wrong.startswith(
        "events: timestamp must be before the year 2200 (3 others are); rows [3"
    )


def test_times_of_a_wrong_unit_are_read_as_what_they_seem():
    for unit, times in (("ms", [NOW, NOW + 1]), ("s", ["2024-05-01", "2024-05-02"])):
        seconds, wrong = read_times(pl.Series("timestamp", times), "events", unit)
        assert (seconds.null_count(), len(wrong)) == (0, 1)
        assert seconds[0] > 1.7e9


def test_a_date_beside_times_is_that_date():
    for place in range(3):
        texts = ["2026-11-30T04:12:00Z", "2026-11-30T04:13:00Z"]
        texts.insert(place, "2026-12-01")
        seconds = to_seconds(pl.Series("timestamp", texts), "events")
        assert seconds[place] == 1_796_083_200
        assert seconds.null_count() == 0


def test_only_timestamps_have_an_option_for_their_unit(caplog):
    to_seconds(pl.Series("created_at", [1.7e12]), "items")
    assert caplog.messages == ["items: created_at looks like milliseconds and is read as such"]
