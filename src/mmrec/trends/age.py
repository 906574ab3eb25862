"""The age of items, and functions that are linear in its logarithm between fixed ages."""

from collections.abc import Iterable

import numpy as np
import polars as pl
from jaxtyping import Bool, Float

from mmrec.data.times import CREATED_COLUMNS, LATEST, other_unit, to_seconds
from mmrec.data.wording import counted, verb
from mmrec.trends.events import ItemEvents

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0

AGE_KNOTS = (
    10 * MINUTE,
    HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    3 * DAY,
    7 * DAY,
    30 * DAY,
    91 * DAY,
    365 * DAY,
)
"""Ages in seconds between which a function of age is linear in the logarithm of age."""

AGE_VALUES = len(AGE_KNOTS) + 1
"""Values of a function of age: one for each knot, and one for items that were not met yet."""

_LOG_KNOTS = np.log(AGE_KNOTS)


def ages(
    created: Float[np.ndarray, " V1"], at: Float[np.ndarray, " B"]
) -> Float[np.ndarray, "B V1"]:
    """Return the age of each item at each time, in seconds; NaN where it was not met yet.

    Args:
        created: when each item began to exist, unix seconds; NaN if it is not known.
        at: times of requests, unix seconds.

    Example:
        >>> ages(np.array([np.nan, 10.0, 40.0]), np.array([40.0]))
        array([[nan, 30., nan]])
    """
    age: np.ndarray = at[:, None] - created
    age[~(age > 0)] = np.nan
    return age


def created_times(items: pl.DataFrame, events: ItemEvents) -> Float[np.ndarray, " V1"]:
    """Return when each item began to exist, ``(V + 1,)``, NaN where nothing tells.

    It is the time in the column ``created_at``, ``released_at`` or ``published_at``, as unix
    seconds or as dates, or else that of the item's first event. Dates before 1970 count as 1970.

    Args:
        items: the rows of the catalogue.
        events: the log; times of first events are those of items without a column.

    Raises:
        ValueError: the column holds something else.

    Example:
        >>> rows = pl.DataFrame({"item_id": ["a", "b"], "created_at": ["1970-01-02", None]})
        >>> created_times(rows, ItemEvents(np.array([1, 2]), np.array([9e4, 9.5e4])))
        array([   nan, 86400., 95000.])
    """
    first = events.first_times(len(items))
    column = created_column(items.columns)
    if column is None:
        return first
    told = _seconds(items[column])
    return np.where(np.isnan(told), first, told)


def created_column(columns: Iterable[str]) -> str | None:
    """Return the column that tells when items began to exist, the first of the usual ones.

    Example:
        >>> created_column(["item_id", "published_at"]), created_column(["item_id"])
        ('published_at', None)
    """
    given = set(columns)
    return next((name for name in CREATED_COLUMNS if name in given), None)


def undated(items: pl.DataFrame) -> Bool[np.ndarray, " V"]:
    """Return which items lack a time in their column ``created_at``; none without such a column.

    Raises:
        ValueError: the column holds something else than times.

    Example:
        >>> undated(pl.DataFrame({"item_id": ["a", "b"], "created_at": ["1970-01-02", None]}))
        array([False,  True])
    """
    column = created_column(items.columns)
    if column is None:
        return np.zeros(len(items), dtype=bool)
    lacking: np.ndarray = np.isnan(_seconds(items[column])[1:])
    return lacking


def about_undated(items: pl.DataFrame) -> str | None:
    """Return how many items lack a time in ``created_at``, and what stands for it; None if none.

    Raises:
        ValueError: the column holds something else than times.

    Example:
        >>> about_undated(pl.DataFrame({"item_id": ["a", "b"], "created_at": ["1970-01-02", ""]}))
        '1 of 2 items has no created_at: its age counts from its first event; without events it ...'
    """
    many = int(undated(items).sum())
    if not many:
        return None
    has, its = verb(many, "has", "have"), verb(many, "its", "their")
    new = verb(many, "it counts", "they count")
    return (
        f"{many:,} of {counted(len(items), 'item')} {has} no {created_column(items.columns)}: "
        f"{its} age counts from {its} first event; without events {new} as new"
    )


def age_basis(age: Float[np.ndarray, "*S"]) -> Float[np.ndarray, "*S K"]:
    """Return the hat functions of ages: a function of age is their weighted sum.

    Each has the value 1 at its own knot and 0 at the others. Ages beyond the first and the last
    knot count as these. The last function is 1 for items that were not met yet (NaN).

    Example:
        >>> age_basis(np.array([60.0, np.nan]))[:, [0, 1, -1]]
        array([[1., 0., 0.],
               [0., 0., 1.]])
    """
    knots = np.arange(len(AGE_KNOTS), dtype=np.float64)
    place = age_values(age, np.append(knots, np.nan))  # which knot, and how far to the next one
    hats = 1 - abs(place[..., None] - knots)
    basis: np.ndarray = np.append(hats.clip(min=0), np.isnan(place)[..., None], axis=-1)
    basis[np.isnan(basis)] = 0.0
    return basis


def age_values(
    age: Float[np.ndarray, "*S"], table: Float[np.ndarray, " K"]
) -> Float[np.ndarray, "*S"]:
    """Return a function of age, given its values at the knots and for items not met yet.

    Example:
        >>> table = np.append(np.arange(11.0), -1.0)
        >>> age_values(np.array([600.0, 3600.0, 1e9, np.nan]), table)
        array([ 0.,  1., 10., -1.])
    """
    values: np.ndarray = np.interp(np.log(age), _LOG_KNOTS, table[:-1])
    return np.where(np.isnan(age), table[-1], values)


def _seconds(column: pl.Series) -> Float[np.ndarray, " V1"]:
    """Return a column as unix seconds after a NaN for padding; NaN where it is empty."""
    epoch = pl.lit("1970-01-01")
    early = pl.lit(False)
    if column.dtype == pl.String:
        column = column.replace("", None)
        early = pl.col("t").str.contains(r"^\d{4}-\d{2}-\d{2}") & (pl.col("t") < epoch)
    elif isinstance(column.dtype, pl.Date | pl.Datetime):
        early = pl.col("t").cast(pl.String) < epoch
    frame = pl.DataFrame({"t": column}).with_row_index().with_columns(early=early)
    known = frame.filter(pl.col("t").is_not_null() & ~pl.col("early"))
    seconds = to_seconds(known["t"].alias(column.name), "items").to_numpy()
    if len(seconds) and seconds.max() >= LATEST:
        raise ValueError(
            f"items: {column.name} must be seconds since 1970, before the year 2200, or dates; "
            f"got {seconds.max()}{other_unit(float(seconds.max()))}"
        )
    told = np.full(len(column) + 1, np.nan)
    told[frame.filter(pl.col("early"))["index"].to_numpy() + 1] = 0.0
    told[known["index"].to_numpy() + 1] = seconds
    return told
