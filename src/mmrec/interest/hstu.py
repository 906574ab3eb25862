"""HSTU: gated attention without a softmax, with a bias for place and time."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn

from mmrec.cpu import Dropout
from mmrec.interest.windowed import WindowedInterest, WindowState
from mmrec.layers import at_least_float32, record_init_args

BUCKETS = 128
"""Buckets of the time between two events; each ends at 1.35 times the seconds it begins with."""

WIDTH = 0.301
"""Width of a bucket, as a natural logarithm of seconds."""


@record_init_args
class HSTUInterest(WindowedInterest):
    """Hierarchical sequential transduction units over a user's last events.

    In a unit, an event attends to itself and to those before it by ``silu(q · k + bias)`` instead
    of a softmax, so that the number of similar events counts, not their share alone. The bias
    depends on how many events lie between, and with ``time_gap`` on the time between. What was
    attended to is normalized, gated by the event, and added to it.

    The state is the last ``window`` events with their time gaps, and the interest is a function of
    them alone. The weights of all pairs of events are kept in memory. Histories that are longer
    than the window take much of it in training, since each later event has a window of its own.

    Args:
        dim: width of an item vector and of the interest, D = H.
        layers: number of units.
        heads: attention heads; must divide ``dim``.
        window: events that are attended to, W.
        dropout: dropout probability of the inputs and of what each unit adds.
        time_gap: whether the seconds since the user's previous event are an input, and the time
            between two events a bias.
        gap_dropout: see :class:`GRUInterest`.
        num_event_types: number of known event types; 0 for events without a type.
        negative_types: event types that say no, see :class:`mmrec.interest.EventInputs`.

    Raises:
        ValueError: a size is not positive, or ``heads`` does not divide ``dim``.

    References:
        Zhai et al., "Actions Speak Louder than Words: Trillion-Parameter Sequential Transducers for
        Generative Recommendations" (arXiv 2402.17152). The authors' code divides the sum by the
        longest length. Here it is divided by the number of events that are attended to, since the
        norm after it would take the small sums of short histories for noise. Their bias for time is
        for the time from an event to the one after the attending event, the target in training.
        Here it is for the time between the two events, so that a state needs no time of a request.
        They add learned positions to the inputs; here the bias alone tells places apart. The norm
        after the last unit is ours.

    Example:
        >>> interest = HSTUInterest(8, window=4).eval()
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
            dim + 1,
            layers=layers,
            heads=heads,
            window=window,
            dropout=dropout,
            time_gap=time_gap,
            gap_dropout=gap_dropout,
            num_event_types=num_event_types,
            negative_types=negative_types,
        )
        self.timed = time_gap
        self.units = nn.ModuleList(
            _Unit(dim, heads, window, time_gap, dropout) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(dim)

    def kept_of(
        self, inputs: Float[Tensor, "*B D"], gap: Float[Tensor, "*B"] | None
    ) -> Float[Tensor, "*B K"]:
        """Return inputs and gaps."""
        # Seconds in half precision would be rounded, so the result is wider then.
        known = torch.full_like(inputs[..., 0], -1.0) if gap is None else at_least_float32(gap)
        return torch.cat([inputs, known.unsqueeze(-1)], dim=-1)

    def initial_state(
        self,
        batch_size: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> WindowState:
        """Return the state of users without events, in float32 or wider, to hold seconds."""
        wanted = self.norm.weight.dtype if dtype is None else dtype
        wide = torch.promote_types(wanted, torch.float32)
        return super().initial_state(batch_size, device=device, dtype=wide)

    def attend(self, kept: Float[Tensor, "B T K"]) -> Float[Tensor, "B T H"]:
        """Return the interest after each event of a window."""
        states = kept[..., :-1].to(self.norm.weight.dtype)
        elapsed = _elapsed(kept[..., -1]) if self.timed else None
        for unit in self.units:
            states = unit(states, elapsed)
        normed: Tensor = self.norm(states)
        return normed

    def attend_last(
        self, kept: Float[Tensor, "B T K"], place: Int[Tensor, " B"]
    ) -> Float[Tensor, "B H"]:
        """Return the interest after one event of each row."""
        return self.attend(kept)[torch.arange(len(place), device=place.device), place]


class _Unit(nn.Module):
    """One unit: attention without a softmax, gated and residual."""

    def __init__(self, dim: int, heads: int, window: int, timed: bool, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm, self.attended_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.uvqk, self.output_proj = nn.Linear(dim, 4 * dim), nn.Linear(dim, dim)
        self.place = nn.Parameter(torch.randn(window) * 0.02)
        self.time = nn.Parameter(torch.randn(BUCKETS + 1) * 0.02) if timed else None
        self.dropout = Dropout(dropout)

    def forward(
        self, states: Float[Tensor, "B T D"], elapsed: Int[Tensor, "B T T"] | None
    ) -> Float[Tensor, "B T D"]:
        """Return the states after the unit."""
        gate, value, query, key = F.silu(self.uvqk(self.norm(states))).chunk(4, dim=-1)
        query, key, value = (
            rearrange(part, "b t (h d) -> b h t d", h=self.heads) for part in (query, key, value)
        )
        steps = torch.arange(states.shape[1], device=states.device)
        before = steps.unsqueeze(1) - steps
        bias = self.place[before.clamp(min=0)]
        if self.time is not None and elapsed is not None:
            bias = bias + F.embedding(elapsed, self.time.unsqueeze(1)).squeeze(-1).unsqueeze(1)
        weights = F.silu(query @ key.mT + bias).masked_fill(before < 0, 0.0)
        attended = (weights / (steps + 1).unsqueeze(-1)).to(value.dtype) @ value
        attended = rearrange(attended.to(gate.dtype), "b h t d -> b t (h d)")
        added: Tensor = self.dropout(self.output_proj(self.attended_norm(attended) * gate))
        return states + added


def _elapsed(gap: Float[Tensor, "B T"]) -> Int[Tensor, "B T T"]:
    """Return the bucket of the time from each event (columns) to each (rows); 0 if unknown.

    A gap is the seconds since the event before, negative where it is unknown.
    """
    unknown = (gap < 0).long().cumsum(1)
    time = gap.clamp(min=0).double().cumsum(1)
    seconds = (time.unsqueeze(2) - time.unsqueeze(1)).clamp(min=1)
    bucket = (seconds.log() / WIDTH).long().clamp(0, BUCKETS - 1) + 1
    return bucket.masked_fill(unknown.unsqueeze(2) != unknown.unsqueeze(1), 0)
