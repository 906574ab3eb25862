"""Examples: the form in which a learner reads a stream or a log."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from mmrec.data import Histories, Sequences, windows
from mmrec.data.device import OnDevice
from mmrec.evaluation import Observed


@dataclass(frozen=True)
class Examples(OnDevice):
    """Users' events, and how many of the last ones are targets.

    Attributes:
        user: the user's number, ``(B,)``.
        histories: all events but the last, ``(B, T)``.
        item: the last event's item, ``(B,)``.
        event_type: the last event's type, 0 = unknown, ``(B,)``.
        fresh: how many of the last events are targets, including the very last, ``(B,)``.
    """

    user: Int[Tensor, " B"]
    histories: Histories
    item: Int[Tensor, " B"]
    event_type: Int[Tensor, " B"]
    fresh: Int[Tensor, " B"]

    def __len__(self) -> int:
        return len(self.item)

    def at(self, rows: Int[Tensor, " R"]) -> "Examples":
        """Return the examples at ``rows``, in this order."""
        return Examples(
            self.user[rows],
            self.histories.rows(rows),
            self.item[rows],
            self.event_type[rows],
            self.fresh[rows],
        )

    @property
    def targets(self) -> Int[Tensor, "B T"]:
        """The item after each event of the histories; 0 if it is not a target.

        Example:
            >>> histories = Histories.of_items([[3, 1, 2], [4]])
            >>> one, two = torch.tensor([1]), torch.tensor([2])
            >>> Examples(one, Histories.of_items([[3, 1, 2]]), torch.tensor([9]), one, two).targets
            tensor([[0, 2, 9]])
        """
        after = self._after(self.histories.items, self.item)
        length = self.histories.lengths.unsqueeze(1)
        place = torch.arange(after.shape[1], device=after.device)
        return after.masked_fill(place < length - self.fresh.unsqueeze(1), 0)

    @property
    def target_types(self) -> Int[Tensor, "B T"]:
        """The type of the event after each event of the histories."""
        return self._after(self.histories.event_type, self.event_type)

    @property
    def since(self) -> Float[Tensor, "B T"]:
        """Seconds from each event of the histories to the event after it; negative = unknown."""
        return self._after(self.histories.gap, self.histories.since)

    def _after(self, values: Tensor, last: Tensor) -> Tensor:
        """Return the value of the event after each event; ``last`` is of the last events."""
        length = self.histories.lengths.unsqueeze(1)
        place = torch.arange(values.shape[1], device=values.device)
        after = torch.cat([values[:, 1:], torch.zeros_like(values[:, :1])], dim=1)
        return torch.where(place == length - 1, last.unsqueeze(1).to(values), after)


def examples_of(events: Observed) -> Examples:
    """Return one example for each user, in which all the user's events are targets.

    The history of a user's last event contains the user's earlier events, so one pass over it
    learns all of them. A user's first event has no history and is not a target.

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
    item, event_type = events.item[rows].long(), events.event_type[rows].long()
    return Examples(user.to(rows.device), histories, item, event_type, fresh.to(rows.device))


def joined(first: Examples, second: Examples) -> Examples:
    """Return the examples of both, in this order."""
    return Examples(
        torch.cat([first.user, second.user]),
        Histories.cat([first.histories, second.histories]),
        torch.cat([first.item, second.item]),
        torch.cat([first.event_type, second.event_type]),
        torch.cat([first.fresh, second.fresh]),
    )


def windows_of(events: Sequences, window: int) -> Examples:
    """Return a log as examples in which every event is a target once, except a user's first."""
    spans = windows(events, window)
    starts, last = spans[:, 0], spans[:, 1] - 1
    histories = Histories.of_events(events, starts, last)
    owner = np.searchsorted(events.offsets, starts, side="right") - 1
    columns = (owner, events.item[last], events.event_type[last], last - starts)
    user, item, event_type, fresh = map(torch.from_numpy, columns)
    return Examples(user, histories, item, event_type, fresh)
