"""The interest after the last event of each history."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mmrec.interest.protocol import Interest, LastInterest


def last_interest(
    interest: Interest,
    vectors: Float[Tensor, "B T D"],
    mask: Bool[Tensor, "B T"],
    gap: Float[Tensor, "B T"] | None = None,
    event_type: Int[Tensor, "B T"] | None = None,
) -> Float[Tensor, "B H"]:
    """Return the interest after the last event, that in the first place where there is none.

    Args:
        interest: the interest model; its ``last`` is called if it has one, since it costs less.
        vectors: item vectors, oldest first, padded on the right, with one place at least.
        mask: True for real events.
        gap: see :class:`Interest`.
        event_type: see :class:`Interest`.

    Example:
        >>> from mmrec.interest import MeanInterest
        >>> mask = torch.tensor([[True, True, False]])
        >>> last_interest(MeanInterest(4), torch.randn(1, 3, 4), mask).shape
        torch.Size([1, 4])
    """
    if isinstance(interest, LastInterest):
        return interest.last(vectors, mask, gap, event_type)
    states = interest(vectors, mask, gap, event_type)
    newest = (mask.sum(1) - 1).clamp(min=0)
    return states[torch.arange(len(newest), device=newest.device), newest]
