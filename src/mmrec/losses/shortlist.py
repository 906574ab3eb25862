"""The loss of a reranker: the target against the best candidates of the retrieval scorer."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mmrec.layers import at_least_float32
from mmrec.losses.negatives import candidate_slots, check_shapes


@torch.no_grad()
def shortlist(
    logits: Float[Tensor, "N P"],
    target: Int[Tensor, " N"],
    candidates: Bool[Tensor, " P"] | None,
    size: int,
) -> Int[Tensor, "N K1"]:
    """Return for each row the target's slot, then the slots of its ``size`` best negatives.

    A reranker is trained on them, because it will be used on such short lists. There are fewer than
    ``size`` negatives where the pool has fewer candidates. Slot 0, padding, stands for a negative
    that a row lacks.

    Args:
        logits: the retrieval scorer's score of every slot for every row, ``-inf`` for what is on no
            short list.
        target: each row's target slot, never 0. It comes first even if it is not a candidate.
        candidates: slots that may be negatives; None for all. Slot 0 is padding and never is.
        size: number of negatives, K.

    Raises:
        ValueError: the shapes disagree, or ``size`` is less than 1.

    Example:
        >>> logits = torch.tensor([[9.0, 1.0, 3.0, 2.0]])  # slot 0 is padding
        >>> shortlist(logits, torch.tensor([3]), None, 1)
        tensor([[3, 2]])
    """
    check_shapes(logits, target, candidates)
    if size < 1:
        raise ValueError(f"size must be at least 1; got {size}")
    slots = candidate_slots(logits, candidates)
    first = target.long().unsqueeze(1)
    scores = at_least_float32(logits).masked_fill(~slots, -torch.inf)
    scores = scores.scatter(1, first, -torch.inf)
    # Every row has this many negatives; a row whose target is not a candidate has one more.
    negatives = int(slots.sum()) - int(slots[target].any())
    best = scores.topk(min(size, negatives))
    return torch.cat([first, best.indices.masked_fill(best.values == -torch.inf, 0)], dim=1)


def shortlist_loss(scores: Float[Tensor, "N K1"]) -> Float[Tensor, ""]:
    r"""Return the mean over rows of the negative log-likelihood of the first column.

    .. math:: -r_0 + \log \sum_{j=0}^{K} e^{r_j}

    Args:
        scores: the reranker's scores of short lists in the order of :func:`shortlist`, target
            first; computed in float32 or wider.

    Returns:
        A scalar; zero, with a graph, if there are no rows.

    References:
        Covington et al., "Deep Neural Networks for YouTube Recommendations" (RecSys 2016), for
        ranking the candidates that another model retrieved.

    Example:
        >>> shortlist_loss(torch.tensor([[1.0, 1.0, 1.0]]))  # one of three: log 3
        tensor(1.0986)
    """
    first = torch.zeros(len(scores), dtype=torch.long, device=scores.device)
    loss = F.cross_entropy(at_least_float32(scores), first, reduction="sum")
    return loss / max(len(scores), 1)
