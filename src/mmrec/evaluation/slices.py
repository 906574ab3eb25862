"""Slices of the targets: warm and cold items, short and long histories, items with content."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Int

from mmrec.data import Split
from mmrec.data.splits import target_users
from mmrec.evaluation.item_facts import ItemFacts
from mmrec.evaluation.ranks import Ranks

LONG = 10
"""Histories of so many events or more are called long."""

WITH = {"image": "an image", "text": "a text"}


def slices_of_targets(
    ranks: Ranks, split: Split, items: ItemFacts | None = None
) -> dict[str, Bool[np.ndarray, " N"]]:
    """Return a mask of the targets for each slice that is neither empty nor everything.

    Warm items: see :attr:`mmrec.data.Split.warm`. The length of a history counts all events before
    the list, also those beyond the ``max_length`` of the scorer.
    """
    target = ranks.target.numpy()
    stops = ranks.stops if ranks.row is None else ranks.stops[ranks.row]
    history = stops - split.sequences.offsets[target_users(split, stops)]
    has = {name: mask[target] for name, mask in (items or ItemFacts()).has.items()}
    found = named_slices(split.warm[target], history, has)
    return found | _by_type(split, ranks.position)


def _by_type(split: Split, position: Int[np.ndarray, " N"]) -> dict[str, Bool[np.ndarray, " N"]]:
    """Return a mask of the targets of each event type, if there are several."""
    types = split.sequences.event_type[position]
    names = {
        number: split.sequences.event_types[number - 1] for number in np.unique(types) if number
    }
    if len(np.unique(types)) < 2:
        return {}
    return {f"targets of type {name}": types == number for number, name in names.items()}


def named_slices(
    warm: Bool[np.ndarray, " N"],
    history: Int[np.ndarray, " N"],
    has: Mapping[str, Bool[np.ndarray, " N"]],
) -> dict[str, Bool[np.ndarray, " N"]]:
    """Return a mask of the targets for each slice that is neither empty nor everything.

    Args:
        warm: whether the target's item is warm.
        history: number of events before the target.
        has: whether the target's item has a modality, by the name of the modality.

    Example:
        >>> list(named_slices(np.array([True, False]), np.array([3, 3]), {}))
        ['warm items', 'cold items']
    """
    slices = {
        "warm items": warm,
        "cold items": ~warm,
        "first events": history == 0,
        f"short histories (1 to {LONG - 1})": (history > 0) & (history < LONG),
        f"long histories ({LONG} or more)": history >= LONG,
    }
    for name, there in has.items():
        what = WITH.get(name, name)
        slices |= {f"items with {what}": there, f"items without {what}": ~there}
    return {name: mask for name, mask in slices.items() if 0 < mask.sum() < len(mask)}
