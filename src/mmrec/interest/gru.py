"""GRU4Rec's recurrence: one gated step per event."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from mmrec.cpu import Dropout
from mmrec.cpu.recurrence import faster_recurrence, recurrent_states
from mmrec.interest.inputs import EventInputs
from mmrec.layers import check_shape, record_init_args


@record_init_args
class GRUInterest(nn.Module):
    """A gated recurrent unit over the vectors of a user's events.

    The state is (layers, B, H), as in ``nn.GRU``. Users lie on axis 1: stack the states of single
    users with ``torch.cat(states, dim=1)``, and take user ``b`` back with ``state[:, b : b + 1]``.
    The state of a user without events is zero.

    Args:
        dim: width of an item vector, D. It is first here, as the vectors are in ``forward``;
            scorers and rerankers take ``interest_dim`` first.
        interest_dim: width of the interest, H; ``dim`` if None.
        layers: number of stacked recurrent layers.
        dropout: probability that an element of an item vector, or of the interest, is dropped in
            training; also between the layers.
        time_gap: whether the seconds since the user's previous event are an input.
        gap_dropout: with ``time_gap``, the probability that a history is trained with unknown
            times, so that a list of items without times can be scored too.
        num_event_types: number of known event types; 0 for events without a type.
        negative_types: event types that say no, see :class:`mmrec.interest.EventInputs`.

    Raises:
        ValueError: a size is not positive, or ``num_event_types`` is negative.

    References:
        Hidasi et al., "Session-based Recommendations with Recurrent Neural Networks"
        (arXiv 1511.06939).

    Example:
        >>> interest = GRUInterest(8, interest_dim=4).eval()
        >>> vectors, mask = torch.randn(1, 3, 8), torch.tensor([[True, True, False]])
        >>> states = interest(vectors, mask)  # (B, T, H)
        >>> state = interest.initial_state(1)
        >>> for t in range(2):
        ...     state = interest.step(state, vectors[:, t])
        >>> torch.allclose(interest.readout(state), states[:, 1], atol=1e-6)
        True
    """

    window: int | None = None
    """None: the state of a recurrence has no limit of events."""

    def __init__(
        self,
        dim: int,
        interest_dim: int | None = None,
        *,
        layers: int = 1,
        dropout: float = 0.0,
        time_gap: bool = False,
        gap_dropout: float = 0.1,
        num_event_types: int = 0,
        negative_types: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        interest_dim = dim if interest_dim is None else interest_dim
        if min(dim, interest_dim, layers) < 1 or num_event_types < 0:
            raise ValueError(
                "GRUInterest expects positive dim, interest_dim and layers and num_event_types of "
                f"0 or more; got {dim}, {interest_dim}, {layers} and {num_event_types}"
            )
        self.dim = dim
        self.interest_dim = interest_dim
        self.layers = layers
        # nn.GRU applies dropout between layers, and warns if there is only one.
        between = dropout if layers > 1 else 0.0
        self.gru = nn.GRU(dim, interest_dim, layers, batch_first=True, dropout=between)
        self.dropout = Dropout(dropout)
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
        """Return the interest after each event.

        Args:
            vectors: vectors of the items, oldest first, padded on the right.
            mask: True for real events; values of padding have no effect.
            gap: seconds since the user's previous event, 0 for the first; negative where it is
                unknown. Ignored without ``time_gap``.
            event_type: event types, 0 for unknown. Ignored without ``num_event_types``.

        Returns:
            (B, T, H); zeros where ``mask`` is False.

        Raises:
            ValueError: a gap or type is needed and missing, a row is padded on the left, or the
                vectors are not ``dim`` wide.
        """
        # Padding is on the right: no real step comes after it, so the histories need no packing.
        inputs = self.inputs.of_histories(vectors, mask, gap, event_type)
        if inputs.numel() == 0:
            return vectors.new_zeros(*vectors.shape[:2], self.interest_dim)
        states = self._states(self._as_weights(inputs))
        masked: Tensor = self.dropout(states).masked_fill(~mask.unsqueeze(-1), 0)
        return masked

    def initial_state(
        self,
        batch_size: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> Float[Tensor, "layers B H"]:
        """Return the state of users without events: zeros, by default like the weights."""
        weight = next(self.gru.parameters())
        shape = (self.layers, batch_size, self.interest_dim)
        return weight.new_zeros(shape, device=device, dtype=dtype)

    def step(
        self,
        state: Float[Tensor, "layers B H"],
        vectors: Float[Tensor, "B D"],
        gap: Float[Tensor, " B"] | None = None,
        event_type: Int[Tensor, " B"] | None = None,
    ) -> Float[Tensor, "layers B H"]:
        """Return the state after one more event of each user; arguments as in :meth:`forward`."""
        # The cell, since nn.GRU is made for whole histories and is slower for one event.
        check_shape("a step expects a state", state, (self.layers, "users", self.interest_dim))
        inputs = self.inputs.of_events(state.shape[1], vectors, gap, event_type)
        hidden = self._as_weights(inputs)
        states = []
        for before, weights in zip(state, self.gru.all_weights, strict=True):
            hidden = torch.gru_cell(hidden, before, *weights)
            states.append(hidden)
        return torch.stack(states)

    def readout(self, state: Float[Tensor, "layers B H"]) -> Float[Tensor, "B H"]:
        """Return the interest of a state: its last layer."""
        interest: Tensor = self.dropout(state[-1])
        return interest

    def _states(self, inputs: Float[Tensor, "B T D"]) -> Float[Tensor, "B T H"]:
        if not faster_recurrence(self.gru, inputs):
            given: Tensor = self.gru(inputs)[0]
            return given
        states = inputs.transpose(0, 1)
        for layer in range(self.layers):
            states = recurrent_states(self.gru, layer, states)
            if layer + 1 < self.layers:
                states = F.dropout(states, self.gru.dropout, self.training)
        return states.transpose(0, 1)

    def _as_weights(self, inputs: Tensor) -> Tensor:
        # On CPU, autocast does not cover a GRU, so its input must have the type of its weights.
        return inputs.to(next(self.gru.parameters()).dtype)
