"""The contract of a sampler of negatives."""

from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Items = NDArray[np.integer[Any]]
"""Catalogue indices, 1 to V; 0 is padding and never drawn."""

LogProbabilities = NDArray[np.float64]


@runtime_checkable
class Sampler(Protocol):
    """Draws the items that join a batch's pool as negatives.

    :func:`mmrec.testing.check_sampler` checks a sampler.

    The targets of a batch are candidates too, unless a sampler has the attribute
    ``in_batch = False``. Then a draw alone decides, and :meth:`log_inclusion` is exact: a pool that
    holds the targets holds more of a user's own items than chance would, in history and future.
    """

    def draw(self, rng: np.random.Generator) -> Items:
        """Return unique catalogue indices, ascending, never 0."""
        ...

    def log_inclusion(self, items: Items) -> LogProbabilities:
        """Return the log probability that each item is in a draw; -inf for never.

        :func:`mmrec.losses.softmax_loss` takes it as ``log_q``.
        """
        ...


def takes_targets(sampler: Sampler) -> bool:
    """Return whether the targets of a batch are candidates beside what the sampler draws."""
    return bool(getattr(sampler, "in_batch", True))
