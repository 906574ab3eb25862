"""NRMS: self-attention between a user's last events, then additive attention over its outputs."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mmrec.interest.additive import pooled_so_far
from mmrec.interest.causal import causal_attention
from mmrec.interest.windowed import WindowedInterest
from mmrec.layers import AdditiveAttention, record_init_args


@record_init_args
class NRMSInterest(WindowedInterest):
    """A weighted mean of what the last events of a user attend to.

    One layer of multi-head self-attention relates the events to one another, without positions,
    norms or residuals; additive attention pools its outputs. The state is the last ``window``
    events, and the interest is a function of them alone.

    Args:
        dim: width of an item vector and of the interest, D = H.
        heads: attention heads; must divide ``dim``.
        hidden: width of the query of the additive attention; ``dim`` if None.
        window: events that are attended to, W.
        dropout: dropout probability of the inputs.
        time_gap: whether the seconds since the user's previous event are an input.
        gap_dropout: see :class:`GRUInterest`.
        num_event_types: number of known event types; 0 for events without a type.
        negative_types: event types that say no, see :class:`mmrec.interest.EventInputs`.

    Raises:
        ValueError: a size is not positive, or ``heads`` does not divide ``dim``.

    References:
        The user encoder of Wu et al., "Neural News Recommendation with Multi-Head Self-Attention"
        (NRMS, EMNLP 2019). There an event attends to later ones too. Here it attends to itself and
        those before it, so that one pass trains the interest after every event: two events are
        still related, by the later of them.

    Example:
        >>> interest = NRMSInterest(8, window=4).eval()
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
        heads: int = 2,
        hidden: int | None = None,
        window: int = 50,
        dropout: float = 0.0,
        time_gap: bool = False,
        gap_dropout: float = 0.1,
        num_event_types: int = 0,
        negative_types: Sequence[int] | None = None,
    ) -> None:
        super().__init__(
            dim,
            dim,
            layers=1,
            heads=heads,
            window=window,
            dropout=dropout,
            time_gap=time_gap,
            gap_dropout=gap_dropout,
            num_event_types=num_event_types,
            negative_types=negative_types,
        )
        self.heads = heads
        self.qkv, self.pool = nn.Linear(dim, 3 * dim), AdditiveAttention(dim, hidden)

    def attend(self, kept: Float[Tensor, "B T K"]) -> Float[Tensor, "B T H"]:
        """Return the interest after each event of a window."""
        # Padding is on the right, so the causal mask hides it from all events.
        return pooled_so_far(self.pool, causal_attention(kept, self.qkv, self.heads))

    def attend_last(
        self, kept: Float[Tensor, "B T K"], place: Int[Tensor, " B"]
    ) -> Float[Tensor, "B H"]:
        """Return the interest after one event of each row."""
        attended = causal_attention(kept, self.qkv, self.heads)
        past = torch.arange(kept.shape[1], device=place.device) <= place.unsqueeze(1)
        pooled: Tensor = self.pool(attended, past)
        return pooled
