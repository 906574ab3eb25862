"""Events and items whose time lies ahead of the clock."""

import time
from collections.abc import Iterable

import numpy as np
import polars as pl

from mmrec.data.wording import counted, duration, verb
from mmrec.trends import ItemEvents, created_times
from mmrec.trends.age import created_column

AHEAD = 60.0
"""Seconds that clocks may differ by."""


def ahead_of_clock(times: Iterable[float | None], now: float | None = None) -> str | None:
    """Return how many times are later than now, and by how much; None if none is.

    Args:
        times: unix seconds; None for now.
        now: unix seconds; by default the time of this machine's clock.

    Example:
        >>> ahead_of_clock([8e8, 9e8 + 7200.0, None], 9e8)
        "1 event is later than this machine's clock, by up to 2 hours; times are unix seconds"
    """
    now = time.time() if now is None else now
    late = [at - now for at in times if at is not None and at - now > AHEAD]
    if not late:
        return None
    return (
        f"{counted(len(late), 'event')} {verb(len(late), 'is', 'are')} later than this machine's "
        f"clock, by up to {duration(max(late))}; times are unix seconds"
    )


def created_ahead(items: pl.DataFrame, now: float | None = None) -> str | None:
    """Return how many items begin to exist later than now, and what follows; None if none does.

    Args:
        items: rows of the catalogue.
        now: unix seconds; by default the time of this machine's clock.

    Example:
        >>> rows = pl.DataFrame({"item_id": ["a", "b"], "created_at": [8e8, 9e8 + 7200.0]})
        >>> created_ahead(rows, 9e8)
        "1 of 2 items has a created_at later than this machine's clock, by up to 2 hours: until ..."
    """
    now = time.time() if now is None else now
    nothing = ItemEvents(np.zeros(0, dtype=np.int64), np.zeros(0))
    try:
        ahead = created_times(items, nothing)[1:] - now
    except ValueError:  # the column holds no times
        return None
    late = ahead[ahead > AHEAD]
    if not len(late):
        return None
    column, has = created_column(items.columns), verb(len(late), "has", "have")
    of = f"{len(late):,} of {counted(len(items), 'item')} {has} a {column}"
    return (
        f"{of} later than this machine's clock, by up to {duration(float(late.max()))}: until "
        f"then, conditions such as age({column}) < 2d let {verb(len(late), 'it', 'them')} through"
    )
