"""How a learner is doing: a running mean of its loss, and whether a drift is seen in it."""

import logging
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

log = logging.getLogger(__name__)


@runtime_checkable
class Detector(Protocol):
    """What tells a drift: any detector of ``river.drift`` (extra ``online``), as ``ADWIN()``."""

    @property
    def drift_detected(self) -> bool:
        """Whether the last value told one."""
        ...

    def update(self, x: float) -> Any:
        """Take one more value."""
        ...


class LossMonitor:
    """The mean loss of lately tested events, beside what it was when the model was published.

    A loss is that of events which have not been learned yet, so its mean is a test as well.

    Args:
        fade: what one more loss leaves of the mean.
        tolerance: by what factor the mean may exceed the reference.
        detector: sees each loss.

    Raises:
        ValueError: ``fade`` is not between 0 and 1, or ``tolerance`` not above 1.

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
        """Take the loss of one more batch."""
        self.mean = loss if self.mean is None else self.fade * self.mean + (1 - self.fade) * loss
        self.refused_in_a_row = 0
        if self.detector is None:
            return
        self.detector.update(loss)
        if self.detector.drift_detected:
            self.drifts += 1
            log.info("drift %d: the loss has changed, its mean is %.3f", self.drifts, self.mean)

    def refuse(self) -> None:
        """Take note of a batch that could not be learned."""
        self.refused_in_a_row += 1

    def mark(self) -> None:
        """Make the present mean the reference."""
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
        """Return what JSON can hold; a detector starts anew after a restart."""
        return {
            "mean": self.mean,
            "reference": self.reference,
            "drifts": self.drifts,
            "refused_in_a_row": self.refused_in_a_row,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take what :meth:`state_dict` gave."""
        self.mean, self.reference = state["mean"], state["reference"]
        self.drifts, self.refused_in_a_row = state["drifts"], state["refused_in_a_row"]
