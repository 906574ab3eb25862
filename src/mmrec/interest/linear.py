"""A linear recurrence: trained in parallel over a history, one cheap step per event."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import torch
from jaxtyping import Bool, Complex, Float, Int
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from mmrec.cpu import Dropout
from mmrec.interest.inputs import EventInputs
from mmrec.layers import at_least_float32, record_init_args


class RecurrentState(NamedTuple):
    """The state of a linear recurrence.

    Attributes:
        memory: the memory of each block, ``(layers, B, N)``; users lie on axis 1.
        interest: the interest after the last event, ``(B, H)``.
    """

    memory: Complex[Tensor, "layers B N"]
    interest: Float[Tensor, "B H"]


@record_init_args
class LinearRecurrentInterest(nn.Module):
    """Blocks of a complex diagonal linear recurrence and a two-layer network.

    Each block computes ``h_t = λ h_(t-1) + γ B x_t`` with a learned ``λ`` inside the unit circle.
    The recurrence is linear in time, so all steps of a history are computed at once, in log2(T)
    rounds. Serving a user costs one multiplication per event.

    Args:
        dim: width of an item vector and of the interest, D = H.
        layers: number of blocks.
        state_dim: complex width of the recurrence, N; ``dim`` if None.
        dropout: dropout probability of the inputs and of the outputs that each block adds.
        time_gap: whether the seconds since the user's previous event are an input.
        gap_dropout: see :class:`GRUInterest`.
        num_event_types: number of known event types; 0 for events without a type.
        negative_types: event types that say no, see :class:`mmrec.interest.EventInputs`.

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
    """None: the state of a recurrence has no limit of events."""

    def __init__(
        self,
        dim: int,
        *,
        layers: int = 2,
        state_dim: int | None = None,
        dropout: float = 0.0,
        time_gap: bool = False,
        gap_dropout: float = 0.1,
        num_event_types: int = 0,
        negative_types: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        state_dim = dim if state_dim is None else state_dim
        if min(dim, layers, state_dim) < 1 or num_event_types < 0:
            raise ValueError(
                "LinearRecurrentInterest expects positive dim, layers and state_dim and "
                f"num_event_types of 0 or more; got {dim}, {layers}, {state_dim}, {num_event_types}"
            )
        self.dim = self.interest_dim = dim
        self.state_dim = state_dim
        self.inputs = EventInputs(
            dim,
            dropout=dropout,
            time_gap=time_gap,
            gap_dropout=gap_dropout,
            num_event_types=num_event_types,
            negative_types=negative_types,
        )
        self.blocks = nn.ModuleList(RecurrentBlock(dim, state_dim, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)

    def forward(
        self,
        vectors: Float[Tensor, "B T D"],
        mask: Bool[Tensor, "B T"],
        gap: Float[Tensor, "B T"] | None = None,
        event_type: Int[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B T H"]:
        """Return the interest after each event; see :meth:`GRUInterest.forward`."""
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
        """Return the state of users without events: zeros, by default like the weights."""
        interest = self.norm.weight.new_zeros((batch_size, self.dim), device=device, dtype=dtype)
        shape = (len(self.blocks), batch_size, self.state_dim)
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
        """Return the state after one more event of each user; arguments as in :meth:`forward`."""
        states = self.inputs.of_events(state.interest.shape[0], vectors, gap, event_type)
        memories = []
        for block, before in zip(self.blocks, state.memory, strict=True):
            memory, states = cast(RecurrentBlock, block).step(before, states)
            memories.append(memory)
        return RecurrentState(torch.stack(memories), self.norm(states))

    def readout(self, state: RecurrentState) -> Float[Tensor, "B H"]:
        """Return the interest of a state; zeros where there is no event."""
        return state.interest


class RecurrentBlock(nn.Module):
    """The recurrence, then a two-layer network; both are residual and pre-norm."""

    def __init__(self, dim: int, state_dim: int, dropout: float) -> None:
        super().__init__()
        self.norm, self.feed_forward_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.input_proj = nn.Linear(dim, 2 * state_dim)
        self.output_proj = nn.Linear(2 * state_dim, dim)
        self.feed_forward = nn.Sequential(
            nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim)
        )
        self.dropout = Dropout(dropout)
        # |λ| between .8 and .99: a memory of five to a hundred events.
        radius = torch.empty(state_dim).uniform_(0.8**2, 0.99**2).sqrt()
        self.decay = nn.Parameter((-radius.log()).log())
        self.angle = nn.Parameter(torch.rand(state_dim) * math.pi / 10)

    def forward(self, states: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """Return the states after the block, for all steps at once."""
        return self._finish(states, scan(self._recurrence_inputs(states), self._log_rate()))

    def step(
        self, before: Complex[Tensor, "B N"], states: Float[Tensor, "B D"]
    ) -> tuple[Complex[Tensor, "B N"], Float[Tensor, "B D"]]:
        """Return the memory after one more step, and the states after the block."""
        memory = before * self._log_rate().exp() + self._recurrence_inputs(states)
        return memory, self._finish(states, memory)

    def _log_rate(self) -> Complex[Tensor, " N"]:
        # The real part is negative whatever is learned, so |λ| stays below 1.
        return torch.complex(-at_least_float32(self.decay).exp(), at_least_float32(self.angle))

    def _recurrence_inputs(self, states: Tensor) -> Tensor:
        real, imaginary = at_least_float32(self.input_proj(self.norm(states))).chunk(2, dim=-1)
        # γ = √(1 - |λ|²) keeps the memory at the scale of its inputs (arXiv 2303.06349).
        scale = (-torch.expm1(-2 * at_least_float32(self.decay).exp())).clamp(min=1e-6).sqrt()
        return torch.complex(real * scale, imaginary * scale)

    def _finish(self, states: Tensor, memory: Tensor) -> Tensor:
        flat = torch.cat([memory.real, memory.imag], dim=-1).to(states.dtype)
        states = states + self.dropout(self.output_proj(flat))
        added: Tensor = states + self.dropout(self.feed_forward(self.feed_forward_norm(states)))
        return added


def scan(
    inputs: Complex[Tensor, "B T N"], log_rate: Complex[Tensor, " N"]
) -> Complex[Tensor, "B T N"]:
    """Return ``h_t = exp(log_rate) h_(t-1) + x_t`` for all t.

    It takes log2(T) rounds, each of which doubles how many steps back are included.

    Example:
        >>> ones = torch.ones(1, 3, 1, dtype=torch.complex64)
        >>> scan(ones, torch.tensor([0.5 + 0j]).log()).real.flatten()
        tensor([1.0000, 1.5000, 1.7500])
    """
    memory: Tensor = _Scan.apply(inputs, log_rate.exp())
    return memory


class _Scan(torch.autograd.Function):
    """Saves only the last round for the backward pass; autograd would save and pad every round."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, rate: Tensor) -> Tensor:
        memory = _doubled(inputs, rate)
        ctx.save_for_backward(memory, rate)
        return memory

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        memory, rate = ctx.saved_tensors
        # The gradient of the inputs is the same recurrence, run backward from the end.
        input_grad = _doubled(grad.flip(1), rate.conj()).flip(1)
        return input_grad, (input_grad[:, 1:] * memory[:, :-1].conj()).sum((0, 1))


def _doubled(inputs: Tensor, rate: Tensor) -> Tensor:
    memory, reach = inputs.clone(), 1
    while reach < inputs.shape[1]:
        # The product is a new tensor, so no value is read after it was overwritten.
        memory[:, reach:] += memory[:, :-reach] * rate
        rate, reach = rate * rate, 2 * reach
    return memory
