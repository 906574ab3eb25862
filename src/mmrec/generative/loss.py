"""The loss of codes that are written one after the other."""

from collections.abc import Sequence

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, stack

from mmrec.layers import at_least_float32


def code_loss(
    logits: Sequence[Float[Tensor, "B _"]], codes: Int[Tensor, "B L"]
) -> Float[Tensor, ""]:
    """Return the mean of ``-log p(item)``, the sum of the cross-entropies of its codes.

    Args:
        logits: of the codes of each level, given the codes before.
        codes: of the items, all real.

    Raises:
        ValueError: there are other levels than codes.

    References:
        Rajput et al., "Recommender systems with generative retrieval" (2023), arXiv 2305.05065.

    Example:
        >>> from torch import tensor, zeros
        >>> round(code_loss([zeros(1, 4), zeros(1, 2)], tensor([[3, 0]])).item(), 3)  # log 8
        2.079
    """
    if len(logits) != codes.shape[1]:
        raise ValueError(
            f"code_loss expects logits of {codes.shape[1]} levels, one a code; got {len(logits)}"
        )
    losses = [
        F.cross_entropy(at_least_float32(level), codes[:, place])
        for place, level in enumerate(logits)
    ]
    return stack(losses).sum()
