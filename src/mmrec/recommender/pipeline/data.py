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
from mmrec.data.wording import verb
from mmrec.recommender.options import DataOptions

if TYPE_CHECKING:
    from mmrec.recommender.artifact.state import RecommenderState


def split_log(log: Interactions, options: DataOptions, catalog: Catalog) -> Split:
    """Give each event its role, and split the log by ``options.split``.

    Raises:
        ValueError: a rule can't be applied, or the log can't be split.
    """
    check_columns(log, options, catalog)
    log, facts = options.event_rules.apply(log)
    divide = split_by_time if options.split == "time" else leave_one_out
    return replace(divide(log, catalog, min_count=options.min_count), facts=facts)


def check_columns(log: Interactions, options: DataOptions, catalog: Catalog) -> None:
    """Refuse rules that read columns which items have in place of events.

    The value of an item may be another thing than that of an event, such as a mean rating, so the
    two are joined by who knows what they mean.

    Raises:
        ValueError: a rule reads such a column; the message says how to join it.
    """
    lacking = options.event_rules.columns - set(log.frame.columns)
    if there := sorted(lacking & set(catalog.columns)):
        kept = ", ".join(map(repr, ["item_id", *there]))
        raise ValueError(
            f"a rule of events must read columns of interactions; {there} "
            f"{verb(len(there), 'is a column', 'are columns')} of items: join "
            f"{verb(len(there), 'it', 'them')} to the events, as polars does with "
            f"events.join(items.select({kept}), on='item_id', how='left')"
        )


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
