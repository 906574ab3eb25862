"""Computes the state of a user from events; no other code does."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mmrec.data import Histories
from mmrec.interest import SteppingInterest
from mmrec.realtime.log.events import Event
from mmrec.realtime.sessions import Session


class StateUpdater:
    """Applies events to a session, each by one step of the interest model.

    A new event, a lost session and a change of the model all use this code, so the same events
    always give the same state. Events are applied in the order of the log. An event that is older
    than the event before it counts as simultaneous with it. Events on items outside the catalogue
    are skipped.

    Args:
        interest: the interest model, in evaluation mode.
        version: name of the model; its sessions carry it.
        event_types: event types of the model; type ``k`` is ``event_types[k - 1]``.
        drop_repeats: whether successive events on one item count once, as in training.

    Raises:
        ValueError: the interest model has no ``step`` for single events.
    """

    def __init__(
        self,
        interest: object,
        version: str,
        *,
        event_types: Sequence[str] = (),
        drop_repeats: bool = True,
    ) -> None:
        if not isinstance(interest, SteppingInterest):
            needed = ("initial_state", "step", "readout")
            lacking = [name for name in needed if not hasattr(interest, name)]
            raise ValueError(
                f"a live recommender needs an interest with initial_state, step and readout; "
                f"{type(interest).__name__} lacks {' and '.join(lacking)}"
            )
        self.interest, self.version, self.drop_repeats = interest, version, drop_repeats
        self.event_types = tuple(event_types)
        self._event_types = {name: number for number, name in enumerate(event_types, 1)}
        self._start = interest.initial_state(1)

    def event_type_id(self, name: str) -> int:
        """Return the number of an event type, 0 if it was not in training."""
        return self._event_types.get(name, 0)

    def start(self) -> Session:
        """Return the session of a user without events."""
        return Session(self.version, 0, _parts(self._start), 0, 0.0, 0)

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
        index_of: Callable[[Any], int],
    ) -> Session:
        """Return the session after further events.

        Args:
            session: a session of this model.
            events: the user's events after ``session.offset``, in the order of the log.
            vectors: the vector of every catalogue index.
            index_of: returns the index of an item, 0 if it is unknown.
        """
        for event in events:
            session = self._step(session, event, vectors, index_of(event.item))
        return session

    def histories(
        self, pasts: Sequence[Sequence[Event]], index_of: Callable[[Any], int]
    ) -> Histories:
        """Return events of users as histories for ``forward``, by the same rules as the steps.

        Args:
            pasts: the events of each user, in the order of the log.
            index_of: returns the index of an item, 0 if it is unknown.
        """
        rows = [self._counted(past, index_of) for past in pasts]
        shape = (len(rows), max([1, *map(len, rows)]))
        items, gap, event_type = np.zeros(shape, int), np.zeros(shape), np.zeros(shape, int)
        for row, counted in enumerate(rows):
            if counted:
                times = np.maximum.accumulate([event.time for _, event in counted])
                items[row, : len(counted)] = [item for item, _ in counted]
                gap[row, : len(counted)] = np.diff(times, prepend=times[0])
                event_type[row, : len(counted)] = [
                    self.event_type_id(event.event_type) for _, event in counted
                ]
        return Histories(
            torch.from_numpy(items), torch.from_numpy(gap).float(), torch.from_numpy(event_type)
        )

    def _counted(
        self, past: Sequence[Event], index_of: Callable[[Any], int]
    ) -> list[tuple[int, Event]]:
        """Return the events that count, each with the index of its item."""
        counted: list[tuple[int, Event]] = []
        for event in past:
            item = index_of(event.item)
            repeated = self.drop_repeats and bool(counted) and counted[-1][0] == item
            if item and not repeated:
                counted.append((item, event))
        return counted

    def _step(self, session: Session, event: Event, vectors: Tensor, item: int) -> Session:
        repeated = self.drop_repeats and item == session.item
        if item == 0 or repeated:
            return replace(session, offset=event.offset)
        gap = max(event.time - session.time, 0.0) if session.events else 0.0
        state = self.interest.step(
            self._state(session),
            vectors[item : item + 1],
            torch.tensor([gap], dtype=torch.float32, device=vectors.device),
            torch.tensor([self.event_type_id(event.event_type)], device=vectors.device),
        )
        time = max(event.time, session.time) if session.events else event.time
        return Session(self.version, event.offset, _parts(state), item, time, session.events + 1)


def _parts(state: Any) -> tuple[Tensor, ...]:
    """Return the tensors of a state, which is one tensor or a tuple of them."""
    return (state,) if isinstance(state, Tensor) else tuple(state)
