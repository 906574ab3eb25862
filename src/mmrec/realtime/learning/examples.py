"""Examples: what a learner makes of a stream or a log."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from mmrec.data import Histories, Sequences, windows
from mmrec.data.device import OnDevice
from mmrec.evaluation import Observed


@dataclass(frozen=True)
class Examples(OnDevice):
    """What users met, and how many of the last events are to be learned.

    Attributes:
        user: the user's number, ``(B,)``.
        histories: all events but the last, ``(B, T)``.
        item: the last event's item, ``(B,)``.
        fresh: how many of the last events are targets, the very last included, ``(B,)``.
    """

    user: Int[Tensor, " B"]
    histories: Histories
    item: Int[Tensor, " B"]
    fresh: Int[Tensor, " B"]

    def __len__(self) -> int:
        return len(self.item)

    def at(self, rows: Int[Tensor, " R"]) -> "Examples":
        """Return some of them, in the order of ``rows``."""
        return Examples(
            self.user[rows], self.histories.rows(rows), self.item[rows], self.fresh[rows]
        )

    @property
    def targets(self) -> Int[Tensor, "B T"]:
        """The item after each event of the histories; 0 where it isn't to be learned.

        Example:
            >>> histories = Histories.of_items([[3, 1, 2], [4]])
            >>> one, two = torch.tensor([1]), torch.tensor([2])
            >>> Examples(one, Histories.of_items([[3, 1, 2]]), torch.tensor([9]), two).targets
            tensor([[0, 2, 9]])
        """
        items, length = self.histories.items, self.histories.lengths.unsqueeze(1)
        place = torch.arange(items.shape[1], device=items.device)
        after = torch.cat([items[:, 1:], torch.zeros_like(items[:, :1])], dim=1)
        after = torch.where(place == length - 1, self.item.unsqueeze(1), after)
        return after.masked_fill(place < length - self.fresh.unsqueeze(1), 0)


def examples_of(events: Observed) -> Examples:
    """Return one example a user: the last event, with all of the user's events as targets.

    The history of a user's last event holds the user's events before it, so one pass over it
    learns them all. A first event has nothing before it and is no target.

    Example:
        >>> of_items = Histories.of_items([[], [5], [7, 8]])
        >>> user, event_type = torch.tensor([1, 1, 2]), torch.tensor([0, 0, 0])
        >>> found = examples_of(
        ...     Observed(user, torch.tensor([5, 6, 9]), event_type, event_type.double(), of_items)
        ... )
        >>> found.user, found.item, found.fresh
        (tensor([1, 2]), tensor([6, 9]), tensor([1, 1]))
    """
    users, where, count = np.unique(
        events.user.cpu().numpy()[::-1], return_index=True, return_counts=True
    )
    rows = torch.from_numpy(len(events) - 1 - where)
    length = events.histories.lengths.cpu()[rows]
    fresh = torch.minimum(torch.from_numpy(count), length)
    kept = fresh > 0
    rows = rows[kept].to(events.item.device)
    histories = events.histories.rows(rows)
    user, fresh = torch.from_numpy(users)[kept], fresh[kept]
    return Examples(
        user.to(rows.device), histories, events.item[rows].long(), fresh.to(rows.device)
    )


def joined(first: Examples, second: Examples) -> Examples:
    """Return the examples of both, one after the other."""
    return Examples(
        torch.cat([first.user, second.user]),
        Histories.cat([first.histories, second.histories]),
        torch.cat([first.item, second.item]),
        torch.cat([first.fresh, second.fresh]),
    )


def windows_of(events: Sequences, window: int) -> Examples:
    """Return all events of a log as examples, every one but a user's first a target once."""
    spans = windows(events, window)
    starts, last = spans[:, 0], spans[:, 1] - 1
    histories = Histories.of_events(events, starts, last)
    owner = np.searchsorted(events.offsets, starts, side="right") - 1
    user, item, fresh = map(torch.from_numpy, (owner, events.item[last], last - starts))
    return Examples(user, histories, item, fresh)
