"""The mean of a user's events, and the last event alone."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from mmrec.interest.inputs import EventInputs
from mmrec.layers import MLP, at_least_float32, record_init_args


class MeanState(NamedTuple):
    """The decayed sum of a user's events.

    Attributes:
        total: the sum of the inputs, ``(B, D)``.
        weight: the sum of their weights, ``(B,)``; 0 without events.
    """

    total: Float[Tensor, "B D"]
    weight: Float[Tensor, " B"]


@record_init_args
class MeanInterest(nn.Module):
    """A perceptron over the mean of a user's events, in which older events may count less.

    The mean is ``m_t = Σ decay^(t-j) x_j / Σ decay^(t-j)``. With a decay of 1 it is the plain mean,
    which knows no order: the user tower of a two-tower model. With a decay of 0 it is the last
    event alone: a model of what follows an item. A step costs one addition.

    Args:
        dim: width of an item vector and of the interest, D = H.
        layers: layers of the perceptron; 1 is a linear map, and with 0 the interest is the mean.
        decay: weight of an event relative to the one after it, from 0 to 1.
        dropout: dropout probability of the inputs and of the hidden layers.
        time_gap: whether the seconds since the user's previous event are an input.
        gap_dropout: see :class:`GRUInterest`.
        num_event_types: number of known event types; 0 for events without a type.
        negative_types: event types that say no, see :class:`mmrec.interest.EventInputs`.

    Raises:
        ValueError: a size is out of range, or ``decay`` is not between 0 and 1.

    References:
        Covington, Adams and Sargin, "Deep Neural Networks for YouTube Recommendations", RecSys
        2016.

    Example:
        >>> interest = MeanInterest(8, decay=0.5).eval()
        >>> vectors, mask = torch.randn(1, 3, 8), torch.tensor([[True, True, False]])
        >>> states = interest(vectors, mask)  # (B, T, H)
        >>> state = interest.initial_state(1)
        >>> for t in range(2):
        ...     state = interest.step(state, vectors[:, t])
        >>> torch.allclose(interest.readout(state), states[:, 1], atol=1e-6)
        True
    """

    like: Tensor

    def __init__(
        self,
        dim: int,
        *,
        layers: int = 1,
        decay: float = 1.0,
        dropout: float = 0.0,
        time_gap: bool = False,
        gap_dropout: float = 0.1,
        num_event_types: int = 0,
        negative_types: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        if dim < 1 or min(layers, num_event_types) < 0 or not 0 <= decay <= 1:
            raise ValueError(
                "MeanInterest expects positive dim, layers and num_event_types of 0 or more and "
                f"decay from 0 to 1; got {dim}, {layers}, {num_event_types}, {decay}"
            )
        self.dim = self.interest_dim = dim
        self.decay = decay
        self.window = 1 if decay == 0 else None
        """Number of last events that change the interest; None for all."""
        self.inputs = EventInputs(
            dim,
            dropout=dropout,
            time_gap=time_gap,
            gap_dropout=gap_dropout,
            num_event_types=num_event_types,
            negative_types=negative_types,
        )
        self.network = MLP([dim] * (layers + 1), dropout=dropout) if layers else nn.Identity()
        # Without weights, it says where a state lies and of which type it is.
        self.register_buffer("like", torch.zeros(0), persistent=False)

    def forward(
        self,
        vectors: Float[Tensor, "B T D"],
        mask: Bool[Tensor, "B T"],
        gap: Float[Tensor, "B T"] | None = None,
        event_type: Int[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B T H"]:
        """Return the interest after each event; see :meth:`GRUInterest.forward`."""
        inputs = self.inputs.of_histories(vectors, mask, gap, event_type)
        steps = torch.arange(mask.shape[1], device=mask.device)
        # Padding is on the right, so it lies after all events that are summed.
        weights = self._weights(steps.unsqueeze(1) - steps, inputs)
        means = torch.einsum("ts,bsd->btd", weights, inputs)
        states: Tensor = self.network(means)
        return states.masked_fill(~mask.unsqueeze(-1), 0)

    def last(
        self,
        vectors: Float[Tensor, "B T D"],
        mask: Bool[Tensor, "B T"],
        gap: Float[Tensor, "B T"] | None = None,
        event_type: Int[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B H"]:
        """Return the interest after the last event of each history; zeros where there is none."""
        inputs = self.inputs.of_histories(vectors, mask, gap, event_type)
        newest = mask.sum(1, keepdim=True) - 1
        weights = self._weights(newest - torch.arange(mask.shape[1], device=mask.device), inputs)
        states: Tensor = self.network(torch.einsum("bs,bsd->bd", weights, inputs))
        return states.masked_fill(newest < 0, 0)

    def initial_state(
        self,
        batch_size: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> MeanState:
        """Return the state of users without events: zeros, by default like the weights."""
        total = self.like.new_zeros((batch_size, self.dim), device=device, dtype=dtype)
        return MeanState(total, total.new_zeros(batch_size))

    def step(
        self,
        state: MeanState,
        vectors: Float[Tensor, "B D"],
        gap: Float[Tensor, " B"] | None = None,
        event_type: Int[Tensor, " B"] | None = None,
    ) -> MeanState:
        """Return the state after one more event of each user; arguments as in :meth:`forward`."""
        event = self.inputs.of_events(state.total.shape[0], vectors, gap, event_type)
        total = self.decay * state.total + event.to(state.total.dtype)
        return MeanState(total, self.decay * state.weight + 1)

    def readout(self, state: MeanState) -> Float[Tensor, "B H"]:
        """Return the interest of a state; zeros where there is no event."""
        weight = state.weight.unsqueeze(-1)
        interest: Tensor = self.network(state.total / weight.clamp(min=1))
        return interest.masked_fill(weight == 0, 0)

    def _weights(
        self, age: Int[Tensor, "*B T"], like: Float[Tensor, "..."]
    ) -> Float[Tensor, "*B T"]:
        """Return the weights of events of some ages, which sum to 1; 0 for a negative age."""
        ages = age.clamp(min=0).to(at_least_float32(like).dtype)
        weights = torch.where(age >= 0, self.decay**ages, 0.0)
        return (weights / weights.sum(-1, keepdim=True).clamp(min=1)).to(like.dtype)
