"""The contracts of interest models."""

from typing import Any, Protocol, runtime_checkable

from jaxtyping import Bool, Float, Int
from torch import Tensor

OPTIONAL = ("last", "initial_state", "step", "readout")
"""Names of methods that are called where an interest model has them."""


@runtime_checkable
class Interest(Protocol):
    """An ``nn.Module`` that turns a history of item vectors into the user's interest.

    :func:`mmrec.testing.check_interest` checks an interest model.
    """

    @property
    def dim(self) -> int:
        """Width of an item vector, D."""
        ...

    @property
    def interest_dim(self) -> int:
        """Width of an interest, H."""
        ...

    def __call__(
        self,
        vectors: Float[Tensor, "B T D"],
        mask: Bool[Tensor, "B T"],
        gap: Float[Tensor, "B T"] | None,
        event_type: Int[Tensor, "B T"] | None,
        /,
    ) -> Float[Tensor, "B T H"]:
        """Return the interest after each event; later events and other users must change nothing.

        Args:
            vectors: item vectors, oldest first, padded on the right.
            mask: True for real events; values in the other places must change nothing.
            gap: seconds since the user's previous event; negative where it is unknown.
            event_type: event types, 0 for unknown.

        Raises:
            ValueError: the part needs a gap or a type, and it is None.
        """
        ...


@runtime_checkable
class LastInterest(Protocol):
    """An interest model that computes the last interest for less than ``forward`` costs."""

    def last(
        self,
        vectors: Float[Tensor, "B T D"],
        mask: Bool[Tensor, "B T"],
        gap: Float[Tensor, "B T"] | None,
        event_type: Int[Tensor, "B T"] | None,
        /,
    ) -> Float[Tensor, "B H"]:
        """Return the result of ``forward`` after the last event.

        For a history without events it is that in the first place, as for the initial state of a
        :class:`SteppingInterest`.
        """
        ...


@runtime_checkable
class SteppingInterest(Protocol):
    """An interest model that takes one event at a time, as a live recommender needs it.

    Folding ``step`` over a history and reading the state out equals ``forward``. The interest of
    the initial state is that of ``forward`` in the first place of a history without events. A state
    is a tensor or a named tuple of tensors, and a step leaves it as it was.
    """

    def initial_state(self, batch_size: int) -> Any:
        """Return the state of users without events."""
        ...

    def step(
        self,
        state: Any,
        vectors: Float[Tensor, "B D"],
        gap: Float[Tensor, " B"] | None,
        event_type: Int[Tensor, " B"] | None,
        /,
    ) -> Any:
        """Return the state after one more event of each user."""
        ...

    def readout(self, state: Any) -> Float[Tensor, "B H"]:
        """Return the interest of a state."""
        ...


def is_state(value: object) -> bool:
    """Return whether a value may be a state: a tensor or a named tuple of tensors."""
    if isinstance(value, Tensor):
        return True
    if not isinstance(value, tuple) or not hasattr(value, "_fields"):
        return False
    return all(isinstance(one, Tensor) for one in value)


@runtime_checkable
class TargetAwareInterest(Protocol):
    """An ``nn.Module`` whose interest depends on the candidate that it is compared with.

    It has no state: what it reads of an event differs from one candidate to the next. So it is no
    :class:`Interest`, and only what scores given candidates takes it
    (:class:`mmrec.models.ClickModel`). :func:`mmrec.testing.check_target_aware` checks it.
    """

    @property
    def dim(self) -> int:
        """Width of an item vector, D."""
        ...

    @property
    def interest_dim(self) -> int:
        """Width of an interest, H."""
        ...

    def toward(
        self,
        candidates: Float[Tensor, "B N D"],
        vectors: Float[Tensor, "B T D"],
        mask: Bool[Tensor, "B T"],
        gap: Float[Tensor, "B T"] | None,
        event_type: Int[Tensor, "B T"] | None,
        /,
    ) -> Float[Tensor, "B N H"]:
        """Return the interest in each candidate after the last event.

        A candidate must not change the interest in another, nor values where ``mask`` is False any
        interest.

        Args:
            candidates: item vectors of the candidates.
            vectors: item vectors of the events, oldest first, padded on the right.
            mask: True for real events.
            gap: seconds since the user's previous event; negative where it is unknown.
            event_type: event types, 0 for unknown.

        Raises:
            ValueError: the part needs a gap or a type, and it is None.
        """
        ...
