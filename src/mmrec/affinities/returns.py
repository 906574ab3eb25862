"""The items of the history itself, for lists that keep them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from mmrec.affinities.neighbours import Neighbours
from mmrec.data import Sequences

DECAY = 0.8
"""Weight of an item of the history relative to the one after it."""


@dataclass(frozen=True)
class Returns(Neighbours):
    """The last items themselves: who has viewed a product often buys that one.

    It is for logs in which lists keep items that the user has met, as where views are context and
    purchases are predicted. Each item is its own neighbour. An item that was met several times has
    the sum of its weights; the best item has 1.

    Example:
        >>> from mmrec.data import Catalog, Histories, Interactions, to_sequences
        >>> log = Interactions({"user_id": [*"uuv"], "item_id": [*"aba"], "position": range(3)})
        >>> events = to_sequences(log, Catalog({"item_id": [*"abc"]}))
        >>> Returns.of(events, 3).bonus(Histories.of_items([[1, 2]]), 3)
        tensor([[0.0000, 0.8000, 1.0000, 0.0000]])
    """

    kind: ClassVar[str] = "returns"

    @classmethod
    def of(
        cls, events: Sequences, catalog_size: int, negative_types: tuple[int, ...] = ()
    ) -> "Returns":
        """Return the term for the items of a catalogue; nothing is counted."""
        items = torch.arange(catalog_size + 1).unsqueeze(1)
        ones = torch.ones(catalog_size + 1, 1)
        totals = torch.from_numpy(events.counts(catalog_size)).float()
        return cls(items, ones, totals, DECAY, negative_types=negative_types, until=events.end)

    def first(self, item: int) -> Sequence[int]:
        """Return the item: a new one, too, is its own neighbour."""
        return (item,)
