"""Histories of users, padded on the right: what is scored."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mmrec.data.device import OnDevice


@dataclass(frozen=True)
class Histories(OnDevice):
    """What users met, oldest first.

    Attributes:
        items: catalogue indices, 0 = padding, ``(B, T)``.
        gap: seconds since the event before, 0 for the first, negative = unknown, ``(B, T)``.
        event_type: event type, 0 = unknown, ``(B, T)``.
    """

    items: Int[Tensor, "B T"]
    gap: Float[Tensor, "B T"]
    event_type: Int[Tensor, "B T"]

    @property
    def mask(self) -> Bool[Tensor, "B T"]:
        """True where there is an event."""
        return self.items > 0

    def __len__(self) -> int:
        return self.items.shape[0]

    @classmethod
    def of_items(cls, rows: Sequence[Sequence[int] | np.ndarray]) -> "Histories":
        """Pad lists of catalogue indices of which nothing else is known.

        Example:
            >>> Histories.of_items([[3, 1], []]).items
            tensor([[3, 1],
                    [0, 0]])
        """
        steps = max([1, *map(len, rows)])
        items = torch.zeros(len(rows), steps, dtype=torch.long)
        for row, history in enumerate(rows):
            items[row, : len(history)] = torch.as_tensor(np.asarray(history, dtype=np.int64))
        return cls(items, torch.full(items.shape, -1.0), torch.zeros_like(items))
