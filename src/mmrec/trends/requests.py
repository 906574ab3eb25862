"""Requests of the past whose answer is known: what a trend is fitted on."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int, Shaped
from torch import Tensor

Scores = Callable[[Int[np.ndarray, " b"]], Float[Tensor, "b V1"]]
"""Returns the model's scores of every catalogue index for some rows of the requests."""


@dataclass(frozen=True)
class Requests:
    """Requests of users with a history, and the item that each chose.

    Attributes:
        target: the item that was chosen, ``(N,)``.
        at: unix seconds of each, ``(N,)``.
        user: the user of each, ``(N,)``.
        seen: rows, and items that are not recommended to them, ``(2, S)``.

    Raises:
        ValueError: there is no request, the lengths differ, or a time is not finite.

    Example:
        >>> seen = np.array([[1, 1], [4, 5]])
        >>> made = Requests(np.array([1, 2]), np.array([3.0, 4.0]), np.array(["u", "v"]), seen)
        >>> made.seen_by(1)
        array([4, 5])
    """

    target: Int[np.ndarray, " N"]
    at: Float[np.ndarray, " T"]
    user: Shaped[np.ndarray, " U"]
    seen: Int[np.ndarray, "2 S"]

    def __post_init__(self) -> None:
        lengths = (len(self.target), len(self.at), len(self.user))
        if len(set(lengths)) > 1 or not lengths[0]:
            raise ValueError(
                "requests must have targets, times and users of the same length, 1 or more; "
                f"got {lengths}"
            )
        wrong = ~np.isfinite(self.at)
        if wrong.any():
            raise ValueError(
                f"the times of requests must be finite; got {int(wrong.sum())} that are not, "
                f"first {self.at[wrong][0]}"
            )

    def __len__(self) -> int:
        return len(self.target)

    def seen_by(self, row: int) -> Int[np.ndarray, " R"]:
        """Return the items that are not recommended to a row."""
        items, starts = self._by_row
        return items[starts[row] : starts[row + 1]]

    @cached_property
    def _by_row(self) -> tuple[Int[np.ndarray, " S"], Int[np.ndarray, " N1"]]:
        order = np.argsort(self.seen[0], kind="stable")
        return self.seen[1, order], np.searchsorted(self.seen[0, order], np.arange(len(self) + 1))
