"""Times of events: conversion to seconds since 1970, and checks."""

import logging
from datetime import UTC, datetime
from typing import Literal, get_args

import polars as pl

from mmrec.data.problems import first_rows

log = logging.getLogger(__name__)

TimeUnit = Literal["s", "ms", "us", "ns"]
"""The unit of times that are numbers."""

LATEST = 7_258_118_400
"""Seconds from 1970 to the year 2200; later times must be in another unit."""

CREATED_COLUMNS = ("created_at", "released_at", "published_at")
"""Columns of a catalogue with the time at which an item began to exist; the first is used."""

_EARLIEST = 315_532_800  # 1980; a unit that gives an earlier time is unlikely
_PARTS: dict[TimeUnit, float] = {"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}
_NAMES: dict[TimeUnit, str] = {
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
}
_ISO = r"^\d{4}-\d{2}-\d{2}([T ]|$)"
_COARSE = 2**24  # from here on, float32 skips integers


def to_seconds(times: pl.Series, what: str, unit: TimeUnit | None = None) -> pl.Series:
    """Return a column of numbers, or of dates and times, as float64 seconds.

    Texts are numbers, or dates such as ``2024-05-01`` and times in one ISO form, such as
    ``2024-05-01T10:00:00Z``. Times without a zone are UTC.

    Args:
        times: the column; one named ``position`` has no unit and no latest value.
        what: name of the rows for messages.
        unit: unit of the numbers. By default seconds, or another unit if all of them are too large
            to be seconds and would lie between 1980 and 2200 in that unit; a warning says so.

    Raises:
        ValueError: a value is not a finite number, is below 0, is later than the year 2200, or
            looks like another unit than the others; the message names the first such rows. Or
            ``unit`` is unknown, is given for dates and times, or is finer than all times look like.

    Example:
        >>> to_seconds(pl.Series("timestamp", ["1970-01-02T00:00:01+01:00"]), "events").to_list()
        [82801.0]
        >>> to_seconds(pl.Series("timestamp", [1500]), "events", "ms").to_list()
        [1.5]
    """
    if unit is not None and unit not in _PARTS:
        raise ValueError(f"time_unit must be one of {list(get_args(TimeUnit))}; got {unit!r}")
    dated = _dates(times)
    values = _numbers(times, what) if dated is None else dated
    bad = ~(values.is_finite() & (values >= 0)).fill_null(False)
    if bad.any():
        raise ValueError(
            f"{what}: {times.name} must be a finite number of 0 or more, or dates and times in one "
            f"ISO form; {first_rows(bad, times)}"
        )
    if times.name == "position":
        return values
    if dated is not None and unit is not None:
        raise ValueError(
            f"{what}: {times.name} holds dates and times, which have no unit; got "
            f"time_unit={unit!r}"
        )
    if dated is None:
        unit = _checked_unit(values, times, what, unit)
    seconds = values / _PARTS[unit or "s"]
    _check_late(seconds, times, what, unit or "s")
    return seconds


def guess_unit(times: pl.Series) -> TimeUnit | None:
    """Return the unit that all values have; None if they are no numbers, or differ.

    Example:
        >>> guess_unit(pl.Series([1_700_000_000_000, 1_700_000_001_000]))
        'ms'
    """
    if _dates(times) is not None or not (times.dtype.is_numeric() or times.dtype == pl.String):
        return None
    values = times.cast(pl.Float64, strict=False)
    return next((unit for unit in _PARTS if _like(values, unit).all() and values.count()), None)


def is_dated(times: pl.Series) -> bool:
    """Return whether a column holds dates and times, which have no unit.

    Example:
        >>> is_dated(pl.Series(["2024-05-01"])), is_dated(pl.Series(["1714521600"]))
        (True, False)
    """
    return _dates(times) is not None


def report_guess(what: str, unit: TimeUnit) -> None:
    """Say that times are taken to be in a unit other than seconds."""
    if unit != "s":
        log.warning(
            "%s: timestamp looks like %s and is read as such (time_unit=%r)",
            what,
            _NAMES[unit],
            unit,
        )


def iso(seconds: float) -> str:
    """Return a time as ISO text in UTC.

    Example:
        >>> iso(0.0)
        '1970-01-01T00:00:00Z'
    """
    return f"{datetime.fromtimestamp(int(seconds), UTC):%Y-%m-%dT%H:%M:%SZ}"


def other_unit(seconds: float) -> str:
    """Return the unit of a time that is too late, as the end of a message; empty if unknown.

    Example:
        >>> other_unit(1.7e12)
        ', which looks like milliseconds'
    """
    values = pl.Series([seconds], dtype=pl.Float64)
    units = [unit for unit in _PARTS if unit != "s" and _like(values, unit).all()]
    return "".join(f", which looks like {_NAMES[unit]}" for unit in units)


def moments(text: pl.Expr) -> pl.Expr:
    """Return dates and times in ISO form, in any of its lengths; UTC unless they have a zone.

    Example:
        >>> times = pl.DataFrame({"since": ["2024-05-01", "2024-05-01 12:00+02:00", "soon"]})
        >>> times.select(moments(pl.col("since")).dt.hour())["since"].to_list()
        [0, 10, None]
    """
    day = r"^(\d{4}-\d{2}-\d{2})"
    whole = (
        text.str.replace(f"{day}$", "${1}T00:00:00")
        .str.replace(f"{day} ", "${1}T")
        .str.replace(r"(T\d{2}:\d{2})($|[Z+-])", "${1}:00${2}")
        .str.replace(r"Z$", "+00:00")
        .str.replace(r"(T[\d:.]+)$", "${1}+00:00")
    )
    form = "%Y-%m-%dT%H:%M:%S%.f%z"
    return whole.str.to_datetime(form, time_unit="us", strict=False)


def _like(values: pl.Series, unit: TimeUnit) -> pl.Series:
    """Return which values may be in a unit; each value in one of them at most."""
    many = _PARTS[unit]
    earliest = 0 if unit == "s" else _EARLIEST * many
    return (values >= earliest) & (values < LATEST * many)


def _checked_unit(
    values: pl.Series, times: pl.Series, what: str, unit: TimeUnit | None
) -> TimeUnit:
    """Return the unit of numbers, and say what was guessed; refuse one that can't be meant."""
    if times.dtype == pl.Float32 and (coarse := (values >= _COARSE).sum()):
        log.warning(
            "%s: %s is in float32, which rounds %d of the times (unix seconds to 128 s); keep them "
            "in float64 or integers",
            what,
            times.name,
            coarse,
        )
    guessed = guess_unit(values)
    if unit is None:
        report_guess(what, guessed or "s")
        return guessed or "s"
    finer = guessed is not None and _PARTS[unit] > _PARTS[guessed]
    if guessed is not None and finer and (values >= _EARLIEST * _PARTS[guessed]).all():
        raise ValueError(
            f"{what}: {times.name} must be {_NAMES[unit]} since 1970, as time_unit={unit!r} says; "
            f"got {_NAMES[guessed]}, as it seems: read so, all of them would be in 1970"
        )
    return unit


def _check_late(seconds: pl.Series, times: pl.Series, what: str, unit: TimeUnit) -> None:
    late = seconds >= LATEST
    if not late.any():
        return
    others = "" if late.all() else f" ({int((~late).sum()):,} others are)"
    value = seconds.filter(late)[0] * _PARTS[unit]
    raise ValueError(
        f"{what}: {times.name} must be {_NAMES[unit]} since 1970, before the year 2200{others}; "
        f"{first_rows(late, times)}{other_unit(value)}"
    )


def _dates(times: pl.Series) -> pl.Series | None:
    """Return dates and times as seconds; None if the column is something else.

    Texts are dates and times if most of them are; the others are null.
    """
    if times.dtype == pl.String and times.count():
        iso = times.str.contains(_ISO)
        if int(iso.sum()) > times.count() / 2:
            days = times.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us", "UTC"))
            times = times.set(~iso.fill_null(False) | days.is_not_null(), None)
            times = times.str.to_datetime(time_zone="UTC", time_unit="us", strict=False)
            times = times.fill_null(days)  # a time has one form, but a date may stand beside it
    if not isinstance(times.dtype, pl.Date | pl.Datetime):
        return None
    return times.cast(pl.Datetime("us")).dt.epoch("us") / 1e6


def _numbers(times: pl.Series, what: str) -> pl.Series:
    if times.dtype.is_numeric() or times.dtype in (pl.String, pl.Null):
        return times.cast(pl.Float64, strict=False)
    raise ValueError(f"{what}: {times.name} must be numbers or dates and times; got {times.dtype}")
