"""The rank of a target among the whole catalogue."""

import torch
from jaxtyping import Bool, Int, Shaped
from torch import Tensor


def rank_of_target(
    scores: Shaped[Tensor, "B items"],
    target: Int[Tensor, " B"],
    exclude: Bool[Tensor, "B items"] | None = None,
) -> Int[Tensor, " B"]:
    """Return 1 + the number of other items that score at least as high as the target.

    Ties count against the model: one that gives every item the same score ranks every target last.

    Args:
        scores: one column per item, ``(B, V + 1)``; column 0 is padding and never counts.
        target: the item of each row, 1 to V, ``(B,)``.
        exclude: True for items that are not ranked, such as seen items, ``(B, V + 1)``.

    Returns:
        Ranks from 1 (best) to V, ``(B,)``; V + 1, a miss, where the target itself is excluded.

    Raises:
        ValueError: a score is NaN, a target is not in 1..V, or the shapes disagree.

    Example:
        >>> scores = torch.tensor([[9.0, 0.3, 0.2, 0.2, 0.1]])
        >>> rank_of_target(scores, torch.tensor([2]))  # item 1 is better, item 3 ties
        tensor([3])
        >>> seen = torch.tensor([[False, True, False, False, False]])
        >>> rank_of_target(scores, torch.tensor([2]), exclude=seen)
        tensor([2])
    """
    _check(scores, target, exclude)
    column = target.long().unsqueeze(1)
    # As floats: a sum of these is several times faster than one of booleans.
    beats = torch.empty(scores.shape, dtype=_counting(scores), device=scores.device)
    torch.ge(scores, scores.gather(1, column), out=beats)
    if exclude is not None:
        beats.masked_fill_(exclude, 0)
    beats[:, 0] = 0
    beats.scatter_(1, column, 0)
    ranks = 1 + beats.sum(1).long()
    if exclude is not None:
        ranks = torch.where(exclude.gather(1, column).squeeze(1), scores.shape[1], ranks)
    return ranks


def _counting(scores: Tensor) -> torch.dtype:
    """Return a float type that counts all items exactly."""
    return torch.float32 if scores.shape[1] < 2**24 else torch.float64


def _check(scores: Tensor, target: Tensor, exclude: Tensor | None) -> None:
    if scores.ndim != 2 or target.shape != scores.shape[:1]:
        raise ValueError(
            "rank_of_target expects scores (B, V+1) and target (B,); "
            f"got {tuple(scores.shape)} and {tuple(target.shape)}"
        )
    if exclude is not None and exclude.shape != scores.shape:
        raise ValueError(
            f"exclude must have the shape of scores, {tuple(scores.shape)}; "
            f"got {tuple(exclude.shape)}"
        )
    last = scores.shape[1] - 1
    outside = (target < 1) | (target > last)
    if outside.any():
        raise ValueError(f"target must hold items from 1 to {last}; got {int(target[outside][0])}")
    # A sum is cheaper than a test of each score. It is also NaN for inf and -inf, so test then.
    if not scores[:, 1:].sum().isnan():
        return
    nan = scores[:, 1:].isnan()
    if nan.any():
        row, item = nan.nonzero()[0].tolist()
        raise ValueError(
            f"rank_of_target expects numbers; got {int(nan.sum())} NaN scores, "
            f"the first in row {row}, item {item + 1}"
        )
