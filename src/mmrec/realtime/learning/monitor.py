"""A running mean of a learner's loss, and drifts in it."""

import logging
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

log = logging.getLogger(__name__)


@runtime_checkable
class Detector(Protocol):
    """A detector of drifts: any of ``river.drift`` (extra ``online``), such as ``ADWIN()``."""

    @property
    def drift_detected(self) -> bool:
        """Whether the last value showed a drift."""
        ...

    def update(self, x: float) -> Any:
        """Add a value."""
        ...


LEAST = 200
"""Events whose losses must be in a mean before it can be a reference."""


class LossMonitor:
    """The running mean of the loss, compared with its value at the last published version.

    Losses are those of events that have not been learned yet, so their mean is a test. Every event
    counts alike, however many are in its batch. A mean of less than 200 events is no reference.

    Args:
        fade: what an event counts, relative to the one after it.
        tolerance: the largest healthy ratio of the mean to the reference.
        detector: gets the loss of each batch; None finds no drifts.

    Raises:
        ValueError: ``fade`` is not between 0 and 1, or ``tolerance`` is not above 1.

    Example:
        >>> monitor = LossMonitor()
        >>> monitor.update(2.0, events=400)
        >>> monitor.mark()
        >>> monitor.update(8.0, events=400)
        >>> monitor.trouble
        'the mean of the loss, 5.59, is above 1.2 times that of the last version, 2.00'
    """

    def __init__(
        self, *, fade: float = 0.999, tolerance: float = 1.2, detector: Detector | None = None
    ) -> None:
        if not 0 < fade < 1 or tolerance <= 1:
            raise ValueError(
                f"a monitor expects 0 < fade < 1 and tolerance above 1; got {fade} and {tolerance}"
            )
        self.fade, self.tolerance, self.detector = fade, tolerance, detector
        self.mean: float | None = None
        self.reference: float | None = None
        self.events = self.drifts = self.refused_in_a_row = 0

    def update(self, loss: float, *, events: int = 1) -> None:
        """Add the mean loss of a batch of one or more events."""
        self.events += events
        share = (1 - self.fade**events) / (1 - self.fade**self.events)
        self.mean = loss if self.mean is None else self.mean + share * (loss - self.mean)
        self.refused_in_a_row = 0
        if self.detector is None:
            return
        self.detector.update(loss)
        if self.detector.drift_detected:
            self.drifts += 1
            log.info("drift %d: the loss has changed, its mean is %.3f", self.drifts, self.mean)

    def refuse(self) -> None:
        """Count a batch that could not be learned."""
        self.refused_in_a_row += 1

    def mark(self) -> None:
        """Make the mean the reference, if it is one of enough events."""
        self.reference = self.mean if self.events >= LEAST else None

    @property
    def trouble(self) -> str | None:
        """Why the learner is not healthy, in words; None if it is."""
        if self.refused_in_a_row >= 3:
            return "the losses or gradients of the last 3 batches are not finite"
        if self.mean is None or self.reference is None:
            return None
        if self.mean <= self.tolerance * self.reference:
            return None
        return (
            f"the mean of the loss, {self.mean:.2f}, is above {self.tolerance:g} times "
            f"that of the last version, {self.reference:.2f}"
        )

    @property
    def healthy(self) -> bool:
        """Whether batches can be learned, and the loss isn't far above the reference."""
        return self.trouble is None

    def state_dict(self) -> dict[str, Any]:
        """Return the state, which JSON can hold; a detector starts again after a restart."""
        return {
            "mean": self.mean,
            "reference": self.reference,
            "events": self.events,
            "drifts": self.drifts,
            "refused_in_a_row": self.refused_in_a_row,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned.

        The means of an earlier state, which lacks its number of events, start again: one batch
        could have set them.
        """
        self.drifts, self.refused_in_a_row = state["drifts"], state["refused_in_a_row"]
        self.events = state.get("events", 0)
        means = state if self.events else {"mean": None, "reference": None}
        self.mean, self.reference = means["mean"], means["reference"]
