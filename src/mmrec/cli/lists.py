"""Lists for users of a data set."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from mmrec.cli.rows import write_rows
from mmrec.data import Catalog, Interactions, ItemId
from mmrec.data.times import to_seconds
from mmrec.recommender.batch import histories_of, recommend_all
from mmrec.recommender.past import COLUMNS
from mmrec.recommender.pipeline.data import check_columns
from mmrec.recommender.recommender import Recommender

BLOCK = 4096
"""Users whose lists are in memory at once."""


def ids_of(text: str, catalog: Catalog) -> list[ItemId]:
    """Return item ids that are separated by commas."""
    return catalog.parse_ids(part for part in text.split(",") if part.strip())


def history_of(user: str, log: Interactions, known: bool = False) -> pl.DataFrame:
    """Return a user's events, oldest first, with what is known of them.

    Raises:
        ValueError: the log has no event of the user, who is not ``known`` otherwise.
    """
    users = log.frame["user_id"]
    events = log.frame.filter(users.cast(pl.String) == user)
    if events.is_empty() and not known:
        raise ValueError(f"the data set has no event of the user {user!r}")
    return events.select(name for name in COLUMNS if name in events.columns)


def time_of(text: str) -> float:
    """Return a time from the command line, unix seconds or ISO, in unix seconds.

    Raises:
        ValueError: it is no time.

    Example:
        >>> time_of("1970-01-02"), time_of("5")
        (86400.0, 5.0)
    """
    try:
        return float(to_seconds(pl.Series("timestamp", [text]), "--at").item())
    except ValueError:
        raise ValueError(
            "--at must be unix seconds of 0 or more, before the year 2200, or an ISO date or time "
            f"such as 2024-05-01T12:00:00Z; got {text!r}"
        ) from None


def with_types(log: Interactions, recommender: Recommender) -> Interactions:
    """Return a log with the types that its events have by the rules of a recommender.

    Raises:
        ValueError: a rule reads a column that the log lacks.
    """
    check_columns(log, recommender.options, recommender.catalog)
    return log.with_frame(recommender.options.event_rules.named(log.frame))


def given_events(
    ids: list[ItemId], types: str | None, times: str | None, values: Sequence[str] = ()
) -> Any:
    """Return a history from the command line: ids, or a table with types, times and values.

    Raises:
        ValueError: there are not as many types, times or values of a column as ids.

    Example:
        >>> given_events(["a", "b"], None, None, ["rating=5,1"])
        {'item_id': ['a', 'b'], 'rating': ['5', '1']}
    """
    given = [
        (option, name, text)
        for option, name, text in (("--types", "event", types), ("--times", "timestamp", times))
        if text is not None
    ]
    for text in values:
        name, equals, rest = text.partition("=")
        if not equals or not name.strip():
            raise ValueError(f"--values must be COLUMN=VALUE,…, such as rating=5,1; got {text!r}")
        given.append((f"--values {name.strip()}", name.strip(), rest))
    columns: dict[str, list[Any]] = {}
    for option, name, text in given:
        columns[name] = [value.strip() for value in text.split(",")]
        if len(columns[name]) != len(ids):
            raise ValueError(
                f"{option} must have one value for each item, {len(ids)}; got {len(columns[name])}"
            )
    return {"item_id": ids, **columns} if columns else ids


def write_lists(
    recommender: Recommender, log: Interactions, out: Path, k: int, how: dict[str, Any]
) -> dict[str, Any]:
    """Write a list for each user of a log; return how many users have one and how many don't.

    Args:
        recommender: the recommender.
        log: the events.
        out: the file; its columns are ``user_id``, ``item_id``, ``rank`` and ``score``.
        k: length of the lists.
        how: arguments of :func:`mmrec.recommender.batch.recommend_all`.
    """
    histories, served = histories_of(log), 0

    def blocks() -> Iterator[pl.DataFrame]:
        nonlocal served
        for block in histories.iter_slices(BLOCK):
            lines = recommend_all(recommender, block, k, **how)
            served += lines["user_id"].n_unique()
            yield lines

    rows = write_rows(blocks(), out)
    without = len(histories) - served
    return {"users": served, "without": without, "rows": rows, "out": str(out)}
