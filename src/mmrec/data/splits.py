"""Splits of a log into training, validation and test events."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool, Int

from mmrec.data.catalog import Catalog
from mmrec.data.event_rules import Role
from mmrec.data.ids import ItemId
from mmrec.data.interactions import Interactions, k_core
from mmrec.data.other_names import how_given
from mmrec.data.sequences import Sequences, to_sequences

TRAIN, VALID, TEST = 0, 1, 2
PARTS = {"train": TRAIN, "valid": VALID, "test": TEST}


@dataclass(frozen=True)
class Split:
    """A log with a label on every event: the part that it belongs to.

    The parts of a user follow one another in time, so the history of an event is all earlier events
    of the user, whatever their part.

    Attributes:
        name: ``"time"`` or ``"leave-one-out"``.
        sequences: the events.
        part: 0 train, 1 valid, 2 test, for each event, ``(E,)``.
        candidates: the catalogue indices that are ranked, ascending, ``(C,)``.
        catalog_size: V.
        options: the arguments that the split was made with.
        fingerprint: hash of the user, item, time and part of every event, of their order and of the
            candidates. Results are comparable if their fingerprints are equal.
        facts: what was done with the events before, see :meth:`mmrec.data.EventRules.apply`.
        known: which catalogue indices are warm, ``(V + 1,)``, if the model that is measured has
            trained on other events than the training part; None for the items of that part.
    """

    name: str
    sequences: Sequences
    part: Int[np.ndarray, " E"]
    candidates: Int[np.ndarray, " C"]
    catalog_size: int
    options: dict[str, Any] = field(default_factory=dict)
    fingerprint: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    known: Bool[np.ndarray, " V1"] | None = None

    @cached_property
    def train(self) -> Sequences:
        """The events of the training part."""
        return self.sequences.keep(self.part == TRAIN)

    @cached_property
    def train_counts(self) -> Int[np.ndarray, " V1"]:
        """The number of training events of each item, ``(V + 1,)``."""
        return self.train.counts(self.catalog_size)

    @property
    def warm(self) -> Bool[np.ndarray, " V1"]:
        """Which catalogue indices are warm, ``(V + 1,)``; the others are cold."""
        return self.train_counts > 0 if self.known is None else self.known

    def targets(self, part: str) -> Int[np.ndarray, " N"]:
        """Return the positions in ``sequences`` of the targets of a part."""
        return np.flatnonzero((self.part == _number(part)) & self.sequences.is_target)

    def seen_targets(self, part: str) -> int:
        """Return how many targets of a part are items that lists leave out, since they were seen.

        Where seen items are filtered from lists, these can't be found. Which events count as seen,
        see :meth:`mmrec.data.EventRules.is_seen`.
        """
        return len(self._seen(part))

    def seen_targets_by_type(self, part: str) -> dict[str, dict[str, int]]:
        """Return the number of targets, and of :meth:`seen_targets`, of each event type of a part.

        Raises:
            ValueError: there is no such part.

        Example:
            >>> log = {"user_id": ["u"] * 6, "item_id": [*"abcadd"], "position": range(6)}
            >>> log = Interactions(log | {"event": ["watch"] * 5 + ["like"]})
            >>> split = leave_one_out(log, Catalog({"item_id": [*"abcd"]}))
            >>> split.seen_targets_by_type("test")
            {'like': {'targets': 1, 'seen': 1}}
        """
        events, targets, seen = self.sequences, self.targets(part), self._seen(part)
        names = ("", *events.event_types)
        return {
            names[number]: {
                "targets": int((events.event_type[targets] == number).sum()),
                "seen": int((events.event_type[seen] == number).sum()),
            }
            for number in np.unique(events.event_type[targets])
        }

    def _seen(self, part: str) -> Int[np.ndarray, " N"]:
        """Return the positions of the targets of a part that lists leave out."""
        targets = self.targets(part)
        rows, items = seen_before(self, targets)
        found: Int[np.ndarray, " N"]
        found = targets[np.unique(rows[items == self.sequences.item[targets][rows]])]
        return found

    def met_targets(self, part: str) -> int:
        """Return how many targets of a part are items that their user has interacted with before.

        Among them are those of :meth:`seen_targets`. The others stay in lists, such as a product
        that was looked at and is bought: who recommends the last items finds them.
        """
        return int(self.are_met(self.targets(part)).sum())

    def are_met(self, events: Int[np.ndarray, " N"]) -> Bool[np.ndarray, " N"]:
        """Return which events are on an item that their user has interacted with before.

        Args:
            events: positions in ``sequences``.
        """
        pairs = self.sequences.owner * (self.catalog_size + 1) + self.sequences.item
        _, first = np.unique(pairs, return_index=True)  # events are sorted by user and time
        met: np.ndarray = ~np.isin(events, first)
        return met

    def valid_only_targets(self) -> int:
        """Return how many test targets are cold items that have an event in validation.

        A model that is trained on validation too has met these items, and so have the baselines.
        """
        met = self.sequences.item[self.part == VALID]
        items = self.sequences.item[self.targets("test")]
        return int((~self.warm[items] & np.isin(items, met)).sum())

    def until(self, part: str) -> Sequences:
        """Return the events of all parts up to and including ``part``."""
        return self.sequences.keep(self.part <= _number(part))

    def training_until(self, part: str) -> "Split":
        """Return a split with all parts up to and including ``part`` as the training part.

        It has no fingerprint, since nothing is measured on it.
        """
        labels = np.where(self.part <= _number(part), TRAIN, self.part)
        return replace(self, part=labels, fingerprint="")

    def sizes(self) -> dict[str, int]:
        """Return the number of targets in each part; of events, if every event is a target."""
        return {name: len(self.targets(name)) for name in PARTS}


def _number(part: str) -> int:
    if part not in PARTS:
        raise ValueError(f"part must be one of {sorted(PARTS)}; got {part!r}")
    return PARTS[part]


def split_by_time(
    interactions: Interactions,
    catalog: Catalog,
    *,
    valid: float = 0.8,
    test: float = 0.9,
    min_count: int = 0,
) -> Split:
    """Split the log at two times, the same for all users, so that no future event trains.

    Every validation and test event is a target, unless its role says otherwise
    (:class:`mmrec.data.EventRules`). Its history includes all earlier events of the user, also
    those of validation and test. The whole catalogue is ranked.

    Args:
        interactions: the log.
        catalog: the items.
        valid: share of the events before the first cut. Events at the time of a cut come after it.
        test: share of the events before the second cut.
        min_count: k-core filter on the training part alone, see :func:`k_core`.

    Raises:
        ValueError: the log has no timestamps, or a part would be empty.

    Example:
        >>> log = Interactions(
        ...     {"user_id": ["u"] * 10, "item_id": list("abcdefghij"), "timestamp": range(10)}
        ... )
        >>> split = split_by_time(log, Catalog({"item_id": list("abcdefghij")}))
        >>> split.sizes()
        {'train': 8, 'valid': 1, 'test': 1}
    """
    if interactions.order != "timestamp":
        names = [name for name in interactions.frame.columns if name != "position"]
        raise ValueError(
            f"split_by_time expects a timestamp column; got a log with positions alone beside "
            f"{names}; {how_given(['timestamp'], names)}"
        )
    if not 0 < valid < test < 1:
        raise ValueError(
            f"shares must satisfy 0 < valid < test < 1; got valid={valid}, test={test}"
        )
    frame = interactions.frame
    rows = len(frame)
    if not rows:
        raise ValueError("split_by_time expects events; got an empty log")
    cuts = [float(frame["timestamp"][min(int(rows * share), rows - 1)]) for share in (valid, test)]
    train = k_core(interactions.with_frame(frame.filter(pl.col("timestamp") < cuts[0])), min_count)
    rest = frame.filter(pl.col("timestamp") >= cuts[0])
    kept = interactions.with_frame(pl.concat([train.frame, rest]))
    sequences = to_sequences(kept, catalog)
    part = np.searchsorted(np.array(cuts), sequences.time, side="right")
    options = {"valid": valid, "test": test, "min_count": min_count, "cuts": cuts}
    _check_parts("time", sequences, part, rows, options, "lower min_count, or move valid and test")
    return _finish("time", sequences, part, np.arange(1, len(catalog) + 1), catalog, options)


def leave_one_out(interactions: Interactions, catalog: Catalog, *, min_count: int = 0) -> Split:
    """Hold out the last target of each user for test, and the one before it for validation.

    A target is any event, unless its role says otherwise (:class:`mmrec.data.EventRules`). As in
    most papers, the k-core filter (``min_count``) is applied first, its items are the candidates,
    and all events of users with fewer than three targets are training events. A model is
    trained on events later than some test events. So use this split to compare with published
    results, and :func:`split_by_time` otherwise.

    Raises:
        ValueError: ``min_count`` leaves no events, or a part would be empty.

    Example:
        >>> log = Interactions(
        ...     {"user_id": ["u"] * 4, "item_id": list("abcd"), "timestamp": [1, 2, 3, 3]}
        ... )
        >>> split = leave_one_out(log, Catalog({"item_id": list("abcd")}))
        >>> split.sizes()
        {'train': 2, 'valid': 1, 'test': 1}
    """
    kept = k_core(interactions, min_count)
    if not len(kept):
        raise ValueError(
            f"min_count={min_count} leaves no event of the {len(interactions)} in the log"
        )
    sequences = to_sequences(kept, catalog)
    # The number of the user's targets after each event.
    until = np.concatenate([[0], np.cumsum(sequences.is_target)])
    stop, start = until[sequences.offsets[1:]], until[sequences.offsets[:-1]]
    owner = sequences.owner
    after = np.where((stop - start >= 3)[owner], stop[owner] - until[1:], 2)
    part = np.select([after == 0, after == 1], [TEST, VALID], TRAIN)
    candidates = np.unique(sequences.item)
    options = {"min_count": min_count}
    _check_parts(
        "leave-one-out",
        sequences,
        part,
        len(interactions),
        options,
        "a user needs three events: lower min_count, or keep repeats (drop_repeats=False)",
    )
    return _finish("leave-one-out", sequences, part, candidates, catalog, options)


def _check_parts(
    name: str,
    sequences: Sequences,
    part: np.ndarray,
    given: int,
    options: dict[str, Any],
    advice: str,
) -> None:
    """Raise if a part is empty; ``given`` is the number of events before the k-core filter."""
    targets = part[sequences.is_target]
    empty = [label for label, number in PARTS.items() if number not in targets]
    if empty:
        before = "" if given == len(part) else f" ({given} before min_count)"
        some = "" if len(targets) == len(part) else f", {len(targets)} of them targets,"
        raise ValueError(
            f"the {name} split of {len(part)} events{before}{some} leaves no event in: "
            f"{', '.join(empty)} (options {options}); {advice}"
        )


def _finish(
    name: str,
    sequences: Sequences,
    part: np.ndarray,
    candidates: np.ndarray,
    catalog: Catalog,
    options: dict[str, Any],
) -> Split:
    split = Split(name, sequences, part, candidates, len(catalog), options)
    object.__setattr__(split, "fingerprint", _fingerprint(split, catalog.ids))
    return split


def _fingerprint(split: Split, ids: Sequence[ItemId]) -> str:
    """Return a hash of the split; of ids, so that the order of the catalogue doesn't matter."""
    digest = hashlib.sha256(split.name.encode())
    events = split.sequences
    for array, dtype in ((split.part, "<i8"), (events.offsets, "<i8"), (events.time, "<f8")):
        digest.update(np.ascontiguousarray(array, dtype=dtype).tobytes())
    ranked = [ids[index - 1] for index in split.candidates]
    items = [ids[index - 1] for index in events.item]
    for names in (events.users, items, sorted(ranked, key=str)):
        # With type and length, so that 7 and "7" differ and no two lists give the same text.
        texts = (f"{type(name).__name__}{len(str(name))}:{name}" for name in names)
        digest.update("".join(texts).encode("utf-8", "surrogatepass"))
        digest.update(b"|")
    if events.event_types:
        types = [*events.event_types, *np.array(["", *events.event_types])[events.event_type]]
        digest.update("|".join(types).encode("utf-8", "surrogatepass"))
    if events.labels is not None and not events.is_target.all():
        digest.update(np.ascontiguousarray(events.labels.role, dtype="<i8").tobytes())
    return digest.hexdigest()[:16]


def target_users(split: Split, targets: Int[np.ndarray, " N"]) -> Int[np.ndarray, " N"]:
    """Return the user of each target, as a row of ``split.sequences.users``."""
    return np.searchsorted(split.sequences.offsets, targets, side="right") - 1


def seen_before(
    split: Split, targets: Int[np.ndarray, " N"], *, context: bool = False
) -> tuple[Int[np.ndarray, " S"], Int[np.ndarray, " S"]]:
    """Return ``(rows, items)``: row ``n`` has the items its user has seen before ``targets[n]``.

    Which events count as seen, see :meth:`mmrec.data.EventRules.is_seen`; with ``context``, those
    that are context do too.
    """
    events = split.sequences
    starts = events.offsets[target_users(split, targets)]
    lengths = targets - starts
    rows = np.repeat(np.arange(len(targets)), lengths)
    steps = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    at = np.repeat(starts, lengths) + steps
    if events.labels is not None and not context:
        kept = events.labels.role[at] != Role.CONTEXT
        rows, at = rows[kept], at[kept]
    return rows, events.item[at]


def by_length(split: Split, targets: Int[np.ndarray, " N"], size: int) -> Iterator[np.ndarray]:
    """Yield ``targets`` in batches whose histories have similar lengths."""
    lengths = targets - split.sequences.offsets[target_users(split, targets)]
    order = np.argsort(lengths, kind="stable")
    for start in range(0, len(order), size):
        yield targets[order[start : start + size]]
