"""LiGR: causal self-attention whose residuals are gated, as in eSASRec."""

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from mmrec.cpu import Dropout
from mmrec.interest.causal import attention_at, causal_attention
from mmrec.interest.windowed import WindowedInterest
from mmrec.layers import record_init_args


@record_init_args
class LiGRInterest(WindowedInterest):
    """Pre-norm transformer blocks with gated residuals, a causal mask and learned positions.

    Each sublayer adds ``sigmoid(W x) · f(norm(x))`` to its input ``x``, so that an event decides
    how much it takes in. The second sublayer is a SwiGLU, ``down(silu(gate(x)) · up(x))``. The
    state and what it costs are those of :class:`SelfAttentionInterest`.

    Args:
        dim: width of an item vector and of the interest, D = H.
        layers: number of blocks.
        heads: attention heads; must divide ``dim``.
        window: events that are attended to, W.
        expansion: width of the SwiGLU, in multiples of ``dim``.
        dropout: dropout probability of the inputs and of the outputs that are gated.
        time_gap: whether the seconds since the user's previous event are an input.
        gap_dropout: see :class:`GRUInterest`.
        num_event_types: number of known event types; 0 for events without a type.
        negative_types: event types that say no, see :class:`mmrec.interest.EventInputs`.

    Raises:
        ValueError: a size is not positive, or ``heads`` does not divide ``dim``.

    References:
        Borisyuk et al., "From Features to Transformers: Redefining Ranking for Scalable Impact"
        (arXiv 2502.03417), whose layers are those of "eSASRec: Enhancing Transformer-based
        Recommendations in a Modular Fashion" (arXiv 2508.06450). Here a norm follows the last
        block, and positions count from the oldest event, as in :class:`SelfAttentionInterest`;
        eSASRec's code has no such norm, and counts from the newest. SwiGLU: Shazeer, "GLU Variants
        Improve Transformer" (arXiv 2002.05202).

    Example:
        >>> interest = LiGRInterest(8, window=4).eval()
        >>> vectors, mask = torch.randn(1, 3, 8), torch.tensor([[True, True, False]])
        >>> states = interest(vectors, mask)  # (B, T, H)
        >>> state = interest.initial_state(1)
        >>> for t in range(2):
        ...     state = interest.step(state, vectors[:, t])
        >>> torch.allclose(interest.readout(state), states[:, 1], atol=1e-6)
        True
    """

    def __init__(
        self,
        dim: int,
        *,
        layers: int = 2,
        heads: int = 2,
        window: int = 200,
        expansion: int = 4,
        dropout: float = 0.0,
        time_gap: bool = False,
        gap_dropout: float = 0.1,
        num_event_types: int = 0,
        negative_types: Sequence[int] | None = None,
    ) -> None:
        super().__init__(
            dim,
            dim,
            layers=layers,
            heads=heads,
            window=window,
            dropout=dropout,
            time_gap=time_gap,
            gap_dropout=gap_dropout,
            num_event_types=num_event_types,
            negative_types=negative_types,
        )
        if expansion < 1:
            raise ValueError(f"LiGRInterest expects expansion of 1 or more; got {expansion}")
        self.positions = nn.Parameter(torch.randn(window, dim) * 0.02)
        self.blocks = nn.ModuleList(
            _GatedBlock(dim, heads, expansion * dim, dropout) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(dim)

    def attend(self, kept: Float[Tensor, "B T K"]) -> Float[Tensor, "B T H"]:
        """Return the interest after each event of a window."""
        # Padding is on the right, so the causal mask hides it from all events.
        states = kept + self.positions[: kept.shape[1]]
        for block in self.blocks:
            states = block(states)
        normed: Tensor = self.norm(states)
        return normed

    def attend_last(
        self, kept: Float[Tensor, "B T K"], place: Int[Tensor, " B"]
    ) -> Float[Tensor, "B H"]:
        """Return the interest after one event of each row."""
        states = kept + self.positions[: kept.shape[1]]
        for block in self.blocks[:-1]:
            states = block(states)
        normed: Tensor = self.norm(cast(_GatedBlock, self.blocks[-1]).at(states, place))
        return normed


class _GatedBlock(nn.Module):
    """Attention, then a SwiGLU; both are pre-norm, and gated by their input."""

    def __init__(self, dim: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm, self.feed_forward_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention_gate, self.feed_forward_gate = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.qkv, self.output_proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.gate_and_up = nn.Linear(dim, 2 * hidden, bias=False)
        self.down = nn.Linear(hidden, dim, bias=False)
        self.dropout = Dropout(dropout)

    def forward(self, states: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """Return the states after the block."""
        events = self.attention_norm(states)
        return self._finish(states, causal_attention(events, self.qkv, self.heads))

    def at(self, states: Float[Tensor, "B T D"], step: Int[Tensor, " B"]) -> Float[Tensor, "B D"]:
        """Return the block's output at one step of each row."""
        rows = torch.arange(len(step), device=step.device)
        attended = attention_at(self.attention_norm(states), step, self.qkv, self.heads)
        return self._finish(states[rows, step], attended)

    def _finish(
        self, states: Float[Tensor, "*B D"], attended: Float[Tensor, "*B D"]
    ) -> Float[Tensor, "*B D"]:
        taken = self.attention_gate(states).sigmoid()
        states = states + taken * self.dropout(self.output_proj(attended))
        gate, up = self.gate_and_up(self.feed_forward_norm(states)).chunk(2, dim=-1)
        taken = self.feed_forward_gate(states).sigmoid()
        added: Tensor = states + taken * self.dropout(self.down(F.silu(gate) * up))
        return added
