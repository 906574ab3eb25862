"""Computes the state of a user from events, one step an event."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from mmrec.affinities import LAST, AffinityInterest
from mmrec.data import EventReader, Histories, ItemId, PastEvent
from mmrec.interest import SteppingInterest
from mmrec.interest.protocol import is_state
from mmrec.realtime.log.events import Event
from mmrec.realtime.sessions import Session
from mmrec.recommender.users import UserFeatures

IndexOf = Callable[[ItemId], int]
"""Returns the catalogue index of an item, 0 if it is unknown."""


class StateUpdater:
    """Applies events to a session, each by one step of the interest model.

    A new event, a lost session and a change of the model all use this code, so the same events
    always give the same state. Events are applied in the order of the log. Which of them count is
    decided by the reader, see :class:`mmrec.data.EventReader`.

    Args:
        interest: the interest model, in evaluation mode.
        version: name of the model; its sessions carry it.
        reader: decides which events count, and as what.
        users: features of users, from which their states start; None without them.

    Raises:
        ValueError: the interest model has no ``step`` for single events, or its state is neither a
            tensor nor a named tuple of tensors.
    """

    def __init__(
        self,
        interest: object,
        version: str,
        reader: EventReader | None = None,
        users: UserFeatures | None = None,
    ) -> None:
        if not isinstance(interest, SteppingInterest):
            needed = ("initial_state", "step", "readout")
            lacking = [name for name in needed if not hasattr(interest, name)]
            raise ValueError(
                f"a live recommender needs an interest with initial_state, step and readout; "
                f"{type(interest).__name__} lacks {' and '.join(lacking)}"
            )
        _check_state(interest)
        self.interest, self.version = interest, version
        self.reader = EventReader() if reader is None else reader
        self._start, self.users = interest.initial_state(1), users

    @torch.inference_mode()
    def start(self, user: str | None = None) -> Session:
        """Return the session before the first event, after the features of a user if there are any.

        Args:
            user: whose features are read; None for nobody's.
        """
        row = 0 if user is None or self.users is None else self.users.find(user)
        state = self._start
        if row and self.users is not None:
            vector = self.users.vectors[row : row + 1]
            unknown = torch.tensor([-1.0], device=vector.device)
            no_type = torch.tensor([0], device=vector.device)
            state = self.interest.step(state, vector, unknown, no_type)
        return Session(self.version, 0, _parts(state), (), 0.0, 0, positive=False)

    @torch.inference_mode()
    def interest_of(self, session: Session) -> Float[Tensor, "1 H"]:
        """Return the interest after the last event of a session."""
        interest: Tensor = self.interest.readout(self._state(session))
        return interest

    def _state(self, session: Session) -> Any:
        """Return the tensors of a session in the form that the interest model uses."""
        if isinstance(self._start, Tensor):
            return session.state[0]
        return type(self._start)(*session.state)

    @torch.inference_mode()
    def __call__(
        self,
        session: Session,
        events: Iterable[Event],
        vectors: Float[Tensor, "V1 D"],
        index_of: IndexOf,
    ) -> Session:
        """Return the session after further events.

        Args:
            session: a session of this model.
            events: the user's events after ``session.offset``, in the order of the log.
            vectors: the vector of every catalogue index.
            index_of: returns the index of an item, 0 if it is unknown.
        """
        for event in events:
            session = self._step(session, event, vectors, index_of)
        return session

    def histories(
        self,
        pasts: Sequence[Sequence[Event]],
        index_of: IndexOf,
        at: Sequence[float | None] | None = None,
    ) -> Histories:
        """Return events of users as histories for ``forward``, by the same rules as the steps.

        Args:
            pasts: the events of each user, in the order of the log.
            index_of: returns the index of an item, 0 if it is unknown.
            at: the time of each request; by default unknown.
        """
        rows = [past_of(past, index_of) for past in pasts]
        return self.reader.histories(rows, [None] * len(rows) if at is None else at)

    def _step(self, session: Session, event: Event, vectors: Tensor, index_of: IndexOf) -> Session:
        [past] = past_of([event], index_of)
        if not self.reader.counts(past, session.item, session.event_type):
            return replace(session, offset=event.offset)
        number = self.reader.number_of(event.event_type)
        gap = max(event.time - session.time, 0.0) if session.events else 0.0
        state = self.interest.step(
            self._state(session),
            vectors[past.item : past.item + 1],
            torch.tensor([gap], dtype=torch.float32, device=vectors.device),
            torch.tensor([number], device=vectors.device),
        )
        return Session(
            version=self.version,
            offset=event.offset,
            state=_parts(state),
            recent=(*session.recent, (past.item, number))[-LAST:],
            time=max(event.time, session.time) if session.events else event.time,
            events=session.events + 1,
            positive=session.positive or number not in self.reader.negative_types,
            key=session.key,
        )


def _check_state(interest: SteppingInterest) -> None:
    """Raise a ``ValueError`` for a state that a session can't hold."""
    own: Any = interest.interest if isinstance(interest, AffinityInterest) else interest
    state = own.initial_state(1)
    if not is_state(state):
        raise ValueError(
            f"a live recommender needs a state that is a tensor or a named tuple of tensors; that "
            f"of {type(own).__name__} is a {type(state).__name__}"
        )


def past_of(events: Iterable[Event], index_of: IndexOf) -> list[PastEvent]:
    """Return events of a log with the catalogue indices of their items."""
    return [PastEvent(index_of(e.item), e.event_type, e.time) for e in events]


def _parts(state: Any) -> tuple[Tensor, ...]:
    """Return the tensors of a state, which is one tensor or a tuple of them."""
    return (state,) if isinstance(state, Tensor) else tuple(state)
