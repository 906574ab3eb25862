"""Times of events: conversion to seconds since 1970, and checks."""

import logging
from datetime import UTC, datetime
from typing import Literal, get_args

import polars as pl

from mmrec.data.problems import DataError, first_rows

log = logging.getLogger(__name__)

TimeUnit = Literal["s", "ms", "us", "ns"]
"""The unit of times that are numbers."""

LATEST = 7_258_118_400
"""Seconds from 1970 to the year 2200; later times must be in another unit."""

EARLY = 315_532_800
"""Seconds from 1970 to 1980; earlier times are rarely those of events, or are in another unit."""

CREATED_COLUMNS = ("created_at", "released_at", "published_at")
"""Columns of a catalogue with the time at which an item began to exist; the first is used."""

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
        DataError: a value is not a finite number, is below 0, is later than the year 2200, or
            looks like another unit than the others; the message names the first rows of each kind.
            Or ``unit`` is given for dates and times, or is finer than all times look like.
        ValueError: ``unit`` is unknown, or the column has another type.

    Example:
        >>> to_seconds(pl.Series("timestamp", ["1970-01-02T00:00:01+01:00"]), "events").to_list()
        [82801.0]
        >>> to_seconds(pl.Series("timestamp", [1500]), "events", "ms").to_list()
        [1.5]
    """
    seconds, wrong = read_times(times, what, unit)
    if wrong:
        raise DataError(wrong)
    return seconds


def read_times(
    times: pl.Series, what: str, unit: TimeUnit | None = None
) -> tuple[pl.Series, list[str]]:
    """Return times as seconds, null where one is wrong, and a sentence for each kind of wrong ones.

    Arguments as for :func:`to_seconds`.

    Raises:
        ValueError: no time can be read: the type of the column is wrong, or ``unit`` is.

    Example:
        >>> seconds, wrong = read_times(pl.Series("timestamp", ["10", "soon", "-5"]), "events")
        >>> seconds.to_list(), len(wrong)
        ([10.0, None, None], 2)
    """
    if unit is not None and unit not in _PARTS:
        raise ValueError(f"time_unit must be one of {list(get_args(TimeUnit))}; got {unit!r}")
    dated = _dates(times)
    values = _numbers(times, what) if dated is None else dated
    values = values.fill_nan(None)
    wrong = []
    unread, fine = values.is_null(), (values.is_finite() & (values >= 0)).fill_null(False)
    for rows in (unread, ~(fine | unread)):
        if rows.any():
            wrong.append(
                f"{what}: {times.name} must be a finite number of 0 or more, or dates and times in "
                f"one ISO form; {first_rows(rows, what, times)}"
            )
    if times.name == "position":
        return _only(values, fine), wrong
    expected, many = f"{what}: {times.name} must be", 1.0
    if dated is not None:
        fits = values < LATEST
        if unit is not None:
            wrong.append(
                f"{what}: {times.name} holds dates and times, which have no unit; got "
                f"time_unit={unit!r}"
            )
    else:
        _warn_of_float32(times, what)
        right = values.filter(fine)
        if unit is not None and (meant := _coarser(right, unit)) is not None:
            wrong.append(
                f"{expected} {_NAMES[unit]} since 1970, as time_unit={unit!r} says; got "
                f"{_NAMES[meant]}, as it seems: read so, all of them would be in 1970"
            )
            unit = meant
        if unit is None:
            unit = _usual_unit(right)
            report_guess(f"{what}: {times.name}", unit)
            fits = _like(values, unit)
        else:
            fits = values < LATEST * _PARTS[unit]
        expected, many = f"{expected} {_NAMES[unit]} since 1970,", _PARTS[unit]
    wrong += _of_other_units(values, fine, fits, times, what, expected)
    return _only(values, fine & fits) / many, wrong


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


def report_guess(column: str, unit: TimeUnit) -> None:
    """Say that times are taken to be in a unit other than seconds.

    Args:
        column: of which rows, and its name; for a column ``timestamp`` the option is named, too.
        unit: the unit.
    """
    if unit != "s":
        option = f" (time_unit={unit!r})" if column.endswith(" timestamp") else ""
        log.warning("%s looks like %s and is read as such%s", column, _NAMES[unit], option)


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
    earliest = 0 if unit == "s" else EARLY * many
    return (values >= earliest) & (values < LATEST * many)


def _usual_unit(values: pl.Series) -> TimeUnit:
    """Return the unit of more than half of the values; seconds if there is none."""
    return next((unit for unit in _PARTS if 2 * int(_like(values, unit).sum()) > len(values)), "s")


def _warn_of_float32(times: pl.Series, what: str) -> None:
    if times.dtype == pl.Float32 and (coarse := (times >= _COARSE).sum()):
        log.warning(
            "%s: %s is in float32, which rounds %d of the times (unix seconds to 128 s); keep them "
            "in float64 or integers",
            what,
            times.name,
            coarse,
        )


def _coarser(values: pl.Series, unit: TimeUnit) -> TimeUnit | None:
    """Return the unit that is meant if all times would be in 1970 in the given one."""
    guessed = guess_unit(values)
    finer = guessed is not None and _PARTS[unit] > _PARTS[guessed]
    if guessed is None or not finer or (values < EARLY * _PARTS[guessed]).any():
        return None
    return guessed


def _of_other_units(
    values: pl.Series,
    fine: pl.Series,
    fits: pl.Series,
    times: pl.Series,
    what: str,
    expected: str,
) -> list[str]:
    """Return a sentence for each other unit that times seem to be in, and one for the others."""
    known = int((fine & fits).sum())
    usual = f"{expected} before the year 2200{f' ({known:,} others are)' if known else ''}"
    rest, wrong = fine & ~fits, []
    for unit in _PARTS if _dates(times) is None else ():
        if (alike := rest & _like(values, unit)).any():
            seems = f", which looks like {_NAMES[unit]}"
            wrong.append(f"{usual}; {first_rows(alike, what, times)}{seems}")
            rest &= ~alike
    return [*wrong, f"{usual}; {first_rows(rest, what, times)}"] if rest.any() else wrong


def _only(values: pl.Series, right: pl.Series) -> pl.Series:
    """Return values, null where they are wrong."""
    return values.set(~right.fill_null(False), None)


def _dates(times: pl.Series) -> pl.Series | None:
    """Return dates and times as seconds; None if the column is something else.

    Texts are dates and times if most of them are; the others are null.
    """
    if times.dtype == pl.String and times.count():
        iso = times.str.contains(_ISO)
        if int(iso.sum()) > times.count() / 2:
            days = times.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us", "UTC"))
            times = times.set(~iso.fill_null(False) | days.is_not_null(), None)
            try:
                times = times.str.to_datetime(time_zone="UTC", time_unit="us", strict=False)
            except pl.exceptions.ComputeError:  # before polars 2, where none has a known form
                times = times.clear(len(times)).cast(pl.Datetime("us", "UTC"))
            times = times.fill_null(days)  # a time has one form, but a date may stand beside it
    if not isinstance(times.dtype, pl.Date | pl.Datetime):
        return None
    return times.cast(pl.Datetime("us")).dt.epoch("us") / 1e6


def _numbers(times: pl.Series, what: str) -> pl.Series:
    if times.dtype.is_numeric() or times.dtype in (pl.String, pl.Null):
        return times.cast(pl.Float64, strict=False)
    raise ValueError(f"{what}: {times.name} must be numbers or dates and times; got {times.dtype}")
