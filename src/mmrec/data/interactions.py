"""The event log: which user interacted with which item, and when."""

from collections.abc import Sequence

import polars as pl

from mmrec.data.tables import Table, check_ids, read_table, require_columns
from mmrec.data.times import to_seconds


class Interactions:
    """A validated log of events, ordered in time.

    A row is an event: a user interacted with an item. Events are sorted by ``timestamp``, or by
    ``position`` if there are no timestamps. The sort is stable: **events of the same time keep the
    order of their rows in the input**. Every split uses this rule.

    Args:
        source: polars or pandas frame, pyarrow table, mapping of columns, CSV or Parquet path
            with the columns ``user_id``, ``item_id`` and either ``timestamp`` (unix seconds, or
            dates and times, which may be ISO texts) or ``position``; optionally ``event`` (the
            event type: view, cart, purchase) and any other columns. Ids are text or integers and
            are not converted: ``"007"`` is not 7.

    Attributes:
        frame: the events, a polars frame.
        order: ``"timestamp"`` or ``"position"``.

    Raises:
        ValueError: a column is missing, an id is empty, or a time is not a finite number ≥ 0 or
            is later than the year 2200.

    Example:
        >>> log = Interactions(
        ...     {"user_id": ["u", "u"], "item_id": ["b", "a"], "timestamp": [20, 10]}
        ... )
        >>> log.frame["item_id"].to_list()
        ['a', 'b']
    """

    def __init__(self, source: Table) -> None:
        frame = read_table(source, "interactions")
        require_columns(frame, ["user_id", "item_id"], "interactions")
        orders = [name for name in ("timestamp", "position") if name in frame.columns]
        if not orders:
            raise ValueError(
                f"interactions must have a timestamp or a position column; got {frame.columns}"
            )
        self.order = orders[0]
        for column in ("user_id", "item_id"):
            frame = check_ids(frame, column, "interactions")
        frame = frame.with_columns(to_seconds(frame[self.order], "interactions"))
        if "event" in frame.columns:
            frame = frame.with_columns(_to_names(frame["event"]))
        self.frame = frame.sort(self.order, maintain_order=True)

    def __len__(self) -> int:
        return self.frame.height

    def __repr__(self) -> str:
        users, items = self.frame["user_id"].n_unique(), self.frame["item_id"].n_unique()
        return f"Interactions({len(self):,} events, {users:,} users, {items:,} items)"

    def with_frame(self, frame: pl.DataFrame) -> "Interactions":
        """Return a log of ``frame``, whose rows were validated in this log."""
        log = object.__new__(Interactions)
        log.frame, log.order = frame, self.order
        return log

    def of_event_types(self, event_types: Sequence[str]) -> "Interactions":
        """Return the events of the given types, such as ``["cart", "purchase"]``.

        Raises:
            ValueError: there is no ``event`` column, or no event has one of these types.
        """
        require_columns(self.frame, ["event"], "interactions")
        kept = self.frame.filter(pl.col("event").is_in(list(event_types)))
        if kept.is_empty():
            known = self.frame["event"].unique().drop_nulls().sort().head(10).to_list()
            raise ValueError(
                f"interactions must have events of the types {event_types!r}; got {known}"
            )
        return self.with_frame(kept)


def k_core(interactions: Interactions, min_count: int) -> Interactions:
    """Return the events left after users and items with fewer than ``min_count`` are removed.

    Removal is repeated until no such user or item is left.

    Raises:
        ValueError: ``min_count`` is negative.

    Example:
        >>> log = Interactions(
        ...     {"user_id": ["u", "u", "v"], "item_id": ["a", "a", "b"], "position": [0, 1, 0]}
        ... )
        >>> len(k_core(log, 2))
        2
    """
    if min_count < 0:
        raise ValueError(f"min_count must be 0 or more; got {min_count}")
    frame = interactions.frame
    while True:
        kept = frame.filter(
            (pl.len().over("user_id") >= min_count) & (pl.len().over("item_id") >= min_count)
        )
        if kept.height == frame.height:
            return interactions.with_frame(kept)
        frame = kept


def drop_consecutive_duplicates(interactions: Interactions) -> Interactions:
    """Return a log without repeats: events on the item, and of the type, of the one before.

    The event before is that of the same user. A purchase after a view of the same item is no
    repeat.

    Example:
        >>> log = Interactions(
        ...     {"user_id": ["u"] * 3, "item_id": ["a", "a", "b"], "position": [0, 1, 2]}
        ... )
        >>> drop_consecutive_duplicates(log).frame["item_id"].to_list()
        ['a', 'b']
    """
    frame = interactions.frame
    return interactions.with_frame(frame.filter(~is_repeat(frame)))


def is_repeat(frame: pl.DataFrame) -> pl.Expr:
    """Return which events have the item and the type of their user's event before."""
    repeated = pl.lit(True)
    for name in ("item_id", "event"):
        if name in frame.columns:
            before = pl.col(name).shift(1).over("user_id")
            # The first event of a user has none before it; a missing type equals a missing type.
            repeated &= pl.col(name).eq_missing(before)
    return repeated & pl.col("item_id").shift(1).over("user_id").is_not_null()


def _to_names(events: pl.Series) -> pl.Series:
    """Return event types as text; integers become text too."""
    try:
        return events.cast(pl.String)
    except pl.exceptions.PolarsError as error:
        raise ValueError(f"interactions: event must be text; got {events.dtype}") from error
