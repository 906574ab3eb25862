"""What is odd about events: repeats, ties, times, spellings, bots."""

from collections.abc import Callable

import numpy as np
import polars as pl

from mmrec.data import Catalog, Interactions
from mmrec.data.times import EARLY, iso
from mmrec.data.wording import counted, verb
from mmrec.recommender.check.finding import (
    Finding,
    note,
    share_of,
    warning,
)
from mmrec.recommender.check.there import DAY

TIED = 0.1
"""Share of events at one time with another of their user, from which it is a warning."""

BOT_SHARE, BOT_TIMES = 0.05, 10
"""A user with more than this share of the events, and so many times the median, may be a bot."""

HIT_SHARE = 0.5
"""An item with more than this share of the events."""


def event_findings(log: Interactions, now: float) -> list[Finding]:
    """Return what is odd about events.

    Args:
        log: the events.
        now: the present time, unix seconds; later events are in the future.
    """
    frame = log.frame
    checks: list[Callable[[pl.DataFrame], list[Finding]]] = [_copies, _spellings, _shares]
    if log.order == "timestamp":
        checks += [_ties, _one_time, _early]
    found = [finding for check in checks for finding in check(frame)]
    return found + (_future(frame, now) if log.order == "timestamp" else [])


def unusable_events(rows: int, usable: int, unknown: int) -> list[Finding]:
    """Return how many events can't be used, for which the reader of tables has errors.

    Args:
        rows: number of all events.
        usable: number of those that can be used.
        unknown: number of those that can't because their item is not in the catalogue.
    """
    if rows == usable:
        return []
    one = unknown == rows - usable == 1
    of = "" if one else "all of them " if unknown == rows - usable else f"{unknown:,} of them "
    its = "its item is" if unknown == 1 else "their items are"
    why = f", {of}because {its} not in the items" if unknown else ""
    return [
        note(
            "unusable_events",
            rows - usable,
            f"{counted(rows - usable, 'event')} of {rows:,} can't be used{why}",
            "What this report says of events is about the others.",
        )
    ]


def before_created(
    log: Interactions, catalog: Catalog, created: np.ndarray | None
) -> list[Finding]:
    """Return how many events are on items that began to exist later."""
    if created is None or log.order != "timestamp":
        return []
    told = pl.DataFrame({"item_id": catalog.frame["item_id"], "created": created[1:]})
    joined = log.frame.join(told, on="item_id", how="left")
    early = joined.filter(pl.col("timestamp") < pl.col("created"))
    if early.is_empty():
        return []
    return [
        warning(
            "before_created",
            len(early),
            f"{counted(len(early), 'event')} on {counted(early['item_id'].n_unique(), 'item')} "
            "came before the item began to exist",
            "Check the time zones and what the column means; the age of such items is wrong.",
            early["item_id"].unique(maintain_order=True).head(3).to_list(),
        )
    ]


def _copies(frame: pl.DataFrame) -> list[Finding]:
    """Find events that equal an earlier one in every column."""
    hashable = [name for name, dtype in frame.schema.items() if dtype != pl.Object]
    copies = len(frame) - frame.select(pl.struct(hashable).n_unique()).item()
    if not copies:
        return []
    return [
        warning(
            "copied_events",
            copies,
            f"{counted(copies, 'event')} of {len(frame):,} "
            f"{verb(copies, 'equals', 'equal')} an earlier one in every column",
            "An export that was run twice? Remove the copies, or they count several times.",
        )
    ]


def _ties(frame: pl.DataFrame) -> list[Finding]:
    tied = int(frame.select(pl.struct("user_id", "timestamp").is_duplicated().sum()).item())
    if not tied:
        return []
    make = warning if tied > TIED * len(frame) else note
    return [
        make(
            "tied_times",
            tied,
            f"{share_of(tied, len(frame))} of the events ({tied:,}) have the time of another event "
            "of the same user",
            "Their order is that of the rows. If that is not the order in which they happened, "
            "what comes next can't be learned from them: export finer times.",
        )
    ]


def _one_time(frame: pl.DataFrame) -> list[Finding]:
    first, last = frame["timestamp"][0], frame["timestamp"][-1]
    if len(frame) < 2 or last - first >= 1:
        return []
    return [
        warning(
            "one_time",
            len(frame),
            f"all events are within one second, {iso(first)}",
            "The column timestamp may be the time of the export; give the times of the events.",
        )
    ]


def _early(frame: pl.DataFrame) -> list[Finding]:
    early = int((frame["timestamp"] < EARLY).sum())
    if not early:
        return []
    return [
        warning(
            "early_times",
            early,
            f"{counted(early, 'event')} of {len(frame):,} came before 1980, the first at "
            f"{iso(frame['timestamp'][0])}",
            "Are the times row numbers, or in another unit? See --time-unit; name row numbers "
            "position.",
        )
    ]


def _future(frame: pl.DataFrame, now: float) -> list[Finding]:
    late = int((frame["timestamp"] > now + DAY).sum())
    if not late:
        return []
    return [
        warning(
            "future_times",
            late,
            f"{counted(late, 'event')} of {len(frame):,} {verb(late, 'is', 'are')} in the "
            f"future, the last at {iso(frame['timestamp'][-1])}",
            "Check the clock or the unit: events in the future move the cuts of the split.",
        )
    ]


def _spellings(frame: pl.DataFrame) -> list[Finding]:
    """Find event types with one name in several spellings."""
    if "event" not in frame.columns:
        return []
    types = frame["event"].drop_nulls().unique().sort()
    same = types.str.to_lowercase().str.replace_all(r"[\s_-]+", "")
    groups = pl.DataFrame({"type": types, "same": same}).group_by("same", maintain_order=True)
    several = [names for names in groups.agg("type")["type"].to_list() if len(names) > 1]
    return [
        warning(
            "event_spellings",
            len(names),
            "an event type is written in several ways, which count as different types",
            "Write it in one way.",
            names,
        )
        for names in several
    ]


def _shares(frame: pl.DataFrame) -> list[Finding]:
    """Find users and items with a great part of all events."""
    users, items = (_counts(frame, name) for name in ("user_id", "item_id"))
    if len(users) == 1 and len(frame) > 1:
        return [
            warning(
                "one_user",
                len(frame),
                "all events are of one user",
                "Is user_id the right column? What holds for others is learned from many users.",
            )
        ]
    least = max(BOT_SHARE * len(frame), BOT_TIMES * float(np.median(users)))
    bots = users[users > least]
    found = []
    if len(bots):
        most = share_of(int(bots.max()), len(frame))
        found.append(
            warning(
                "bots",
                len(bots),
                f"{counted(len(bots), 'user')} may be a bot or a shared account, with up to {most} "
                f"of the events",
                "Remove such users if they are no people: they weigh most in training and test.",
            )
        )
    if len(items) > 1 and items.max() > HIT_SHARE * len(frame):
        top = frame["item_id"].mode().head(1).to_list()
        found.append(
            warning(
                "one_item",
                int(items.max()),
                f"one item has {share_of(int(items.max()), len(frame))} of the events",
                "Is it a placeholder? A list that always has it looks good in every measure.",
                top,
            )
        )
    return found


def _counts(frame: pl.DataFrame, name: str) -> np.ndarray:
    counts: np.ndarray = frame[name].value_counts()["count"].to_numpy()
    return counts
