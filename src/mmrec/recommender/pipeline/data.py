"""Reading and splitting the log of a recommender."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mmrec.data import (
    Catalog,
    Interactions,
    Split,
    Table,
    check_known,
    leave_one_out,
    split_by_time,
)
from mmrec.recommender.options import DataOptions


def check_no_folder(source: object, what: str) -> None:
    """Raise a ``ValueError`` if ``source`` is a folder where a table is expected."""
    if isinstance(source, str | Path) and os.path.isdir(source):  # noqa: PTH112  # accepts names of any length
        raise ValueError(
            f"{what} must be rows, or a .csv or .parquet file; {source} is a folder, which "
            f"mmrec.data.read_folder reads"
        )


def read_log(events: Table | Interactions, catalog: Catalog) -> Interactions:
    """Return the log, of which all items must be in the catalogue.

    Raises:
        ValueError: an item is not in the catalogue, or the rows are malformed.
    """
    check_no_folder(events, "interactions")
    log = events if isinstance(events, Interactions) else Interactions(events)
    check_known(log, catalog)
    return log


def split_log(log: Interactions, options: DataOptions, catalog: Catalog) -> Split:
    """Give each event its role, and split the log by ``options.split``."""
    log, facts = options.event_rules.apply(log)
    divide = split_by_time if options.split == "time" else leave_one_out
    return replace(divide(log, catalog, min_count=options.min_count), facts=facts)


def renumbered(split: Split, event_types: Sequence[str]) -> Split:
    """Return the split with event types numbered as in ``event_types``; others become 0."""
    events = split.sequences
    numbers = {name: number for number, name in enumerate(event_types, 1)}
    table = np.array([0, *(numbers.get(name, 0) for name in events.event_types)])
    sequences = replace(events, event_type=table[events.event_type], event_types=tuple(event_types))
    return replace(split, sequences=sequences)
