"""The affinities that are counted in a log, by kind."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from torch import Tensor

from mmrec.affinities.kinds import CoOccurrence, EaseWeights, Successors
from mmrec.affinities.per_item import Popularity, Unseen
from mmrec.affinities.protocol import LAST, Counted
from mmrec.affinities.returns import Returns
from mmrec.data import Sequences

COUNTED: Mapping[str, type[Counted]] = {
    one.kind: one for one in (CoOccurrence, Successors, EaseWeights, Returns, Popularity, Unseen)
}
"""The class of each kind."""


def counted_from(values: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Counted:
    """Return what :meth:`Counted.to_dict` and :meth:`Counted.tensors` have written."""
    return COUNTED[values["kind"]].from_dict(values, tensors)


def grown(counted: Counted, catalog_size: int) -> Counted:
    """Return counts with further items at the end of the catalogue, which have no events.

    Example:
        >>> from mmrec.data import Catalog, Histories, Interactions, to_sequences
        >>> log = Interactions({"user_id": [*"uuv"], "item_id": [*"aba"], "position": range(3)})
        >>> events = to_sequences(log, Catalog({"item_id": [*"ab"]}))
        >>> grown(Returns.of(events, 2), 3).bonus(Histories.of_items([[1, 3]]), 3)
        tensor([[0.0000, 0.8000, 0.0000, 1.0000]])
    """
    live = counted.live()
    live.add_items(catalog_size - counted.catalog_size)
    return live.counted


def continued(counted: Counted, events: Sequences, catalog_size: int) -> Counted:
    """Return counts with further events; weights of EASE stay as they are.

    Args:
        counted: the counts before.
        events: the events.
        catalog_size: V, which may be larger than before.

    Example:
        >>> from mmrec.data import Catalog, Interactions, to_sequences
        >>> log = Interactions({"user_id": [*"uuv"], "item_id": [*"aba"], "position": range(3)})
        >>> events = to_sequences(log, Catalog({"item_id": [*"abc"]}))
        >>> once = Successors.of(events, 3)
        >>> continued(once, events, 3).counts.max()
        tensor(2.)
    """
    live = counted.live()
    live.add_items(catalog_size - counted.catalog_size)
    for start, stop in pairwise(events.offsets.tolist()):
        items, times = events.item[start:stop].tolist(), events.time[start:stop].tolist()
        seen = set[int]()
        for place, (item, time) in enumerate(zip(items, times, strict=True)):
            after = items[max(0, place - LAST) : place]
            live.add(item, after, float(time), again=item in seen)
            seen.add(item)
    return live.counted
