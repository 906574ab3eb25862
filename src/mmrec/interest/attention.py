"""SASRec: causal self-attention over a user's last events."""

from collections.abc import Sequence
from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mmrec.cpu import Dropout
from mmrec.interest.causal import attention_at, causal_attention
from mmrec.interest.windowed import WindowedInterest
from mmrec.layers import record_init_args


@record_init_args
class SelfAttentionInterest(WindowedInterest):
    """Pre-norm transformer blocks with a causal mask and learned positions.

    The state is the last ``window`` events, and the interest is a function of them alone: reading
    it out costs a pass over the window. Positions count from the oldest of these events.

    Args:
        dim: width of an item vector and of the interest, D = H.
        layers: number of blocks.
        heads: attention heads; must divide ``dim``.
        window: events that are attended to, W.
        dropout: dropout probability of the inputs and of the outputs that each block adds.
        time_gap: whether the seconds since the user's previous event are an input.
        gap_dropout: see :class:`GRUInterest`.
        num_event_types: number of known event types; 0 for events without a type.
        negative_types: event types that say no, see :class:`mmrec.interest.EventInputs`.

    Raises:
        ValueError: a size is not positive, or ``heads`` does not divide ``dim``.

    References:
        Kang and McAuley, "Self-Attentive Sequential Recommendation" (arXiv 1808.09781). There
        histories are padded on the left, so that positions count from the newest event. Here they
        count from the oldest, so that the interest after an event does not depend on how many
        follow. The residuals are those of the paper, ``x + f(norm(x))``; in the authors' code they
        are ``norm(x) + f(norm(x))``, and keys and values are made of ``x``. The projection of the
        heads and the norm after the last block are not in the paper's formula.

    Example:
        >>> interest = SelfAttentionInterest(8, window=4).eval()
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
        self.positions = nn.Parameter(torch.randn(window, dim) * 0.02)
        self.blocks = nn.ModuleList(_Block(dim, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)

    def attend_last(
        self, kept: Float[Tensor, "B T K"], place: Int[Tensor, " B"]
    ) -> Float[Tensor, "B H"]:
        """Return the interest after one event of each row."""
        states = self._placed(kept)
        for block in self.blocks[:-1]:
            states = block(states)
        normed: Tensor = self.norm(cast(_Block, self.blocks[-1]).at(states, place))
        return normed

    def attend(self, kept: Float[Tensor, "B T K"]) -> Float[Tensor, "B T H"]:
        """Return the interest after each event of a window."""
        # Padding is on the right, so the causal mask hides it from all events.
        states = self._placed(kept)
        for block in self.blocks:
            states = block(states)
        normed: Tensor = self.norm(states)
        return normed

    def _placed(self, inputs: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        return inputs + self.positions[: inputs.shape[1]]


class _Block(nn.Module):
    """Attention, then a two-layer network; both are residual and pre-norm."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm, self.feed_forward_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.output_proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.feed_forward = nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim))
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
        states = states + self.dropout(self.output_proj(attended))
        added: Tensor = states + self.dropout(self.feed_forward(self.feed_forward_norm(states)))
        return added
