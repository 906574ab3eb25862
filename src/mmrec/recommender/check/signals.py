"""Columns of events that may say whether an event was a good one: which rules could read them."""

from collections.abc import Sequence
from shlex import quote

import polars as pl

from mmrec.data.conditions.columns import Columns
from mmrec.data.event_rules import RATINGS

LOW, HIGH = 0.2, 0.6
"""Shares of the values below which a value may be a no, and from which on it may be a yes."""

PART = (0.1, 0.5)
"""The same of a time that is divided by the duration of the item."""


TIMES = ("sec", "time", "watched", "dwell", "played", "listened")
"""Parts of the names of times, which are divided by the duration."""


def suggested_rules(frame: pl.DataFrame, name: str) -> tuple[str, str] | None:
    """Return a rule for events that say no and one for those that say yes; None for other values.

    A time beside a column ``duration`` is divided by it. Otherwise the numbers are quantiles of the
    column, of two digits; they are examples, not advice.

    Example:
        >>> frame = pl.DataFrame({"watched": [*range(101)], "stars": [1.0, 5.0] * 50 + [3.0]})
        >>> suggested_rules(frame, "watched")
        ('watched < 20', 'watched >= 60')
        >>> suggested_rules(frame, "stars")
        ('stars <= 2', 'stars >= 4')
        >>> suggested_rules(frame.with_columns(duration=300), "watched")
        ('watched / duration < 0.1', 'watched / duration >= 0.5')
    """
    columns = Columns(frame)
    try:
        holds = columns.holds(name)
    except ValueError:  # lists and the like
        return None
    if holds == "boolean":
        return f"{name} = false", f"{name} = true"
    if holds != "number":
        return None
    values = frame.select(columns.read(name, "number").cast(pl.Float64)).to_series().drop_nulls()
    low, high = (values.quantile(share, "nearest") for share in (LOW, HIGH))
    if low is None or high is None or low == high:
        return None
    if name in RATINGS and 3 < float(str(values.max())) <= 5:
        return f"{name} <= 2", f"{name} >= 4"
    time = any(word in name.lower() for word in TIMES) and float(str(values.max())) > 1
    if time and _holds_numbers(columns, "duration"):
        return f"{name} / duration < {PART[0]}", f"{name} / duration >= {PART[1]}"
    less, more = _short(low), _short(high)
    # Rounded, they may tell nothing apart.
    if not float(str(values.min())) < float(less) < float(more):
        return None
    return f"{name} < {less}", f"{name} >= {more}"


def with_duration(events: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    """Return events with the ``duration`` of their items, if items have it and events do not.

    Example:
        >>> items = pl.DataFrame({"item_id": ["a", "b"], "duration": [60, 90]})
        >>> with_duration(pl.DataFrame({"item_id": ["b", "a"]}), items).rows()
        [('b', 90), ('a', 60)]
    """
    if "duration" in events.columns or "duration" not in items.columns:
        return events
    lengths = items.select("item_id", "duration")
    return events.join(lengths, on="item_id", how="left", maintain_order="left")


def negative_option(rule: str, given: Sequence[str]) -> str:
    """Return ``--negative`` with a new rule behind those that were given.

    Example:
        >>> negative_option("watched < 20", ["skip"])
        "--negative 'skip, watched < 20'"
    """
    return f"--negative {quote(', '.join([*given, rule]))}"


def _short(number: float) -> str:
    """Return a number with two significant digits, as a condition writes it."""
    return f"{float(f'{number:.2g}'):.15g}"


def _holds_numbers(columns: Columns, name: str) -> bool:
    try:
        return name in columns.schema and columns.holds(name) == "number"
    except ValueError:
        return False
