"""NARM: a recurrence, and attention over its states by the newest of them."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from mmrec.interest.gru import GRUInterest
from mmrec.interest.windowed import WindowState
from mmrec.layers import record_init_args


class NARMState(NamedTuple):
    """The memory of the recurrence, and its outputs after a user's last events.

    Users lie on axis 1 of ``memory`` and on axis 0 of the others.

    Attributes:
        memory: the state of the recurrence, ``(layers, B, H)``.
        outputs: its outputs, oldest first, padded on the right, ``(B, W, H)``.
        length: how many of them are real, ``(B,)``.
    """

    memory: Float[Tensor, "layers B H"]
    outputs: Float[Tensor, "B W H"]
    length: Int[Tensor, " B"]


@record_init_args
class NARMInterest(nn.Module):
    """A GRU whose newest output attends to those before it.

    The interest after event ``t`` is ``B [h_t, Σ_j α_tj h_j]``: the output ``h_t`` of the GRU says
    what the user does, and the sum over the last ``attended`` events what they came for. The
    weights ``α_tj = v · sigmoid(A1 h_t + A2 h_j)`` are not normalized.

    The GRU has no limit of events. The state is that of the GRU and its last ``attended`` outputs.
    Training computes ``T · attended`` weights of width H for each history, which takes memory.

    Args:
        dim: width of an item vector and of the interest, D = H.
        layers: layers of the GRU.
        attended: number of last events that are attended to, W.
        dropout: dropout probability of the inputs and of the outputs of the GRU.
        time_gap: whether the seconds since the user's previous event are an input.
        gap_dropout: see :class:`GRUInterest`.
        num_event_types: number of known event types; 0 for events without a type.
        negative_types: event types that say no, see :class:`mmrec.interest.EventInputs`.

    Raises:
        ValueError: a size is not positive.

    References:
        Li et al., "Neural Attentive Session-based Recommendation" (arXiv 1711.04725), where a
        session has at most 19 events, and dropout comes after the concatenation.

    Example:
        >>> interest = NARMInterest(8).eval()
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
        *,
        layers: int = 1,
        attended: int = 50,
        dropout: float = 0.0,
        time_gap: bool = False,
        gap_dropout: float = 0.1,
        num_event_types: int = 0,
        negative_types: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        if attended < 1:
            raise ValueError(f"NARMInterest expects attended of 1 or more; got {attended}")
        self.dim = self.interest_dim = dim
        self.attended = attended
        self.encoder = GRUInterest(
            dim,
            layers=layers,
            dropout=dropout,
            time_gap=time_gap,
            gap_dropout=gap_dropout,
            num_event_types=num_event_types,
            negative_types=negative_types,
        )
        self.to_query, self.to_key = (nn.Linear(dim, dim, bias=False) for _ in range(2))
        self.to_weight = nn.Linear(dim, 1, bias=False)
        self.output_proj = nn.Linear(2 * dim, dim, bias=False)

    def forward(
        self,
        vectors: Float[Tensor, "B T D"],
        mask: Bool[Tensor, "B T"],
        gap: Float[Tensor, "B T"] | None = None,
        event_type: Int[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B T H"]:
        """Return the interest after each event; see :meth:`GRUInterest.forward`."""
        outputs: Tensor = self.encoder(vectors, mask, gap, event_type)
        if outputs.numel() == 0:
            return outputs
        size = min(self.attended, outputs.shape[1])
        # The last places of a window are the newest; those before the first event are not real.
        windows, keys = (
            F.pad(each, (0, 0, size - 1, 0)).unfold(1, size, 1).mT
            for each in (outputs, self.to_key(outputs))
        )
        places = torch.arange(size, device=mask.device) + 1 - size
        real = torch.arange(mask.shape[1], device=mask.device).unsqueeze(1) + places >= 0
        interest = self.attend(outputs, windows, keys, real.expand(len(outputs), -1, -1))
        return interest.masked_fill(~mask.unsqueeze(-1), 0)

    def last(
        self,
        vectors: Float[Tensor, "B T D"],
        mask: Bool[Tensor, "B T"],
        gap: Float[Tensor, "B T"] | None = None,
        event_type: Int[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B H"]:
        """Return the interest after the last event of each history; zeros where there is none."""
        outputs = self.encoder(vectors, mask, gap, event_type)
        return self.of_window(*WindowState.at_the_end_of(outputs, mask.sum(1), self.attended))

    def initial_state(
        self,
        batch_size: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> NARMState:
        """Return the state of users without events: zeros, by default like the weights."""
        memory = self.encoder.initial_state(batch_size, device=device, dtype=dtype)
        outputs = memory.new_zeros(batch_size, self.attended, self.dim)
        length = torch.zeros(batch_size, dtype=torch.long, device=memory.device)
        return NARMState(memory, outputs, length)

    def step(
        self,
        state: NARMState,
        vectors: Float[Tensor, "B D"],
        gap: Float[Tensor, " B"] | None = None,
        event_type: Int[Tensor, " B"] | None = None,
    ) -> NARMState:
        """Return the state after one more event of each user; arguments as in :meth:`forward`."""
        memory = self.encoder.step(state.memory, vectors, gap, event_type)
        window = WindowState(state.outputs, state.length)
        return NARMState(memory, *window.appended(self.encoder.readout(memory)))

    def readout(self, state: NARMState) -> Float[Tensor, "B H"]:
        """Return the interest of a state; zeros where there is no event."""
        return self.of_window(state.outputs, state.length)

    def of_window(
        self, outputs: Float[Tensor, "B W H"], length: Int[Tensor, " B"]
    ) -> Float[Tensor, "B H"]:
        """Return the interest of the last outputs of the GRU, padded on the right."""
        place = (length - 1).clamp(min=0).view(-1, 1, 1).expand(-1, 1, self.dim)
        newest = outputs.gather(1, place).squeeze(1)
        real = torch.arange(outputs.shape[1], device=length.device) < length.unsqueeze(1)
        interest = self.attend(newest, outputs, self.to_key(outputs), real)
        return interest.masked_fill((length == 0).unsqueeze(-1), 0)

    def attend(
        self,
        newest: Float[Tensor, "*B H"],
        outputs: Float[Tensor, "*B W H"],
        keys: Float[Tensor, "*B W H"],
        real: Bool[Tensor, "*B W"],
    ) -> Float[Tensor, "*B H"]:
        """Return the interest of outputs, the newest of which attends to all real ones."""
        hidden = (self.to_query(newest).unsqueeze(-2) + keys).sigmoid()
        weights = self.to_weight(hidden).masked_fill(~real.unsqueeze(-1), 0)
        purpose = (weights.mT.to(outputs.dtype) @ outputs).squeeze(-2)
        interest: Tensor = self.output_proj(torch.cat([newest, purpose], dim=-1))
        return interest
