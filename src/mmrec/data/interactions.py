"""The event log: who met which item, and when."""

from collections.abc import Sequence

import polars as pl

from mmrec.data.tables import Table, check_ids, read_table, require_columns
from mmrec.data.times import to_seconds


class Interactions:
    """A validated log of events, ordered in time.

    One row is one event: a user met an item. Events are sorted by ``timestamp`` (or by
    ``position`` within a user, where there are no timestamps). The sort is stable: **events of the
    same time keep the order of their rows in the input**. That is the tie rule of every split.

    Args:
        source: polars or pandas frame, pyarrow table, mapping of columns, CSV or Parquet path
            with the columns ``user_id``, ``item_id`` and either ``timestamp`` (unix seconds, or
            dates and times, as ISO texts too) or ``position``; optional ``event`` (view, cart,
            purchase …) and any further columns. Ids are text or integers and stay as they are:
            ``"007"`` is not 7.

    Attributes:
        frame: the events, a polars frame.
        order: ``"timestamp"`` or ``"position"``.

    Raises:
        ValueError: a column is missing, an id is empty, a time is not a finite number ≥ 0, or is
            later than the year 2200.

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
        """Return a log over ``frame``, rows of this log that were already validated."""
        log = object.__new__(Interactions)
        log.frame, log.order = frame, self.order
        return log

    def of_events(self, events: Sequence[str]) -> "Interactions":
        """Keep the events of the given types (``["cart", "purchase"]``).

        Raises:
            ValueError: there is no ``event`` column, or no event of these types.
        """
        require_columns(self.frame, ["event"], "interactions")
        kept = self.frame.filter(pl.col("event").is_in(list(events)))
        if kept.is_empty():
            known = self.frame["event"].unique().drop_nulls().sort().head(10).to_list()
            raise ValueError(f"interactions have no event of the types {events!r}; got {known}")
        return self.with_frame(kept)


def k_core(interactions: Interactions, min_count: int) -> Interactions:
    """Keep users and items with at least ``min_count`` events, repeated until both hold.

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
    """Of a user's successive events on one item, keep the first.

    Example:
        >>> log = Interactions(
        ...     {"user_id": ["u"] * 3, "item_id": ["a", "a", "b"], "position": [0, 1, 2]}
        ... )
        >>> drop_consecutive_duplicates(log).frame["item_id"].to_list()
        ['a', 'b']
    """
    again = (pl.col("item_id") == pl.col("item_id").shift(1).over("user_id")).fill_null(False)
    return interactions.with_frame(interactions.frame.filter(~again))


def _to_names(events: pl.Series) -> pl.Series:
    """Return event types as text; integers are names too."""
    try:
        return events.cast(pl.String)
    except pl.exceptions.PolarsError as error:
        raise ValueError(f"interactions: event must be text; got {events.dtype}") from error
