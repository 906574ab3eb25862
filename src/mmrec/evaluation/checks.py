"""Checks for faults that inflate results: leaks of the future, users or targets counted twice."""

from itertools import pairwise

import numpy as np
from jaxtyping import Int

from mmrec.data import Split
from mmrec.data.splits import PARTS


def check_split(split: Split) -> None:
    """Raise a ``ValueError`` if a split leaks the future or has a user twice.

    The events of a user must be in time order, and in the order training, validation, test. Each
    user must have one history. In a split by time, all training events, whoever the user, must
    be earlier than all validation events, and these earlier than all test events.

    Example:
        >>> from mmrec.data import Catalog, Interactions, split_by_time
        >>> log = Interactions(
        ...     {"user_id": ["u"] * 10, "item_id": list("ababababab"), "timestamp": range(10)}
        ... )
        >>> check_split(split_by_time(log, Catalog({"item_id": ["a", "b"]})))
    """
    events, part = split.sequences, split.part
    ends = events.offsets[[0, -1]].tolist()
    if ends != [0, len(events.item)] or len(part) != len(events.item):
        raise ValueError(
            f"a split must have one part for each of its {len(events.item)} events, and offsets "
            f"from 0 to that number; got {len(part)} parts and offsets from {ends[0]} to {ends[1]}"
        )
    if len(set(events.users)) < len(events.users):
        twice = len(events.users) - len(set(events.users))
        raise ValueError(f"a split must have each user once; {twice} are repeated")
    owner = events.owner
    same = np.diff(owner) == 0
    for what, values in (("a later time", events.time), ("a later part", part)):
        wrong = np.flatnonzero(same & (np.diff(values) < 0))
        if len(wrong):
            raise ValueError(
                f"a history must not hold the future; got {len(wrong)} events after an event of "
                f"{what}, first the event at position {wrong[0] + 1}, of user "
                f"{events.users[owner[wrong[0]]]!r}"
            )
    if split.name == "time":
        _check_cuts(split)


def check_once(position: Int[np.ndarray, " N"]) -> None:
    """Raise a ``ValueError`` if a target was ranked twice, e.g. by a sampler that repeats rows."""
    twice = len(position) - len(np.unique(position))
    if twice:
        raise ValueError(f"each target must be ranked once; got {twice} more than once")


def _check_cuts(split: Split) -> None:
    times = [(name, split.sequences.time[split.part == number]) for name, number in PARTS.items()]
    present = [(name, time) for name, time in times if len(time)]
    for (before, early), (after, late) in pairwise(present):
        if early.max() >= late.min():
            raise ValueError(
                f"a split by time must have its {before} part before its {after} part; got a "
                f"{before} event at {early.max()} and a {after} event at {late.min()}"
            )
