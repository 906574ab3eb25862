"""DIN: the interest in a candidate, from the events of the user that resemble it."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from mmrec.interest.inputs import EventInputs
from mmrec.layers import check_shape, record_init_args

PAIRS = 2**17
"""Pairs of an event and a candidate that are looked at at once: 64 MiB for a width of 128."""


@record_init_args
class DINInterest(nn.Module):
    """A sum of a user's events, weighted by what each has to do with the candidate.

    A small network, the activation unit, reads an event, the candidate, their difference and their
    product, and gives the weight of the event. Weights are not normalized, so a user who has done
    much of the candidate's kind has a larger interest in it. The interest of a user without events
    is zero. The order of the events has no effect, except for times and types that are inputs.

    Each pair of an event and a candidate is looked at: the cost is that of ``T · N`` pairs, and
    no state can be kept. So it ranks short lists, and no index finds its best items. Candidates are
    looked at in parts, so that without gradients the memory for pairs is bounded.

    Args:
        dim: width of an item vector and of the interest, D = H.
        hidden: width of the hidden layer of the activation unit.
        dropout: dropout probability of the inputs.
        time_gap: whether the seconds since the user's previous event are an input.
        gap_dropout: see :class:`GRUInterest`.
        num_event_types: number of known event types; 0 for events without a type.
        negative_types: event types that say no, see :class:`mmrec.interest.EventInputs`.

    Raises:
        ValueError: a size is not positive.

    References:
        Zhou et al., "Deep Interest Network for Click-Through Rate Prediction" (arXiv 1706.06978),
        with PReLU as the activation. Dice, the other one there, depends on the batch.

    Example:
        >>> import torch
        >>> interest, mask = DINInterest(8), torch.tensor([[True, True, False]])
        >>> events, candidates = torch.randn(1, 3, 8), torch.randn(1, 5, 8)
        >>> interest.toward(candidates, events, mask).shape  # (B, N, H)
        torch.Size([1, 5, 8])
    """

    def __init__(
        self,
        dim: int,
        *,
        hidden: int = 36,
        dropout: float = 0.0,
        time_gap: bool = False,
        gap_dropout: float = 0.1,
        num_event_types: int = 0,
        negative_types: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        if min(dim, hidden) < 1:
            raise ValueError(f"DINInterest expects positive dim and hidden; got {dim} and {hidden}")
        self.dim = self.interest_dim = dim
        self.inputs = EventInputs(
            dim,
            dropout=dropout,
            time_gap=time_gap,
            gap_dropout=gap_dropout,
            num_event_types=num_event_types,
            negative_types=negative_types,
        )
        # One layer of [event; candidate; event - candidate; event · candidate], in parts: what is
        # linear in one of the two, the difference too, is computed once for each of them.
        self.event, self.candidate = nn.Linear(dim, hidden), nn.Linear(dim, hidden, bias=False)
        self.product = nn.Linear(dim, hidden, bias=False)
        self.activation, self.weight = nn.PReLU(), nn.Linear(hidden, 1)

    def toward(
        self,
        candidates: Float[Tensor, "B N D"],
        vectors: Float[Tensor, "B T D"],
        mask: Bool[Tensor, "B T"],
        gap: Float[Tensor, "B T"] | None = None,
        event_type: Int[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B N H"]:
        """Return the interest in each candidate; see :class:`TargetAwareInterest`.

        Raises:
            ValueError: a gap or type is needed and missing, a row is padded on the left, or shapes
                disagree.
        """
        events = self.inputs.of_histories(vectors, mask, gap, event_type)
        users = events.shape[0]
        check_shape("DINInterest expects candidates", candidates, (users, "candidates", self.dim))
        at_once = max(PAIRS // max(mask.numel(), 1), 1)
        parts = [self._weights(part, events) for part in candidates.split(at_once, dim=1)]
        weights = torch.cat(parts, dim=1).masked_fill(~mask.unsqueeze(1), 0).to(events.dtype)
        interest: Tensor = weights @ events
        return interest

    def _weights(
        self, candidates: Float[Tensor, "B N D"], events: Float[Tensor, "B T D"]
    ) -> Float[Tensor, "B N T"]:
        """Return the weight of each event for each candidate."""
        pairs = candidates.unsqueeze(2) * events.unsqueeze(1)  # (B, N, T, D)
        hidden = self.event(events).unsqueeze(1) + self.candidate(candidates).unsqueeze(2)
        weights: Tensor = self.weight(self.activation(hidden + self.product(pairs)))
        return weights.squeeze(-1)
