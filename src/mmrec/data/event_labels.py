"""Labels of events: targets, their weights, and the items that should rank below a target."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from mmrec.data.event_rules import Role


@dataclass(frozen=True)
class EventLabels:
    """What is learned from each event of a log.

    A labeled negative is an item that should rank below a target: one that the user rejected since
    the target before, or that was shown beside the target and not chosen.

    Attributes:
        role: see :class:`mmrec.data.Role`, ``(E,)``; shown items are no events and have none.
        weight: weight in the loss, ``(E,)``.
        below: position of the target of each labeled negative, ascending, ``(L,)``.
        negative: catalogue index of each labeled negative, ``(L,)``.
    """

    role: Int[np.ndarray, " E"]
    weight: Float[np.ndarray, " E"]
    below: Int[np.ndarray, " L"]
    negative: Int[np.ndarray, " L"]

    @property
    def is_target(self) -> Bool[np.ndarray, " E"]:
        """Which events are predicted and measured."""
        return np.asarray(self.role == Role.TARGET)

    @property
    def is_negative(self) -> Bool[np.ndarray, " E"]:
        """Which events say no."""
        return np.asarray(self.role == Role.NEGATIVE)

    def keep(self, mask: Bool[np.ndarray, " E"]) -> "EventLabels":
        """Return the labels where ``mask`` is True."""
        place = np.cumsum(mask) - 1
        there = mask[self.below] if len(self.below) else np.zeros(0, bool)
        return EventLabels(
            self.role[mask], self.weight[mask], place[self.below[there]], self.negative[there]
        )

    def negatives_of(self, targets: Int[np.ndarray, "*N"], most: int) -> Int[np.ndarray, "*N K"]:
        """Return the last labeled negatives of targets, 0 where there are fewer than ``most``.

        Example:
            >>> role, weight, below = np.ones(3, dtype=int), np.ones(3), np.array([1, 1, 2])
            >>> labels = EventLabels(role, weight, below, negative=np.array([7, 8, 9]))
            >>> labels.negatives_of(np.array([0, 1, 2]), 1)
            array([[0],
                   [8],
                   [9]])
        """
        starts = np.searchsorted(self.below, targets)[..., None]
        stops = np.searchsorted(self.below, targets, side="right")[..., None]
        at = np.maximum(starts, stops - most) + np.arange(most)
        if not len(self.negative):
            return np.zeros(at.shape, dtype=np.int64)
        return np.where(at < stops, self.negative[np.minimum(at, len(self.negative) - 1)], 0)


def label_events(
    owner: Int[np.ndarray, " E"],
    time: Float[np.ndarray, " E"],
    item: Int[np.ndarray, " E"],
    role: Int[np.ndarray, " E"],
    weight: Float[np.ndarray, " E"],
) -> tuple[EventLabels, Bool[np.ndarray, " E"]]:
    """Return the labels of a log, and which of its rows are history.

    A negative event ranks below its user's next target. So does a shown item, or below the target
    of the same instant, whichever of the two rows comes first.

    Args:
        owner: the user of each row, ascending.
        time: of each row, ascending for each user.
        item: catalogue index.
        role: see :class:`mmrec.data.Role`.
        weight: weight in the loss.

    Example:
        >>> role = np.array([Role.NEGATIVE, Role.TARGET, Role.SHOWN])
        >>> owner, time, weight = np.zeros(3, int), np.array([0.0, 5.0, 5.0]), role == Role.TARGET
        >>> labels, history = label_events(owner, time, np.array([7, 8, 9]), role, weight * 1.0)
        >>> labels.below, labels.negative, history
        (array([1, 1]), array([7, 9]), array([ True,  True, False]))
    """
    rows = np.arange(len(role))
    target = weight > 0
    after = np.minimum.accumulate(np.where(target, rows, len(rows))[::-1])[::-1]
    before = np.maximum.accumulate(np.where(target, rows, -1))
    says_no = np.flatnonzero((role == Role.NEGATIVE) | (role == Role.SHOWN))
    place = after[says_no]
    earlier = before[says_no]
    beside = (role[says_no] == Role.SHOWN) & (earlier >= 0)
    beside &= (owner[earlier] == owner[says_no]) & (time[earlier] == time[says_no])
    place = np.where(beside, earlier, place)
    there = place < len(rows)
    there[there] &= owner[place[there]] == owner[says_no[there]]
    below, negative = place[there], item[says_no[there]]
    # What was chosen in the end is not below itself.
    other = negative != item[below]
    below, negative = below[other], negative[other]
    order = np.argsort(below, kind="stable")
    history = role != Role.SHOWN
    number = np.cumsum(history) - 1
    labels = EventLabels(role[history], weight[history], number[below[order]], negative[order])
    return labels, history
