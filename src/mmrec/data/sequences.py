"""The event log as arrays grouped by user, and the windows that training reads."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int

from mmrec.data.catalog import Catalog
from mmrec.data.event_labels import EventLabels, label_events
from mmrec.data.interactions import Interactions


@dataclass(frozen=True)
class Sequences:
    """The event log as arrays: grouped by user, each user's events in time order.

    Attributes:
        item: catalogue index of each event, ``(E,)``.
        gap: seconds since the user's previous event, 0 for the first, ``(E,)``.
        event_type: event type of each event, 0 = unknown, ``(E,)``.
        time: unix seconds (or position) of each event, ``(E,)``.
        offsets: user ``u`` has the events ``offsets[u]:offsets[u + 1]``, ``(U + 1,)``.
        users: the id of each user.
        event_types: the names of the event types; type ``k`` is ``event_types[k - 1]``.
        labels: which events are targets, and what should rank below them; None if every event is
            a target of weight 1.
        timed: whether ``time`` and ``gap`` are seconds; False for positions.
        user_rows: row of each user in a table of users, from 1, 0 = none, ``(U,)``; None without
            such a table.
    """

    item: Int[np.ndarray, " E"]
    gap: Float[np.ndarray, " E"]
    event_type: Int[np.ndarray, " E"]
    time: Float[np.ndarray, " E"]
    offsets: Int[np.ndarray, " U1"]
    users: Sequence[str | int]
    event_types: Sequence[str] = ()
    labels: EventLabels | None = None
    timed: bool = True
    user_rows: Int[np.ndarray, " U"] | None = None

    def __len__(self) -> int:
        return len(self.users)

    @property
    def owner(self) -> Int[np.ndarray, " E"]:
        """The user of each event, as a row of ``users``."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    @property
    def is_target(self) -> Bool[np.ndarray, " E"]:
        """Which events are predicted and measured."""
        return np.ones(len(self.item), bool) if self.labels is None else self.labels.is_target

    def keep(self, mask: Bool[np.ndarray, " E"]) -> "Sequences":
        """Return the events where ``mask`` is True; users without events stay, with none."""
        counts = np.add.reduceat(np.append(mask, False).astype(np.int64), self.offsets[:-1])
        counts[np.diff(self.offsets) == 0] = 0
        return Sequences(
            self.item[mask],
            self.gap[mask],
            self.event_type[mask],
            self.time[mask],
            np.concatenate([[0], np.cumsum(counts)]),
            self.users,
            self.event_types,
            None if self.labels is None else self.labels.keep(mask),
            self.timed,
            self.user_rows,
        )

    def rows_at(self, starts: Int[np.ndarray, " B"]) -> Int[np.ndarray, " B"]:
        """Return the row in the table of users of the user of each event, 0 = none."""
        if self.user_rows is None:
            return np.zeros(len(starts), dtype=np.int64)
        owner = np.searchsorted(self.offsets, starts, side="right") - 1
        return self.user_rows[np.minimum(owner, len(self) - 1)]

    def counts(self, catalog_size: int) -> Int[np.ndarray, " V1"]:
        """Return the number of events of each item, ``(V + 1,)``; 0 for padding.

        Negative events don't count.
        """
        item = self.item if self.labels is None else self.item[~self.labels.is_negative]
        return np.bincount(item, minlength=catalog_size + 1)

    @property
    def end(self) -> float:
        """Time of the last event, 0 without events."""
        return float(self.time.max()) if len(self.time) else 0.0

    def without_negatives(self) -> "Sequences":
        """Return the events that are not negative."""
        return self if self.labels is None else self.keep(~self.labels.is_negative)


def to_sequences(
    interactions: Interactions, catalog: Catalog, event_types: Sequence[str] | None = None
) -> Sequences:
    """Return a log grouped by user, in order of first appearance, with catalogue indices.

    Args:
        interactions: the log.
        catalog: the items.
        event_types: names of the event types; by default those of the log, sorted. Others are
            unknown.

    Raises:
        ValueError: an event's item is not in the catalogue.

    Example:
        >>> log = Interactions(
        ...     {"user_id": ["u", "v", "u"], "item_id": ["a", "a", "b"], "timestamp": [1, 2, 3]}
        ... )
        >>> sequences = to_sequences(log, Catalog({"item_id": ["a", "b"]}))
        >>> sequences.item, sequences.offsets
        (array([1, 2, 1]), array([0, 2, 3]))
    """
    present = interactions.frame.columns
    optional = [name for name in ("event", "role", "weight") if name in present]
    frame = interactions.frame.select("user_id", "item_id", interactions.order, *optional)
    users = frame["user_id"].unique(maintain_order=True)
    ranks = pl.DataFrame({"user_id": users, "_user": np.arange(len(users))})
    frame = frame.join(ranks, on="user_id", how="left", maintain_order="left")
    frame = frame.sort("_user", maintain_order=True)
    items = frame["item_id"].unique(maintain_order=True)
    item = look_up(frame["item_id"], items, catalog.indices_of(items.to_list()))
    labels = None
    if "role" in optional:
        owner, time = frame["_user"].to_numpy(), frame[interactions.order].to_numpy()
        role, weight = frame["role"].to_numpy(), frame["weight"].to_numpy()
        labels, history = label_events(owner, time, item, role, weight)
        frame, item = frame.filter(pl.Series(history)), item[history]
    owner = frame["_user"].to_numpy()
    time = frame[interactions.order].to_numpy()
    first = np.diff(owner, prepend=-1) != 0
    gap = np.where(first, 0.0, np.diff(time, prepend=time[:1]))
    event_type = np.zeros(len(owner), dtype=np.int64)
    if "event" in optional:
        if event_types is None:
            event_types = sorted(set(frame["event"].drop_nulls().unique()) - {""})
        names = pl.Series(event_types, dtype=pl.String)
        event_type = look_up(frame["event"], names, np.arange(1, len(names) + 1))
    kept, starts = np.unique(owner, return_index=True)
    return Sequences(
        item=item,
        gap=gap,
        event_type=event_type,
        time=time,
        offsets=np.append(starts, len(owner)).astype(np.int64),
        users=users.gather(kept).to_list(),
        event_types=tuple(event_types or ()),
        labels=labels,
        timed=interactions.order == "timestamp",
    )


def look_up(
    values: pl.Series, keys: pl.Series, numbers: Int[np.ndarray, " K"]
) -> Int[np.ndarray, " E"]:
    """Return the number that belongs to each value's key, 0 if there is no such key."""
    table = pl.Series(numbers, dtype=pl.Int64)
    return values.replace_strict(keys, table, default=0, return_dtype=pl.Int64).to_numpy()


def windows(sequences: Sequences, max_length: int) -> Int[np.ndarray, "W 2"]:
    """Cut each user's events into windows ``[start, end)`` of at most ``max_length + 1`` events.

    The history of a window is all its events but the last; its targets are all but the first.
    Successive windows of a user overlap by one event, so every event but the user's first is a
    target exactly once. Cuts are counted from the end, so the last window is full. Windows in
    which nothing is learned, because no event but the first has a weight, are left out.

    The first event of a user of a table (``user_rows``) is a target too, so a user with one event
    has a window.

    Raises:
        ValueError: ``max_length`` is below 1.

    Example:
        >>> items = [1, 2, 3, 4]
        >>> log = Interactions({"user_id": ["u"] * 4, "item_id": items, "position": items})
        >>> windows(to_sequences(log, Catalog({"item_id": items})), max_length=2)
        array([[0, 2],
               [1, 4]])
    """
    if max_length < 1:
        raise ValueError(f"max_length must be 1 or more; got {max_length}")
    cut = [
        (max(end - max_length - 1, start), end)
        for start, stop in zip(sequences.offsets[:-1], sequences.offsets[1:], strict=True)
        for end in range(stop, start + 1, -max_length)
    ]
    if sequences.user_rows is not None:
        single = (np.diff(sequences.offsets) == 1) & (sequences.user_rows > 0)
        cut += [(start, start + 1) for start in sequences.offsets[:-1][single].tolist()]
    spans = np.array(sorted(cut), dtype=np.int64).reshape(-1, 2)
    if sequences.labels is None or not len(spans):
        return spans
    learned = np.concatenate([[0], np.cumsum(sequences.labels.weight > 0)])
    starts = spans[:, 0]
    led = (sequences.rows_at(starts) > 0) & np.isin(starts, sequences.offsets)
    return spans[learned[spans[:, 1]] > learned[starts + ~led]]


def bucket_batches(
    lengths: Int[np.ndarray, " W"],
    batch_size: int,
    rng: np.random.Generator,
    bucket: int = 16,
) -> Iterator[Int[np.ndarray, " B"]]:
    """Yield shuffled batches of rows of similar lengths, which need little padding.

    Rows are shuffled, sorted by length within runs of ``bucket`` batches, and cut into batches,
    which are shuffled again. Every row occurs exactly once.

    Example:
        >>> lengths = np.array([1, 9, 1, 9])
        >>> batches = list(bucket_batches(lengths, 2, np.random.default_rng(0)))
        >>> sorted(sorted(lengths[batch].tolist()) for batch in batches)
        [[1, 1], [9, 9]]
    """
    order = rng.permutation(len(lengths))
    batches = []
    for start in range(0, len(order), batch_size * bucket):
        run = order[start : start + batch_size * bucket]
        run = run[np.argsort(lengths[run], kind="stable")]
        batches += [run[i : i + batch_size] for i in range(0, len(run), batch_size)]
    yield from (batches[i] for i in rng.permutation(len(batches)))
