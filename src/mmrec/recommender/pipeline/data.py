"""Splitting the log of a recommender."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mmrec.data import (
    Catalog,
    Interactions,
    Split,
    Table,
    TimeUnit,
    check_known,
    leave_one_out,
    read_log,
    split_by_time,
)
from mmrec.recommender.options import DataOptions

if TYPE_CHECKING:
    from mmrec.recommender.artifact.state import RecommenderState


def split_log(log: Interactions, options: DataOptions, catalog: Catalog) -> Split:
    """Give each event its role, and split the log by ``options.split``."""
    log, facts = options.event_rules.apply(log)
    divide = split_by_time if options.split == "time" else leave_one_out
    return replace(divide(log, catalog, min_count=options.min_count), facts=facts)


def split_again(
    state: "RecommenderState",
    events: Table | Interactions,
    time_unit: TimeUnit | None = None,
    advice: str = "",
) -> Split:
    """Return a log, split as for the training of a recommender, with its event types.

    Args:
        state: the recommender.
        events: the log.
        time_unit: unit of timestamps that are numbers.
        advice: the end of the message about items that are not in the catalogue.
    """
    log = check_known(read_log(events, None, time_unit), state.catalog, advice)
    return renumbered(split_log(log, state.options, state.catalog), state.event_types)


def renumbered(split: Split, event_types: Sequence[str]) -> Split:
    """Return the split with event types numbered as in ``event_types``; others become 0."""
    events = split.sequences
    numbers = {name: number for number, name in enumerate(event_types, 1)}
    table = np.array([0, *(numbers.get(name, 0) for name in events.event_types)])
    sequences = replace(events, event_type=table[events.event_type], event_types=tuple(event_types))
    return replace(split, sequences=sequences)
