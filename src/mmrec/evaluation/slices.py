"""Parts of the targets that say where a recommender is good."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Int

from mmrec.data import Split
from mmrec.data.splits import target_users
from mmrec.evaluation.items import ItemFacts
from mmrec.evaluation.protocol import Ranks

LONG = 10
"""Events of a history that is called long."""

WITH = {"image": "an image", "text": "a text"}


def slices_of_targets(
    ranks: Ranks, split: Split, items: ItemFacts | None = None
) -> dict[str, Bool[np.ndarray, " N"]]:
    """Return a mask of the targets for each slice; those that are empty, or all, are left out.

    Warm items have training events. Histories count all events before the list, also those that
    are too old for a model to see.
    """
    target = ranks.target.numpy()
    stops = ranks.stops if ranks.row is None else ranks.stops[ranks.row]
    history = stops - split.sequences.offsets[target_users(split, stops)]
    has = {name: mask[target] for name, mask in (items or ItemFacts()).has.items()}
    return named_slices(split.train_counts[target] > 0, history, has)


def named_slices(
    warm: Bool[np.ndarray, " N"],
    history: Int[np.ndarray, " N"],
    has: Mapping[str, Bool[np.ndarray, " N"]],
) -> dict[str, Bool[np.ndarray, " N"]]:
    """Return a mask of the targets for each slice that is neither empty nor everything.

    Args:
        warm: whether the target's item has training events.
        history: events before it.
        has: whether the item has a modality, by name.

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
