"""Times of events: conversion to seconds since 1970, and checks."""

import polars as pl

LATEST = 7_258_118_400
"""Seconds from 1970 to the year 2200; later times must be in another unit."""

_EARLIEST = 315_532_800  # 1980; a unit that gives an earlier time is unlikely
_UNITS = {"milliseconds": 1e3, "microseconds": 1e6, "nanoseconds": 1e9}
_ISO = r"^\d{4}-\d{2}-\d{2}([T ]|$)"


def to_seconds(times: pl.Series, what: str) -> pl.Series:
    """Return a column of numbers, or of dates and times, as float64 seconds.

    Texts are numbers, or all of them dates and times in the same ISO form, such as
    ``2024-05-01T10:00:00Z``. Times without a zone are UTC.

    Args:
        times: the column; one named ``position`` has no unit and no latest value.
        what: name of the rows for error messages.

    Raises:
        ValueError: a value is not a finite number, is below 0, or is later than the year 2200; the
            message names the first such rows.

    Example:
        >>> to_seconds(pl.Series("timestamp", ["1970-01-02T00:00:01+01:00"]), "events").to_list()
        [82801.0]
    """
    seconds = _numbers(times, what)
    bad = ~(seconds.is_finite() & (seconds >= 0)).fill_null(False)
    if bad.any():
        raise ValueError(
            f"{what}: {times.name} must be a finite number of 0 or more, or dates and times in one "
            f"ISO form; {_rows(times, bad)}"
        )
    late = seconds >= LATEST
    if times.name == "timestamp" and late.any():
        first = seconds.filter(late)[0]
        raise ValueError(
            f"{what}: timestamp must be seconds since 1970, before the year 2200; "
            f"{_rows(times, late)}{other_unit(first)}"
        )
    return seconds.alias(times.name)


def other_unit(seconds: float) -> str:
    """Return the unit of a time that is too late, as the end of a message; empty if unknown.

    Example:
        >>> other_unit(1.7e12)
        ', which looks like milliseconds'
    """
    units = (unit for unit, many in _UNITS.items() if _EARLIEST <= seconds / many < LATEST)
    return "".join(f", which looks like {unit}" for unit in units)


def _numbers(times: pl.Series, what: str) -> pl.Series:
    if times.dtype == pl.String and times.str.contains(_ISO).all() and times.count():
        times = times.str.to_datetime(time_zone="UTC", time_unit="us", strict=False)
    if isinstance(times.dtype, pl.Date | pl.Datetime):
        return times.cast(pl.Datetime("us")).dt.epoch("us") / 1e6
    if times.dtype.is_numeric() or times.dtype in (pl.String, pl.Null):
        return times.cast(pl.Float64, strict=False)
    raise ValueError(f"{what}: {times.name} must be numbers or dates and times; got {times.dtype}")


def _rows(times: pl.Series, wrong: pl.Series) -> str:
    """Return the first wrong rows and their values, for a message."""
    rows = wrong.arg_true().head(3).to_list()
    found = ["null" if times[row] is None else f"'{times[row]}'" for row in rows]
    return f"rows {rows} (counted from 0) hold {', '.join(found)}"
