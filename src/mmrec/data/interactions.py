"""The event log: which user interacted with which item, and when."""

import logging
from collections.abc import Sequence

import polars as pl

from mmrec.data.catalog import Catalog
from mmrec.data.file_lines import files_noted
from mmrec.data.ids import find_ids, read_ids
from mmrec.data.other_names import how_given, require_own
from mmrec.data.problems import Problems, first_rows
from mmrec.data.tables import Table, read_table, require_columns
from mmrec.data.times import TimeUnit, to_seconds
from mmrec.data.wording import counted, did_you_mean, verb

log = logging.getLogger(__name__)


class Interactions:
    """A validated log of events, ordered in time.

    A row is an event: a user interacted with an item. Events are sorted by ``timestamp``, or by
    ``position`` if there are no timestamps; without either, their rows are in order. The sort is
    stable: **events of the same time keep the order of their rows in the input**. Every split uses
    this rule.

    Args:
        source: a table, see ``mmrec.data.tables.read_table``, with the columns ``user_id``,
            ``item_id`` and either ``timestamp`` (unix seconds, or dates and times, which may be ISO
            texts) or ``position``; optionally ``event`` (the event type: view, cart, purchase) and
            any other columns. Ids are text or integers: ``"007"`` is not 7.
        catalog: the items, if the events must be of these. Their ids are then written as in the
            catalogue, where 7, ``"7"`` and ``"7.0"`` are one id.
        time_unit: unit of timestamps that are numbers: ``"s"``, ``"ms"``, ``"us"`` or ``"ns"``. By
            default seconds, or another unit if no value could be seconds; a warning says so.

    Attributes:
        frame: the events, a polars frame.
        order: ``"timestamp"`` or ``"position"``.

    Raises:
        ValueError: a column is missing, an id is empty, an item is not in the catalogue, or a time
            is not a finite number ≥ 0 or is later than the year 2200; the message names all such
            problems.

    Example:
        >>> log = Interactions(
        ...     {"user_id": ["u", "u"], "item_id": ["b", "a"], "timestamp": [20, 10]}
        ... )
        >>> log.frame["item_id"].to_list()
        ['a', 'b']
    """

    @files_noted()
    def __init__(
        self,
        source: Table,
        catalog: Catalog | None = None,
        *,
        time_unit: TimeUnit | None = None,
    ) -> None:
        frame, problems = read_table(source, "interactions"), Problems()
        with problems:
            require_own(frame, ["user_id", "item_id"], "interactions")
        for column in [name for name in ("user_id", "item_id") if name in frame.columns]:
            with problems:
                ids, wrong = read_ids(frame[column], "interactions")
                problems.found += wrong
                if column == "item_id" and catalog is not None:
                    ids = _known_items(ids, catalog, rows=True)
                frame = frame.with_columns(ids)
        with problems:
            frame, self.order = _with_order(frame, time_unit)
        with problems:
            if "event" in frame.columns:
                frame = frame.with_columns(_to_names(frame["event"]))
        problems.check()
        self.frame = frame.sort(self.order, maintain_order=True)

    def __len__(self) -> int:
        return self.frame.height

    def __repr__(self) -> str:
        counts = {"event": len(self)}
        counts |= {what: self.frame[f"{what}_id"].n_unique() for what in ("user", "item")}
        return f"Interactions({', '.join(counted(count, what) for what, count in counts.items())})"

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
                f"interactions must have events of the types {event_types!r}"
                f"{did_you_mean(next(iter(event_types), ''), known)}; got {known}"
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


def check_known(interactions: Interactions, catalog: Catalog, advice: str = "") -> Interactions:
    """Return a log with its item ids as they are written in the catalogue.

    Args:
        interactions: the log.
        catalog: the items.
        advice: the end of the message about unknown items.

    Raises:
        ValueError: items are not in the catalogue; the message names the first few.
    """
    found = _known_items(interactions.frame["item_id"], catalog, advice=advice)
    return interactions.with_frame(interactions.frame.with_columns(found))


def _known_items(
    ids: pl.Series, catalog: Catalog, *, rows: bool = False, advice: str = ""
) -> pl.Series:
    """Return the ids of items as the catalogue writes them; ``rows``: errors name rows."""
    found = find_ids(ids, catalog.frame["item_id"], catalog.find)
    if (unknown := found.is_null() & ids.is_not_null()).any():
        items = ids.filter(unknown).unique(maintain_order=True).to_list()
        where = f" in {first_rows(unknown, 'interactions')}" if rows else ""
        raise ValueError(
            f"interactions: {int(unknown.sum()):,} of {counted(len(ids), 'event')} "
            f"{verb(int(unknown.sum()), 'refers', 'refer')} to {counted(len(items), 'item')} that "
            f"{verb(len(items), 'is', 'are')} not in the catalogue, first "
            f"{items[:3]!r}{where}{catalog.mistaken(items)}{advice}"
        )
    if found.dtype != ids.dtype:
        kind = "text" if found.dtype == pl.String else "integers"
        some = f"{counted(ids.n_unique(), 'item id')} {verb(ids.n_unique(), 'is', 'are')}"
        log.info("interactions: %s read as %s, as in items", some, kind)
    return found


def _with_order(frame: pl.DataFrame, unit: TimeUnit | None) -> tuple[pl.DataFrame, str]:
    """Return events with their times in seconds, and the column that orders them."""
    order = next((name for name in ("timestamp", "position") if name in frame.columns), None)
    if unit is not None and order != "timestamp":
        raise ValueError(
            f"interactions: time_unit is the unit of a column timestamp; got {frame.columns}"
        )
    if order is None:
        return in_row_order(frame), "position"
    return frame.with_columns(to_seconds(frame[order], "interactions", unit)), order


def in_row_order(frame: pl.DataFrame, start: int = 0) -> pl.DataFrame:
    """Return events without a time with their row numbers, from ``start``, as ``position``.

    Example:
        >>> in_row_order(pl.DataFrame({"user_id": ["u", "u"]}))["position"].to_list()
        [0.0, 1.0]
    """
    if not start:
        log.warning(
            "interactions have no column timestamp or position among %s: the order of their rows "
            "is taken to be that of time; %s",
            frame.columns,
            how_given(["timestamp"], frame.columns),
        )
    rows = pl.Series("position", range(start, start + len(frame)), dtype=pl.Float64)
    return frame.with_columns(rows)


def _to_names(events: pl.Series) -> pl.Series:
    """Return event types as text; integers become text too."""
    try:
        return events.cast(pl.String)
    except pl.exceptions.PolarsError as error:
        raise ValueError(f"interactions: event must be text; got {events.dtype}") from error
