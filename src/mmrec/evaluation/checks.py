"""Faults that make a number too good: a leak of the future, a user or a target counted twice."""

from itertools import pairwise

import numpy as np
from jaxtyping import Int

from mmrec.data import Split
from mmrec.data.splits import PARTS


def check_split(split: Split) -> None:
    """Raise a ``ValueError`` if a split leaks or counts somebody twice.

    No event of a history may be later than its target; a user's training events come before the
    validation events and those before the test events; no user has two histories; and with a split
    by time, nothing that trains is as late as what is held out, whoever met it.

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
            f"from 0 to there; got {len(part)} parts and offsets from {ends[0]} to {ends[1]}"
        )
    if len(set(events.users)) < len(events.users):
        twice = len(events.users) - len(set(events.users))
        raise ValueError(f"a split must have each user once; {twice} are there again")
    owner = events.owner
    same = np.diff(owner) == 0
    for what, values in (("a later time", events.time), ("a later part", part)):
        wrong = np.flatnonzero(same & (np.diff(values) < 0))
        if len(wrong):
            raise ValueError(
                f"a history must not hold the future; {len(wrong)} events of a split follow one of "
                f"{what}, the first of them the event at {wrong[0] + 1}, of user "
                f"{events.users[owner[wrong[0]]]!r}"
            )
    if split.name == "time":
        _check_cuts(split)


def check_once(position: Int[np.ndarray, " N"]) -> None:
    """Raise a ``ValueError`` if a target was ranked twice, as by a sampler that pads with rows."""
    twice = len(position) - len(np.unique(position))
    if twice:
        raise ValueError(f"each target must be ranked once; {twice} are there twice")


def _check_cuts(split: Split) -> None:
    times = [(name, split.sequences.time[split.part == number]) for name, number in PARTS.items()]
    there = [(name, time) for name, time in times if len(time)]
    for (before, early), (after, late) in pairwise(there):
        if early.max() >= late.min():
            raise ValueError(
                f"a split by time must have its {before} part before its {after} part; the last "
                f"event of the one is at {early.max()}, the first of the other at {late.min()}"
            )
