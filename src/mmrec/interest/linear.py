"""A linear recurrence: trained in parallel over a history, one cheap step an event."""

import math
from typing import NamedTuple, cast

import torch
from jaxtyping import Bool, Complex, Float, Int
from torch import Tensor, nn

from mmrec.cpu import Dropout
from mmrec.interest.inputs import EventInputs
from mmrec.interest.scan import scan
from mmrec.layers import at_least_float32


class RecurrentState(NamedTuple):
    """What a linear recurrence remembers of users.

    Attributes:
        memory: of each block, ``(layers, B, N)``; users lie on axis 1.
        interest: after the last event, ``(B, H)``.
    """

    memory: Complex[Tensor, "layers B N"]
    interest: Float[Tensor, "B H"]


class LinearRecurrentInterest(nn.Module):
    """Blocks of a complex diagonal linear recurrence and a two-layer network.

    In each block ``h_t = λ h_(t-1) + γ B x_t`` with learned ``λ`` inside the unit circle. Without
    a non-linearity in time all steps of a history are computed at once, in log2(T) rounds; a
    served user costs one multiplication an event.

    Args:
        dim: width of an item vector and of the interest, D = H.
        layers: number of blocks.
        hidden: complex width of the recurrence; ``dim`` if None.
        dropout: of inputs and of what each block adds, in training.
        time_gap: whether the seconds since the user's previous event are an input.
        gap_dropout: see :class:`GRUInterest`.
        num_event_types: number of known event types; 0 for events without a type.

    Raises:
        ValueError: a size is not positive.

    References:
        Yue et al., "Linear Recurrent Units for Sequential Recommendation" (arXiv 2310.02367);
        the initial values of λ are those of Orvieto et al. (arXiv 2303.06349).

    Example:
        >>> interest = LinearRecurrentInterest(8).eval()
        >>> vectors, mask = torch.randn(1, 3, 8), torch.tensor([[True, True, False]])
        >>> states = interest(vectors, mask)  # (B, T, H)
        >>> state = interest.initial_state(1)
        >>> for t in range(2):
        ...     state = interest.step(state, vectors[:, t])
        >>> torch.allclose(interest.readout(state), states[:, 1], atol=1e-5)
        True
    """

    window: int | None = None
    """A recurrence remembers without limit; None says that its state is not a list of events."""

    def __init__(
        self,
        dim: int,
        *,
        layers: int = 2,
        hidden: int | None = None,
        dropout: float = 0.0,
        time_gap: bool = False,
        gap_dropout: float = 0.1,
        num_event_types: int = 0,
    ) -> None:
        super().__init__()
        width = dim if hidden is None else hidden
        if min(dim, layers, width) < 1 or num_event_types < 0:
            raise ValueError(
                "LinearRecurrentInterest expects positive dim, layers and hidden and "
                f"num_event_types of 0 or more; got {dim}, {layers}, {width}, {num_event_types}"
            )
        self.dim = self.hidden = dim
        self.width = width
        self.inputs = EventInputs(
            dim,
            dropout=dropout,
            time_gap=time_gap,
            gap_dropout=gap_dropout,
            num_event_types=num_event_types,
        )
        self.blocks = nn.ModuleList(_Block(dim, width, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)

    def forward(
        self,
        vectors: Float[Tensor, "B T D"],
        mask: Bool[Tensor, "B T"],
        gap: Float[Tensor, "B T"] | None = None,
        event_type: Int[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B T H"]:
        """The interest after each event; see :meth:`GRUInterest.forward`."""
        states = self.inputs.of_histories(vectors, mask, gap, event_type)
        for block in self.blocks:
            states = block(states)
        normed: Tensor = self.norm(states)
        return normed.masked_fill(~mask.unsqueeze(-1), 0)

    def initial_state(
        self,
        batch_size: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> RecurrentState:
        """The state of users without events: zeros, by default where and what the weights are."""
        interest = self.norm.weight.new_zeros((batch_size, self.dim), device=device, dtype=dtype)
        shape = (len(self.blocks), batch_size, self.width)
        memory = torch.zeros(
            shape,
            dtype=torch.promote_types(interest.dtype, torch.float32).to_complex(),
            device=interest.device,
        )
        return RecurrentState(memory, interest)

    def step(
        self,
        state: RecurrentState,
        vectors: Float[Tensor, "B D"],
        gap: Float[Tensor, " B"] | None = None,
        event_type: Int[Tensor, " B"] | None = None,
    ) -> RecurrentState:
        """The state after one more event of each user; arguments as in :meth:`forward`."""
        states = self.inputs.of_events(state.interest.shape[0], vectors, gap, event_type)
        memories = []
        for block, before in zip(self.blocks, state.memory, strict=True):
            memory, states = cast(_Block, block).step(before, states)
            memories.append(memory)
        return RecurrentState(torch.stack(memories), self.norm(states))

    def readout(self, state: RecurrentState) -> Float[Tensor, "B H"]:
        """The interest that a state stands for; zeros where there is no event."""
        return state.interest


class _Block(nn.Module):
    """The recurrence, then a two-layer network; each reads what is normed and adds to its input."""

    def __init__(self, dim: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.norm, self.feed_forward_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.input_proj, self.out = nn.Linear(dim, 2 * hidden), nn.Linear(2 * hidden, dim)
        self.feed_forward = nn.Sequential(
            nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim)
        )
        self.dropout = Dropout(dropout)
        # |λ| between .8 and .99: memories of five to a hundred events.
        radius = torch.empty(hidden).uniform_(0.8**2, 0.99**2).sqrt()
        self.decay = nn.Parameter((-radius.log()).log())
        self.angle = nn.Parameter(torch.rand(hidden) * math.pi / 10)

    def forward(self, states: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """All steps at once."""
        return self._finish(states, scan(self._enter(states), self._log_rate()))

    def step(
        self, before: Complex[Tensor, "B N"], states: Float[Tensor, "B D"]
    ) -> tuple[Complex[Tensor, "B N"], Float[Tensor, "B D"]]:
        """One step: the memory after it, and what the block says."""
        memory = before * self._log_rate().exp() + self._enter(states)
        return memory, self._finish(states, memory)

    def _log_rate(self) -> Complex[Tensor, " N"]:
        # The decay is negative whatever is learned, so |λ| stays below 1.
        return torch.complex(-at_least_float32(self.decay).exp(), at_least_float32(self.angle))

    def _enter(self, states: Tensor) -> Tensor:
        real, imaginary = at_least_float32(self.input_proj(self.norm(states))).chunk(2, dim=-1)
        # γ = √(1 - |λ|²) keeps the memory as large as what enters it (arXiv 2303.06349).
        scale = (-torch.expm1(-2 * at_least_float32(self.decay).exp())).clamp(min=1e-6).sqrt()
        return torch.complex(real * scale, imaginary * scale)

    def _finish(self, states: Tensor, memory: Tensor) -> Tensor:
        flat = torch.cat([memory.real, memory.imag], dim=-1).to(states.dtype)
        states = states + self.dropout(self.out(flat))
        added: Tensor = states + self.dropout(self.feed_forward(self.feed_forward_norm(states)))
        return added
