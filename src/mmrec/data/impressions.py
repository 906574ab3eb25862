"""Labeled impressions: what was shown to a user at once, what of it was clicked, and the past."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int

from mmrec.data.catalog import Catalog
from mmrec.data.interactions import Interactions, check_known
from mmrec.data.sequences import Sequences, look_up, to_sequences
from mmrec.data.tables import require_columns
from mmrec.data.wording import counted, verb

log = logging.getLogger(__name__)

CLICKED, SHOWN = ("click",), ("impression", "not_clicked")
"""Event types that the reader takes for clicks and for items that were shown, by default."""

INSTANT = ["user_id", "_time"]


@dataclass(frozen=True)
class Impressions:
    """Impressions in order of time, each with its items, their labels and the user's history.

    Impression ``i`` shows ``item[offsets[i]:offsets[i + 1]]``, and its history is
    ``events[start[i]:stop[i]]``. Tables that are made of one another share the events.

    Attributes:
        events: what histories are made of, grouped by user.
        start: first event of the user of each impression, ``(I,)``.
        stop: the end of the events before each impression, ``(I,)``.
        user: number of the user of each impression, ``(I,)``.
        time: unix seconds (or position) of each impression, ``(I,)``.
        part: the published part of each impression, ``(I,)``; "" without such a column.
        offsets: where the items of each impression begin and end, ``(I + 1,)``.
        item: catalogue index of each item shown, ``(S,)``.
        clicked: whether it was clicked, ``(S,)``.
        catalog_size: V.
    """

    events: Sequences
    start: Int[np.ndarray, " I"]
    stop: Int[np.ndarray, " I"]
    user: Int[np.ndarray, " I"]
    time: Float[np.ndarray, " I"]
    part: np.ndarray
    offsets: Int[np.ndarray, " I1"]
    item: Int[np.ndarray, " S"]
    clicked: Bool[np.ndarray, " S"]
    catalog_size: int

    def __len__(self) -> int:
        return len(self.start)

    def __repr__(self) -> str:
        return (
            f"Impressions({len(self):,} impressions, {len(self.item):,} items shown, "
            f"{int(self.clicked.sum()):,} clicked)"
        )

    @property
    def impression(self) -> Int[np.ndarray, " S"]:
        """The impression of each item shown, as a row of this table."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    def keep(self, mask: Bool[np.ndarray, " I"]) -> "Impressions":
        """Return the impressions where ``mask`` is True."""
        sizes, shown = np.diff(self.offsets), mask[self.impression]
        return replace(
            self,
            **{name: getattr(self, name)[mask] for name in ("start", "stop", "user", "time")},
            part=self.part[mask],
            offsets=np.concatenate([[0], np.cumsum(sizes[mask])]),
            item=self.item[shown],
            clicked=self.clicked[shown],
        )

    def of_part(self, name: str) -> "Impressions":
        """Return the impressions of a published part, such as ``"dev"``.

        Raises:
            ValueError: there is no such part.
        """
        if name not in self.part:
            raise ValueError(f"part must be one of {np.unique(self.part).tolist()}; got {name!r}")
        return self.keep(self.part == name)

    def cut(self, *shares: float) -> "tuple[Impressions, ...]":
        """Return the impressions before, between and after times, the same for all users.

        Impressions at the time of a cut come after it. Histories go back beyond a cut.

        Args:
            shares: share of the impressions before each cut, ascending.

        Raises:
            ValueError: the shares do not ascend between 0 and 1, or a part would be empty.
        """
        if not shares or any(a >= b for a, b in zip((0, *shares), (*shares, 1), strict=True)):
            raise ValueError(f"shares must ascend between 0 and 1; got {shares}")
        if not len(self):
            raise ValueError("expected impressions to cut; got none")
        times = self.time[[min(int(len(self) * share), len(self) - 1) for share in shares]]
        label = np.searchsorted(times, self.time, side="right")
        parts = tuple(self.keep(label == number) for number in range(len(shares) + 1))
        if not all(map(len, parts)):
            raise ValueError(
                f"expected impressions in each part; got {[len(part) for part in parts]} of the "
                f"{len(self)} with shares {shares}"
            )
        return parts


def read_impressions(
    interactions: Interactions,
    catalog: Catalog,
    *,
    clicked: Sequence[str] = CLICKED,
    shown: Sequence[str] = SHOWN,
    history: Sequence[str] | None = None,
    impression: str = "impression_id",
    part: str | None = None,
    event_types: Sequence[str] | None = None,
) -> Impressions:
    """Return the labeled impressions of a log.

    A row of a type of ``clicked`` or ``shown`` with a value in the column ``impression`` is an item
    of that user's impression. An item is clicked if any row of it in the impression says so. An
    impression is at the time of its first row.

    Its history is the events of the types ``history`` before its first row, in the order of the
    log. Events of any impression at the same instant are not among them, of whatever type, since
    nobody knows which came first. Events without an impression count as well: MIND publishes clicks
    from before its first impression, and the import writes them with the time of that. If one of
    the same instant is of an item that is shown then, it could be the answer: a warning counts
    these.

    Rows of other types are left out. Rows of ``shown`` without an impression are, too, with a
    warning.

    Args:
        interactions: the log, with the columns ``event`` and ``impression``.
        catalog: the items.
        clicked: event types of clicks.
        shown: event types of items that were shown.
        history: event types of the history; those of ``clicked`` by default.
        impression: the column with the number of the impression; unique for each user, and part.
        part: the column with the published part, if there is one (``"part"`` in MIND).
        event_types: names of the event types of histories, in the order of their numbers; by
            default those of the log, sorted. Others are unknown (0). A trained model reads another
            log with those of its training, ``train.events.event_types``.

    Raises:
        ValueError: a column is missing, the log has no event of one of the three kinds, or none
            that was clicked or shown has an impression.

    Example:
        >>> log = Interactions({
        ...     "user_id": ["u"] * 4, "item_id": ["a", "b", "c", "a"], "timestamp": [1, 5, 5, 9],
        ...     "event": ["click", "impression", "click", "impression"],
        ...     "impression_id": [None, 1, 1, 2],
        ... })
        >>> made = read_impressions(log, Catalog({"item_id": ["a", "b", "c"]}))
        >>> made
        Impressions(2 impressions, 3 items shown, 1 clicked)
        >>> made.events.item, made.stop
        (array([1, 3]), array([1, 2]))
    """
    frame = check_known(interactions, catalog).frame
    require_columns(frame, ["event", impression, *([part] if part else [])], "interactions")
    _check_types(frame, clicked, shown, history)
    label = pl.lit("") if part is None else pl.col(part).cast(pl.String).fill_null("")
    frame = frame.with_row_index("_row").with_columns(
        pl.col("_row").cast(pl.Int64), pl.col(interactions.order).alias("_time"), _part=label
    )
    # The first row of any impression of the user at the instant: nothing after it is a past.
    of_impression = pl.when(pl.col(impression).is_not_null()).then("_row")
    frame = frame.with_columns(_first=of_impression.min().over(INSTANT))
    past = frame.filter(pl.col("event").is_in([*(clicked if history is None else history)]))
    kept = interactions.with_frame(past.drop("role", "weight", strict=False))
    events = to_sequences(kept, catalog, event_types)
    is_shown = pl.col("event").is_in([*clicked, *shown])
    rows = frame.filter(is_shown & pl.col(impression).is_not_null())
    if rows.is_empty():
        raise ValueError(
            f"expected events of {[*clicked, *shown]} with a value of {impression}; all "
            f"{len(frame.filter(is_shown))} of them have none"
        )
    lost = frame.filter(pl.col("event").is_in([*shown]) & pl.col(impression).is_null())
    if len(lost):
        log.warning(
            "%s shown in no impression (%s) and left out",
            f"{counted(len(lost), 'event')} {verb(len(lost), 'was', 'were')}",
            impression,
        )
    _warn_of_answers(past, rows, impression)
    found, items = _grouped(rows, ["user_id", "_part", impression], clicked)
    start, stop = _spans(found, past, events)
    ids = items["item_id"].unique(maintain_order=True)
    return Impressions(
        events=events,
        start=start,
        stop=stop,
        user=found["user_id"].rank("dense").to_numpy().astype(np.int64) - 1,
        time=found["_time"].cast(pl.Float64).to_numpy(),
        part=np.array(found["_part"].to_list(), dtype=np.str_),
        offsets=np.concatenate([[0], np.cumsum(found["_size"].to_numpy())]).astype(np.int64),
        item=look_up(items["item_id"], ids, catalog.indices_of(ids.to_list())),
        clicked=items["_clicked"].to_numpy(),
        catalog_size=len(catalog),
    )


def _check_types(
    frame: pl.DataFrame,
    clicked: Sequence[str],
    shown: Sequence[str],
    history: Sequence[str] | None,
) -> None:
    """Raise a ValueError unless there are events of each kind."""
    if both := sorted({*clicked} & {*shown}):
        raise ValueError(f"an event type is clicked or shown; got {both} as both")
    types = sorted(frame["event"].drop_nulls().unique().to_list())
    for name, wanted in (("clicked", clicked), ("shown", shown), ("history", history)):
        if wanted is not None and not {*wanted} & {*types}:
            raise ValueError(f"{name} expects event types of the log, {types}; got {[*wanted]}")


def _warn_of_answers(past: pl.DataFrame, rows: pl.DataFrame, impression: str) -> None:
    """Say how many events may be the answers to impressions whose histories have them."""
    before = past.filter(pl.col(impression).is_null() & (pl.col("_row") < pl.col("_first")))
    same = [*INSTANT, "item_id"]
    if again := len(before.join(rows.select(same), on=same, how="semi")):
        log.warning(
            "%s without %s %s of an item that is shown to the same user at the same instant; such "
            "events come first in the log, and are in the history of what is shown",
            counted(again, "event"),
            impression,
            verb(again, "is", "are"),
        )


def _grouped(
    rows: pl.DataFrame, key: Sequence[str], clicked: Sequence[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the impressions in order of time, and their items in this order, once each."""
    found = (
        rows.group_by(key, maintain_order=True)
        .agg(
            pl.col("_row", "_time", "_first").first(),
            _size=pl.col("item_id").n_unique(),
        )
        .sort("_row")
        .with_row_index("_number")
    )
    items = (
        rows.group_by([*key, "item_id"], maintain_order=True)
        .agg(pl.col("_row").first(), _clicked=pl.col("event").is_in([*clicked]).any())
        .join(found.select(*key, "_number"), on=key)
        .sort("_number", "_row")
    )
    return found, items


def _spans(
    found: pl.DataFrame, past: pl.DataFrame, events: Sequences
) -> tuple[Int[np.ndarray, " I"], Int[np.ndarray, " I"]]:
    """Return where the history of each impression starts and stops in the events."""
    users = pl.Series(events.users, dtype=past["user_id"].dtype)
    numbers = pl.Series(range(len(users)), dtype=pl.Int64)
    owner, user = (
        table["user_id"].replace_strict(users, numbers, default=-1).to_numpy()
        for table in (past, found)
    )
    # Rows grow with time: user and row together ascend, as the events do.
    rows, first = past["_row"].to_numpy(), found["_first"].to_numpy()
    span = int(max(rows.max(initial=0), first.max(initial=0))) + 1
    keys = np.sort(owner * span + rows)
    known = user >= 0
    start = np.where(known, events.offsets[np.maximum(user, 0)], 0)
    stop = np.where(known, np.searchsorted(keys, user * span + first), 0)
    return start, stop
