"""What interest models share that read a window of a user's last events."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from mmrec.interest.inputs import EventInputs


class WindowState(NamedTuple):
    """What is kept of a user's last events, oldest first, padded on the right.

    Attributes:
        inputs: the inputs of the events, ``(B, W, D)``; HSTU keeps a further column, the time gaps.
        length: how many of them are real events, ``(B,)``.
    """

    inputs: Float[Tensor, "B W _"]
    length: Int[Tensor, " B"]

    def appended(self, event: Float[Tensor, "B _"]) -> "WindowState":
        """Return the window after one more event; a full one drops its oldest event."""
        size = self.inputs.shape[1]
        full = (self.length == size).view(-1, 1, 1)
        window = torch.where(full, self.inputs.roll(-1, dims=1), self.inputs)
        place = self.length.clamp(max=size - 1)
        rows = torch.arange(len(place), device=place.device)
        window = window.index_put((rows, place), event.to(window.dtype))
        return WindowState(window, place + 1)

    @staticmethod
    def at_the_end_of(
        events: Float[Tensor, "B T _"], length: Int[Tensor, " B"], size: int
    ) -> "WindowState":
        """Return the last ``size`` of the first ``length`` events of each row."""
        if events.shape[1] > size:
            first = (length - size).clamp(min=0).view(-1, 1, 1)
            at = first + torch.arange(size, device=first.device).unsqueeze(-1)
            events = events.gather(1, at.expand(-1, -1, events.shape[2]))
        return WindowState(events, length.clamp(max=size))


class WindowedInterest(nn.Module, ABC):
    """An interest that is a function of a user's last events, which are its state.

    A subclass says what is kept of an event, and how a window is read.

    Args:
        dim: width of an item vector and of the interest, D = H.
        kept: numbers that are kept of an event, K.
        layers: number of blocks.
        heads: attention heads; must divide ``dim``.
        window: events that are attended to, W.
        dropout: dropout probability of the inputs.
        time_gap: whether the seconds since the user's previous event are an input.
        gap_dropout: see :class:`GRUInterest`.
        num_event_types: number of known event types; 0 for events without a type.
        negative_types: event types that say no, see :class:`mmrec.interest.EventInputs`.

    Raises:
        ValueError: a size is not positive, or ``heads`` does not divide ``dim``.
    """

    def __init__(
        self,
        dim: int,
        kept: int,
        *,
        layers: int,
        heads: int,
        window: int,
        dropout: float,
        time_gap: bool,
        gap_dropout: float,
        num_event_types: int,
        negative_types: Sequence[int] | None,
    ) -> None:
        super().__init__()
        if min(dim, layers, heads, window) < 1 or num_event_types < 0:
            raise ValueError(
                f"{type(self).__name__} expects positive dim, layers, heads and window and "
                f"num_event_types of 0 or more; got {dim}, {layers}, {heads}, {window}, "
                f"{num_event_types}"
            )
        if dim % heads:
            raise ValueError(f"heads must divide dim; got {heads} heads and dim {dim}")
        self.dim = self.interest_dim = dim
        self.kept, self.window = kept, window
        self.inputs = EventInputs(
            dim,
            dropout=dropout,
            time_gap=time_gap,
            gap_dropout=gap_dropout,
            num_event_types=num_event_types,
            negative_types=negative_types,
        )

    @abstractmethod
    def attend(self, kept: Float[Tensor, "B T K"]) -> Float[Tensor, "B T H"]:
        """Return the interest after each event of a window; padding is on the right."""

    @abstractmethod
    def attend_last(
        self, kept: Float[Tensor, "B T K"], place: Int[Tensor, " B"]
    ) -> Float[Tensor, "B H"]:
        """Return the interest after one event of each row."""

    def kept_of(
        self, inputs: Float[Tensor, "*B D"], gap: Float[Tensor, "*B"] | None
    ) -> Float[Tensor, "*B K"]:
        """Return what is kept of events."""
        return inputs

    def forward(
        self,
        vectors: Float[Tensor, "B T D"],
        mask: Bool[Tensor, "B T"],
        gap: Float[Tensor, "B T"] | None = None,
        event_type: Int[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B T H"]:
        """Return the interest after each event; see :meth:`GRUInterest.forward`.

        The interest after event ``t`` is a function of the last ``window`` events up to ``t``.
        Each step past the window therefore costs a pass over a window of its own: shorten long
        histories if only their end is needed.

        Raises:
            ValueError: a gap or type is needed and missing, a row is padded on the left, or the
                vectors are not ``dim`` wide.
        """
        kept = self._of_histories(vectors, mask, gap, event_type)
        states = self.attend(kept[:, : self.window])
        if vectors.shape[1] > self.window:
            late = mask[:, self.window :]
            windows = kept[:, 1:].unfold(1, self.window, 1)[late]
            full = torch.full((len(windows),), self.window, device=windows.device)
            later = states.new_zeros(*late.shape, self.dim)
            later[late] = self.readout(WindowState(windows.mT, full)).to(later.dtype)
            states = torch.cat([states, later], dim=1)
        return states.masked_fill(~mask.unsqueeze(-1), 0)

    def last(
        self,
        vectors: Float[Tensor, "B T D"],
        mask: Bool[Tensor, "B T"],
        gap: Float[Tensor, "B T"] | None = None,
        event_type: Int[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B H"]:
        """Return the interest after the last event of each history; zeros where there is none.

        The result equals ``forward`` at the last event, for less. Arguments and errors are those of
        :meth:`forward`.
        """
        kept, length = self._of_histories(vectors, mask, gap, event_type), mask.sum(1)
        return self.readout(WindowState.at_the_end_of(kept, length, self.window))

    def initial_state(
        self,
        batch_size: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> WindowState:
        """Return the state of users without events."""
        weight = next(self.parameters())
        inputs = weight.new_zeros((batch_size, self.window, self.kept), device=device, dtype=dtype)
        return WindowState(inputs, torch.zeros(batch_size, dtype=torch.long, device=inputs.device))

    def step(
        self,
        state: WindowState,
        vectors: Float[Tensor, "B D"],
        gap: Float[Tensor, " B"] | None = None,
        event_type: Int[Tensor, " B"] | None = None,
    ) -> WindowState:
        """Return the state after one more event of each user.

        A full window drops its oldest event.
        """
        inputs = self.inputs.of_events(state.inputs.shape[0], vectors, gap, event_type)
        return state.appended(self.kept_of(inputs, gap))

    def readout(self, state: WindowState) -> Float[Tensor, "B H"]:
        """Return the interest of a state; zeros where there is no event."""
        steps = max([1, *state.length.tolist()])
        newest = (state.length - 1).clamp(min=0)
        interest = self.attend_last(state.inputs[:, :steps], newest)
        return interest.masked_fill((state.length == 0).unsqueeze(-1), 0)

    def _of_histories(
        self, vectors: Tensor, mask: Tensor, gap: Tensor | None, event_type: Tensor | None
    ) -> Float[Tensor, "B T K"]:
        return self.kept_of(*self.inputs.with_gaps(vectors, mask, gap, event_type))
