"""Additive attention over a history, with a state that does not grow."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from mmrec.interest.inputs import EventInputs
from mmrec.layers import AdditiveAttention, at_least_float32, masked_softmax, record_init_args


class AdditiveState(NamedTuple):
    """A running weighted sum of a user's events.

    Weights are relative to that of the event with the largest logit, so none overflows.

    Attributes:
        total: the weighted sum of the inputs, ``(B, D)``.
        weight: the sum of the weights, 0 before the first event, ``(B,)``.
        top: the largest logit, ``(B,)``.
    """

    total: Float[Tensor, "B D"]
    weight: Float[Tensor, " B"]
    top: Float[Tensor, " B"]


@record_init_args
class AdditiveAttentionInterest(nn.Module):
    """A weighted mean of all events of a user; the weight of an event depends on it alone.

    Since no event changes the weight of another, a step costs the same however long the history is:
    the softmax over all events so far is a running sum.

    Args:
        dim: width of an item vector and of the interest, D = H.
        hidden: width of the query of the attention; ``dim`` if None.
        dropout: dropout probability of the inputs.
        time_gap: whether the seconds since the user's previous event are an input.
        gap_dropout: see :class:`GRUInterest`.
        num_event_types: number of known event types; 0 for events without a type.
        negative_types: event types that say no, see :class:`mmrec.interest.EventInputs`.

    Raises:
        ValueError: a size is not positive.

    References:
        The user encoder of Wu et al., "Neural News Recommendation with Attentive Multi-View
        Learning" (NAML, arXiv 1907.05576).

    Example:
        >>> interest = AdditiveAttentionInterest(8).eval()
        >>> vectors, mask = torch.randn(1, 3, 8), torch.tensor([[True, True, False]])
        >>> states = interest(vectors, mask)  # (B, T, H)
        >>> state = interest.initial_state(1)
        >>> for t in range(2):
        ...     state = interest.step(state, vectors[:, t])
        >>> torch.allclose(interest.readout(state), states[:, 1], atol=1e-6)
        True
    """

    window: int | None = None
    """None: the state has no limit of events."""

    def __init__(
        self,
        dim: int,
        *,
        hidden: int | None = None,
        dropout: float = 0.0,
        time_gap: bool = False,
        gap_dropout: float = 0.1,
        num_event_types: int = 0,
        negative_types: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        self.attention = AdditiveAttention(dim, hidden)
        self.dim = self.interest_dim = dim
        self.inputs = EventInputs(
            dim,
            dropout=dropout,
            time_gap=time_gap,
            gap_dropout=gap_dropout,
            num_event_types=num_event_types,
            negative_types=negative_types,
        )

    def forward(
        self,
        vectors: Float[Tensor, "B T D"],
        mask: Bool[Tensor, "B T"],
        gap: Float[Tensor, "B T"] | None = None,
        event_type: Int[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B T H"]:
        """Return the interest after each event; see :meth:`GRUInterest.forward`."""
        inputs = self.inputs.of_histories(vectors, mask, gap, event_type)
        states = pooled_so_far(self.attention, inputs)
        return states.masked_fill(~mask.unsqueeze(-1), 0)

    def last(
        self,
        vectors: Float[Tensor, "B T D"],
        mask: Bool[Tensor, "B T"],
        gap: Float[Tensor, "B T"] | None = None,
        event_type: Int[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B H"]:
        """Return the interest after the last event of each history; zeros where there is none."""
        pooled: Tensor = self.attention(
            self.inputs.of_histories(vectors, mask, gap, event_type), mask
        )
        return pooled

    def initial_state(
        self,
        batch_size: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> AdditiveState:
        """Return the state of users without events: zeros, by default like the weights."""
        weight = next(self.parameters())
        total = weight.new_zeros((batch_size, self.dim), device=device, dtype=dtype)
        return AdditiveState(total, total.new_zeros(batch_size), total.new_zeros(batch_size))

    def step(
        self,
        state: AdditiveState,
        vectors: Float[Tensor, "B D"],
        gap: Float[Tensor, " B"] | None = None,
        event_type: Int[Tensor, " B"] | None = None,
    ) -> AdditiveState:
        """Return the state after one more event of each user; arguments as in :meth:`forward`."""
        event = self.inputs.of_events(state.total.shape[0], vectors, gap, event_type)
        logit = self.attention.logits(event).to(state.top.dtype)
        top = torch.where(state.weight > 0, torch.maximum(state.top, logit), logit)
        # Without events both sums are 0, whatever they are scaled by: not by an overflow, whose
        # gradient is NaN.
        before = torch.where(state.weight > 0, state.top - top, 0).exp()
        now = (logit - top).exp()
        total = before.unsqueeze(-1) * state.total + now.unsqueeze(-1) * event.to(state.total.dtype)
        return AdditiveState(total, before * state.weight + now, top)

    def readout(self, state: AdditiveState) -> Float[Tensor, "B H"]:
        """Return the interest of a state; zeros where there is no event."""
        # The largest event has weight 1, so the clamp changes users without events alone.
        return state.total / state.weight.clamp(min=1).unsqueeze(-1)


def pooled_so_far(
    attention: AdditiveAttention, events: Float[Tensor, "B T D"]
) -> Float[Tensor, "B T D"]:
    """Return what the attention pools of each event and those before it.

    Example:
        >>> attention, events = AdditiveAttention(4), torch.randn(1, 3, 4)
        >>> pooled = pooled_so_far(attention, events)
        >>> torch.equal(pooled[:, 0], events[:, 0])
        True
    """
    # A softmax for each step: a running sum in float32 would lose the events before one whose
    # logit is much larger.
    steps = events.shape[1]
    past = torch.ones(steps, steps, dtype=torch.bool, device=events.device).tril()
    logits = at_least_float32(attention.logits(events)).unsqueeze(1).expand(-1, steps, -1)
    return masked_softmax(logits, past).to(events.dtype) @ events
