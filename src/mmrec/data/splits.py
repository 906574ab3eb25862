"""Splits: which event trains, which validates, which tests."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Int

from mmrec.data.catalog import Catalog, ItemId
from mmrec.data.interactions import Interactions, k_core
from mmrec.data.sequences import Sequences, to_sequences

TRAIN, VALID, TEST = 0, 1, 2
PARTS = {"train": TRAIN, "valid": VALID, "test": TEST}


@dataclass(frozen=True)
class Split:
    """Every event of a log, labelled with the part it belongs to.

    A user's parts follow one another in time, so the history of an event is all the user's
    earlier events, whatever their part.

    Attributes:
        name: ``"time"`` or ``"leave-one-out"``.
        sequences: the events.
        part: 0 train, 1 valid, 2 test, for each event ``(E,)``.
        candidates: the catalogue indices that are ranked, ascending.
        catalog_size: V.
        options: what the split was made with.
        fingerprint: hash of every event's user, item, time and part, of the order and of the
            candidates. Two results can be compared if their fingerprints are equal.
    """

    name: str
    sequences: Sequences
    part: Int[np.ndarray, " E"]
    candidates: Int[np.ndarray, " C"]
    catalog_size: int
    options: dict[str, Any] = field(default_factory=dict)
    fingerprint: str = ""

    @cached_property
    def train(self) -> Sequences:
        """The events of the training part."""
        return self.sequences.keep(self.part == TRAIN)

    @cached_property
    def train_counts(self) -> Int[np.ndarray, " V1"]:
        """How many training events each item has, ``(V + 1,)``."""
        return self.train.counts(self.catalog_size)

    def targets(self, part: str) -> Int[np.ndarray, " N"]:
        """Return the positions, in ``sequences``, of the events to predict."""
        return np.flatnonzero(self.part == _number(part))

    def until(self, part: str) -> Sequences:
        """Return the events of all parts up to and including ``part``."""
        return self.sequences.keep(self.part <= _number(part))

    def sizes(self) -> dict[str, int]:
        """Return the number of events in each part."""
        return {name: int((self.part == number).sum()) for name, number in PARTS.items()}


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
    """Cut the log at two instants, the same for all users: nothing of the future trains.

    ``valid`` and ``test`` are the shares of events before each instant; events of the instant
    itself lie behind the cut. ``min_count`` is a k-core filter on the training part only. Each
    user's history advances through validation and test, and every event there is a target. The
    whole catalogue is ranked.

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
        raise ValueError("split_by_time needs a timestamp column; the log has only a position")
    if not 0 < valid < test < 1:
        raise ValueError(
            f"shares must satisfy 0 < valid < test < 1; got valid={valid}, test={test}"
        )
    frame = interactions.frame
    rows = len(frame)
    if not rows:
        raise ValueError("split_by_time needs events; the log is empty")
    cuts = [float(frame["timestamp"][min(int(rows * share), rows - 1)]) for share in (valid, test)]
    train = k_core(interactions.with_frame(frame.filter(pl.col("timestamp") < cuts[0])), min_count)
    rest = frame.filter(pl.col("timestamp") >= cuts[0])
    kept = interactions.with_frame(pl.concat([train.frame, rest]))
    sequences = to_sequences(kept, catalog)
    part = np.searchsorted(np.array(cuts), sequences.time, side="right")
    options = {"valid": valid, "test": test, "min_count": min_count, "cuts": cuts}
    _check_parts("time", part, rows, options, "lower min_count, or move valid and test")
    return _finish("time", sequences, part, np.arange(1, len(catalog) + 1), catalog, options)


def leave_one_out(interactions: Interactions, catalog: Catalog, *, min_count: int = 0) -> Split:
    """Hold out each user's last event for test and the one before for validation.

    As in most papers: the k-core filter comes first, its items are the candidates, and users with
    fewer than three events only train. This split lets a model see other users' future; use it to
    compare with published figures, and :func:`split_by_time` for all else.

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
    lengths = np.diff(sequences.offsets)
    ends = sequences.offsets[1:][lengths >= 3]
    part = np.full(len(sequences.item), TRAIN)
    part[ends - 2], part[ends - 1] = VALID, TEST
    candidates = np.unique(sequences.item)
    options = {"min_count": min_count}
    _check_parts(
        "leave-one-out",
        part,
        len(interactions),
        options,
        "a user needs three events: lower min_count, or keep repeats (drop_repeats=False)",
    )
    return _finish("leave-one-out", sequences, part, candidates, catalog, options)


def _check_parts(
    name: str, part: np.ndarray, given: int, options: dict[str, Any], advice: str
) -> None:
    """Refuse a split with an empty part; ``given`` counts the events before the filter."""
    empty = [label for label, number in PARTS.items() if number not in part]
    if empty:
        before = "" if given == len(part) else f" ({given} before min_count)"
        raise ValueError(
            f"the {name} split of {len(part)} events{before} leaves no event in: "
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
    """Hash what the split holds: ids, not indices, so that the catalogue's order says nothing."""
    digest = hashlib.sha256(split.name.encode())
    events = split.sequences
    for array, event_type in ((split.part, "<i8"), (events.offsets, "<i8"), (events.time, "<f8")):
        digest.update(np.ascontiguousarray(array, dtype=event_type).tobytes())
    ranked = [ids[index - 1] for index in split.candidates]
    met = [ids[index - 1] for index in events.item]
    for names in (events.users, met, sorted(ranked, key=str)):
        # With its type and length, so that 7 is not "7" and no two lists are written alike.
        texts = (f"{type(name).__name__}{len(str(name))}:{name}" for name in names)
        digest.update("".join(texts).encode("utf-8", "surrogatepass"))
        digest.update(b"|")
    if events.event_types:
        types = [*events.event_types, *np.array(["", *events.event_types])[events.event_type]]
        digest.update("|".join(types).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:16]


def target_users(split: Split, targets: Int[np.ndarray, " N"]) -> Int[np.ndarray, " N"]:
    """Return the user (row of ``split.sequences.users``) of each target."""
    return np.searchsorted(split.sequences.offsets, targets, side="right") - 1


def seen_before(
    split: Split, targets: Int[np.ndarray, " N"]
) -> tuple[Int[np.ndarray, " S"], Int[np.ndarray, " S"]]:
    """Return ``(rows, items)``: the items that row ``n`` has met before ``targets[n]``."""
    starts = split.sequences.offsets[target_users(split, targets)]
    lengths = targets - starts
    rows = np.repeat(np.arange(len(targets)), lengths)
    steps = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return rows, split.sequences.item[np.repeat(starts, lengths) + steps]


def by_length(split: Split, targets: Int[np.ndarray, " N"], size: int) -> Iterator[np.ndarray]:
    """Yield ``targets`` in batches of histories that are alike in length."""
    lengths = targets - split.sequences.offsets[target_users(split, targets)]
    order = np.argsort(lengths, kind="stable")
    for start in range(0, len(order), size):
        yield targets[order[start : start + size]]
