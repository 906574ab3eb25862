"""Histories of users, padded on the right: what is scored."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import pad

from mmrec.data.device import OnDevice
from mmrec.data.sequences import Sequences


@dataclass(frozen=True)
class Histories(OnDevice):
    """The events of users, oldest first. Methods return new histories.

    Attributes:
        items: catalogue indices, 0 = padding, ``(B, T)``.
        gap: seconds since the event before, 0 for the first, negative = unknown, ``(B, T)``.
        event_type: event type, 0 = unknown, ``(B, T)``.
        at: time of the request that follows, in unix seconds, ``(B,)``; NaN = unknown.
        since: seconds from the last event to the request, ``(B,)``; negative = unknown.
        users: row in a table of users, 0 = none, ``(B,)``; None if there is no such table.
    """

    items: Int[Tensor, "B T"]
    gap: Float[Tensor, "B T"]
    event_type: Int[Tensor, "B T"]
    at: Float[Tensor, " B"]
    since: Float[Tensor, " B"]
    users: Int[Tensor, " B"] | None = None

    @classmethod
    def of_items(cls, rows: Sequence[Sequence[int] | np.ndarray]) -> "Histories":
        """Pad lists of catalogue indices; times and event types are unknown.

        Example:
            >>> Histories.of_items([[3, 1], []]).items
            tensor([[3, 1],
                    [0, 0]])
        """
        steps = max([1, *map(len, rows)])
        items = torch.zeros(len(rows), steps, dtype=torch.long)
        for row, history in enumerate(rows):
            items[row, : len(history)] = torch.as_tensor(np.asarray(history, dtype=np.int64))
        return cls.without_request(items, torch.full(items.shape, -1.0), torch.zeros_like(items))

    @classmethod
    def without_request(
        cls, items: Int[Tensor, "B T"], gap: Float[Tensor, "B T"], event_type: Int[Tensor, "B T"]
    ) -> "Histories":
        """Return histories that no request of a known time follows.

        Example:
            >>> one = torch.ones(1, 1)
            >>> Histories.without_request(one.long(), one, one.long()).since
            tensor([-1.])
        """
        unknown = torch.full((len(items),), torch.nan, dtype=torch.float64, device=items.device)
        return cls(items, gap, event_type, unknown, torch.full_like(unknown, -1).float())

    @classmethod
    def of_events(
        cls, events: Sequences, starts: Int[np.ndarray, " B"], stops: Int[np.ndarray, " B"]
    ) -> "Histories":
        """Return the events ``starts[b]:stops[b]`` of a log as the history ``b``.

        The request that follows is at the time of the event ``stops[b]``, if that is the same
        user's.

        Example:
            >>> from mmrec.data import Catalog, Interactions, to_sequences
            >>> log = {"user_id": list("uuv"), "item_id": [8, 9, 8], "position": [0, 1, 0]}
            >>> events = to_sequences(Interactions(log), Catalog({"item_id": [8, 9]}))
            >>> Histories.of_events(events, np.array([0, 2]), np.array([2, 3])).items
            tensor([[1, 2],
                    [1, 0]])
        """
        lengths = (stops - starts)[:, None]
        steps = np.arange(max(int(lengths.max(initial=1)), 1))
        mask = steps < lengths
        at = np.where(mask, starts[:, None] + steps, 0)
        return cls(
            items=torch.from_numpy(np.where(mask, events.item[at], 0)),
            gap=torch.from_numpy(np.where(mask, events.gap[at], 0.0)).float(),
            event_type=torch.from_numpy(np.where(mask, events.event_type[at], 0)),
            **_requests(events, starts, stops),
            users=None if events.user_rows is None else torch.from_numpy(events.rows_at(starts)),
        )

    @classmethod
    def cat(cls, parts: Sequence["Histories"]) -> "Histories":
        """Return the histories of all parts, in order, padded to the longest.

        Example:
            >>> Histories.cat([Histories.of_items([[3, 1]]), Histories.of_items([[2]])]).items
            tensor([[3, 1],
                    [2, 0]])
        """
        steps = max(part.items.shape[1] for part in parts)
        padded = [part.padded(steps) for part in parts]
        return cls(
            torch.cat([part.items for part in padded]),
            torch.cat([part.gap for part in padded]),
            torch.cat([part.event_type for part in padded]),
            torch.cat([part.at for part in padded]),
            torch.cat([part.since for part in padded]),
            _cat_users(padded),
        )

    def __len__(self) -> int:
        return self.items.shape[0]

    @property
    def mask(self) -> Bool[Tensor, "B T"]:
        """True where there is an event."""
        return self.items > 0

    def have_others(self, event_types: Sequence[int]) -> Bool[Tensor, " B"]:
        """Return which histories have an event of another type than these.

        Example:
            >>> items, kinds = torch.tensor([[5, 6], [7, 0]]), torch.tensor([[2, 0], [2, 0]])
            >>> made = Histories.without_request(items, torch.zeros(2, 2), kinds)
            >>> made.have_others([2]), made.have_others([])
            (tensor([ True, False]), tensor([True, True]))
        """
        if not len(event_types):
            return self.mask.any(1)
        these = torch.tensor(list(event_types), device=self.event_type.device)
        return (self.mask & ~torch.isin(self.event_type, these)).any(1)

    @property
    def lengths(self) -> Int[Tensor, " B"]:
        """The number of events of each history."""
        return self.mask.sum(1)

    def last_items(self) -> Int[Tensor, " B"]:
        """Return the last item of each history, 0 where it is empty.

        Example:
            >>> Histories.of_items([[3, 1], [2], []]).last_items()
            tensor([1, 2, 0])
        """
        last = (self.lengths - 1).clamp(min=0)
        return self.items.gather(1, last.unsqueeze(1)).squeeze(1)

    def tail(self, steps: int) -> "Histories":
        """Return the last ``steps`` events of each history.

        Example:
            >>> Histories.of_items([[3, 1, 2], [4]]).tail(2).items
            tensor([[1, 2],
                    [4, 0]])
        """
        if self.items.shape[1] <= steps:
            return self
        first = (self.lengths - steps).clamp(min=0)
        at = first.unsqueeze(1) + torch.arange(steps, device=first.device)
        return self.map(lambda part: part.gather(1, at))

    def rows(self, index: Int[Tensor, " R"]) -> "Histories":
        """Return some of the histories, in the order of ``index``.

        Example:
            >>> Histories.of_items([[3, 1], [4]]).rows(torch.tensor([1, 1])).items
            tensor([[4, 0],
                    [4, 0]])
        """
        return Histories(
            self.items[index],
            self.gap[index],
            self.event_type[index],
            self.at[index],
            self.since[index],
            None if self.users is None else self.users[index],
        )

    def padded(self, steps: int) -> "Histories":
        """Return the histories with padding up to ``steps`` events.

        Example:
            >>> Histories.of_items([[3, 1]]).padded(3).items
            tensor([[3, 1, 0]])
        """
        return self.map(lambda part: pad(part, (0, steps - part.shape[1])))

    def map(self, function: Callable[[Tensor], Tensor]) -> "Histories":
        """Apply a function to items, gaps and event types; the number of histories stays.

        Example:
            >>> Histories.of_items([[3, 1]]).map(lambda part: part.flip(1)).items
            tensor([[1, 3]])
        """
        items, gap, event_type = map(function, (self.items, self.gap, self.event_type))
        return replace(self, items=items, gap=gap, event_type=event_type)


def _cat_users(parts: Sequence[Histories]) -> Int[Tensor, " B"] | None:
    if all(part.users is None for part in parts):
        return None
    rows = [torch.zeros_like(p.items[:, 0]) if p.users is None else p.users for p in parts]
    return torch.cat(rows)


def _requests(
    events: Sequences, starts: Int[np.ndarray, " B"], stops: Int[np.ndarray, " B"]
) -> dict[str, Tensor]:
    """Return when the events ``stops`` are, and how long after the events before them."""
    count = len(events.item)
    users = [np.searchsorted(events.offsets, place, side="right") for place in (starts, stops)]
    known = (users[0] == users[1]) & (stops < count) & events.timed
    place = np.where(known, stops, 0)
    time, gap = (np.append(values, 0.0)[place] for values in (events.time, events.gap))
    at = np.where(known, time.astype(np.float64), np.nan)
    since = np.where(known & (stops > starts), gap, -1.0)
    return {"at": torch.from_numpy(at), "since": torch.from_numpy(since).float()}
