"""What columns may be by their values: their names may be of any language."""

from collections.abc import Collection, Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

import polars as pl

from mmrec.data.conditions.columns import Columns, kind_of
from mmrec.data.event_rules import SIGNALS
from mmrec.data.given_columns import as_columns_option
from mmrec.data.held_kinds import is_id
from mmrec.data.plain_names import NUMBERS, TEXTS, has_word
from mmrec.data.times import CREATED_COLUMNS, EARLY, LATEST

MOST_EVENTS = 100_000
"""Events that are looked at, at most, spread evenly over the log."""

MOST_TYPES = 12
"""Different texts of a column of event types, at most."""

MOST_GRADES, BEST_GRADE = 11, 10.0
"""Different numbers of a column of ratings, and the largest of them, at most."""

_OURS = {"user_id", "item_id", "timestamp", "position", "event", "duration", *SIGNALS}
_DAY = 86_400.0
_USUAL, _NEARLY_ALL = 0.5, 0.9


class Role(NamedTuple):
    """What a column may be.

    Attributes:
        column: its name.
        ours: our name for it, such as ``"event"``.
        looks: what its values look like.
        else_: what else it may be.
    """

    column: str
    ours: str
    looks: str
    else_: str


def likely_roles(
    events: pl.DataFrame, items: pl.DataFrame | None = None, read: Collection[str] = ()
) -> list[Role]:
    """Return which columns may be ours under another name, by their values; they are guesses.

    Among events, few texts that differ for the same user and the same item may be event types, and
    numbers that do so a watch time, a part that was watched, or a rating. A column that is the same
    for all events of a user, or of an item, is a property of these. Among items, dates that come
    before the events may be ``created_at``. What has our name already is not looked for, nor are
    columns whose name says something else, such as ``price`` or ``country``. Of a long log, some
    events are looked at.

    Args:
        events: the log, with ``user_id`` and ``item_id``.
        items: the items.
        read: columns of events that have a role already.

    Example:
        >>> log = {"user_id": [*"uuvv"] * 10, "item_id": [*"abab"] * 10}
        >>> frame = pl.DataFrame({**log, "ereignis": ["ansehen", "kaufen", "kaufen"] * 13 + [""]})
        >>> [(role.column, role.ours) for role in likely_roles(frame)]
        [('ereignis', 'event')]
    """
    some = events.gather_every(max(1, -(-len(events) // MOST_EVENTS)))
    left = [name for name in some.columns if name not in read]
    found = [role for name in left if (role := _of_event(some, name)) is not None]
    return found + ([] if items is None else _dates(items, some))


def said_roles(roles: Sequence[Role]) -> str:
    """Return what columns may be, and what else.

    Example:
        >>> said_roles([Role("ereignis", "event", "event types", "a device")])
        'ereignis looks like event types (event), but may be a device'
    """
    return "; ".join(
        f"{role.column} looks like {role.looks} ({role.ours}), but may be {role.else_}"
        for role in roles
    )


def how_given_roles(roles: Iterable[Role]) -> str:
    """Return the option that gives columns these roles; of several for one role, the first.

    The others for that role are named behind it.
    """
    by_name = sorted(roles, key=lambda role: role.ours)  # stable: the order of columns stays
    groups = [[*group] for _, group in groupby(by_name, key=lambda role: role.ours)]
    option = as_columns_option({first.column: first.ours for first, *_ in groups})
    others = [f"{role.column}={role.ours}" for _, *more in groups for role in more]
    return f"{option} (or {', '.join(others)})" if others else option


def _of_event(events: pl.DataFrame, name: str) -> Role | None:
    """Return what a column of the events may be."""
    columns = Columns(events)
    if name in _OURS or is_id(name) or kind_of(events.schema[name]) is None:
        return None
    kind = columns.holds(name)
    if kind == "text" and "event" not in events.columns and not has_word(name, TEXTS):
        return _as_types(events, name)
    signal = set(SIGNALS) & set(events.columns)
    if kind == "number" and not signal and not has_word(name, NUMBERS):
        values = events.with_columns(columns.read(name, "number").cast(pl.Float64).alias(name))
        return _as_signal(values, name)
    return None


def _as_types(events: pl.DataFrame, name: str) -> Role | None:
    values = events[name].cast(pl.String).str.strip_chars()
    values = values.filter((values != "").fill_null(False))
    kinds = values.unique().sort()
    few = 2 <= len(kinds) <= MOST_TYPES and 10 * len(kinds) <= len(values)
    if not (few and kinds.str.contains(r"\p{L}{2}").all() and _differs(events, name)):
        return None
    some = f"{', '.join(kinds.head(3))}{', …' if len(kinds) > 3 else ''}"
    return Role(name, "event", f"event types such as {some}", "a device, a place or the like")


def _as_signal(events: pl.DataFrame, name: str) -> Role | None:
    values = events[name].drop_nulls()
    different = values.n_unique()
    few = different <= MOST_GRADES
    if different < 3 or (few and len(values) < 2 * different):
        return None
    least, most = float(str(values.min())), float(str(values.max()))
    if least < 0 or not _differs(events, name):
        return None
    if few:
        steps = bool((2 * values == (2 * values).round()).all())
        fits = steps and most <= BEST_GRADE
        return Role(name, "rating", "ratings", "a number of pieces") if fits else None
    if most <= 1:
        return Role(name, "watch_share", "the parts that were watched", "another share")
    if most <= _DAY:
        return Role(name, "watch_seconds", "seconds that were watched", "a price or an amount")
    return None


def _differs(events: pl.DataFrame, name: str) -> bool:
    """Return whether users, and items, have several values about as often as by chance.

    Of a long log, most users have few events among those that are looked at. So the bar is half of
    how many have several values if the values are shuffled.
    """
    values = events.select("user_id", "item_id", found=name)
    values = values.with_columns(chance=pl.col("found").shuffle(seed=0))

    def usual(of: str) -> bool:
        both = pl.col("found", "chance")
        several = values.group_by(of).agg(both.min() != both.max())  # faster than n_unique
        found, chance = int(several["found"].sum()), int(several["chance"].sum())
        return found > 0 and found >= _USUAL * chance

    return usual("user_id") and usual("item_id")


def _dates(items: pl.DataFrame, events: pl.DataFrame) -> list[Role]:
    """Return the columns of items whose times come before the events, if none has our name."""
    if set(CREATED_COLUMNS) & set(items.columns) or "timestamp" not in events.columns:
        return []
    first = events.group_by("item_id").agg(first=pl.col("timestamp").min())
    found = []
    for name in items.columns:
        if name == "item_id" or is_id(name) or (times := _times(items, name)) is None:
            continue
        dated = items.select("item_id").with_columns(at=times).drop_nulls()
        met = dated.join(first.cast({"item_id": items.schema["item_id"]}), on="item_id")
        before = met.filter(pl.col("at") <= pl.col("first") + _DAY)
        if dated["at"].n_unique() > 1 and len(met) and len(before) >= _NEARLY_ALL * len(met):
            looks = "the time at which an item began to exist"
            found.append(Role(name, CREATED_COLUMNS[0], looks, "another date"))
    return found


def _times(items: pl.DataFrame, name: str) -> pl.Series | None:
    """Return dates and unix seconds of a column as seconds; None if it holds something else."""
    columns, dtype = Columns(items), items.schema[name]
    if kind_of(dtype) is None or dtype in (pl.Time, pl.Duration):
        return None
    kind = columns.holds(name)
    if kind not in ("time", "number"):
        return None
    times = items.select(columns.read(name, kind).cast(pl.Float64)).to_series().drop_nulls()
    if kind == "number" and not ((times >= EARLY) & (times < LATEST)).all():
        return None
    return items.select(columns.read(name, kind).cast(pl.Float64)).to_series()
