"""Splitting the log of a recommender."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mmrec.data import (
    Catalog,
    Interactions,
    Split,
    drop_consecutive_duplicates,
    leave_one_out,
    split_by_time,
)
from mmrec.recommender.options import DataOptions


def split_log(log: Interactions, options: DataOptions, catalog: Catalog) -> Split:
    """Split a log by ``options.split``."""
    if options.drop_repeats:
        log = drop_consecutive_duplicates(log)
    if options.split == "time":
        return split_by_time(log, catalog, min_count=options.min_count)
    return leave_one_out(log, catalog, min_count=options.min_count)


def renumbered(split: Split, event_types: Sequence[str]) -> Split:
    """Return the split with event types numbered as in ``event_types``; others become 0."""
    events = split.sequences
    numbers = {name: number for number, name in enumerate(event_types, 1)}
    table = np.array([0, *(numbers.get(name, 0) for name in events.event_types)])
    sequences = replace(events, event_type=table[events.event_type], event_types=tuple(event_types))
    return replace(split, sequences=sequences)
