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


class LossMonitor:
    """The running mean of the loss, compared with its value at the last published version.

    Losses are those of events that have not been learned yet, so their mean is a test.

    Args:
        fade: weight of the earlier mean when a loss is added.
        tolerance: the largest healthy ratio of the mean to the reference.
        detector: gets each loss; None finds no drifts.

    Raises:
        ValueError: ``fade`` is not between 0 and 1, or ``tolerance`` is not above 1.

    Example:
        >>> monitor = LossMonitor(fade=0.5)
        >>> for loss in (2.0, 2.0):
        ...     monitor.update(loss)
        >>> monitor.mark()
        >>> monitor.update(8.0)
        >>> monitor.mean, monitor.healthy
        (5.0, False)
    """

    def __init__(
        self, *, fade: float = 0.98, tolerance: float = 1.2, detector: Detector | None = None
    ) -> None:
        if not 0 < fade < 1 or tolerance <= 1:
            raise ValueError(
                f"a monitor expects 0 < fade < 1 and tolerance above 1; got {fade} and {tolerance}"
            )
        self.fade, self.tolerance, self.detector = fade, tolerance, detector
        self.mean: float | None = None
        self.reference: float | None = None
        self.drifts = self.refused_in_a_row = 0

    def update(self, loss: float) -> None:
        """Add the loss of a batch."""
        self.mean = loss if self.mean is None else self.fade * self.mean + (1 - self.fade) * loss
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
        """Make the mean the reference."""
        self.reference = self.mean

    @property
    def healthy(self) -> bool:
        """Whether batches can be learned, and the loss isn't far above the reference."""
        if self.refused_in_a_row >= 3:
            return False
        return (
            self.mean is None
            or self.reference is None
            or self.mean <= self.tolerance * self.reference
        )

    def state_dict(self) -> dict[str, Any]:
        """Return the state, which JSON can hold; a detector starts again after a restart."""
        return {
            "mean": self.mean,
            "reference": self.reference,
            "drifts": self.drifts,
            "refused_in_a_row": self.refused_in_a_row,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self.mean, self.reference = state["mean"], state["reference"]
        self.drifts, self.refused_in_a_row = state["drifts"], state["refused_in_a_row"]
