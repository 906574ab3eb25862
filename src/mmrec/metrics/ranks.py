"""The rank of a target among the whole catalogue."""

import torch
from jaxtyping import Bool, Int, Shaped
from torch import Tensor


def rank_of_target(
    scores: Shaped[Tensor, "B items"],
    target: Int[Tensor, " B"],
    exclude: Bool[Tensor, "B items"] | None = None,
) -> Int[Tensor, " B"]:
    """1 + how many other items score at least as high as the target: ties count against the model.

    A model that gives every item the same score therefore ranks every target last.

    Args:
        scores: (B, V+1), one column an item; column 0 is padding and never counts.
        target: each row's item, 1 to V.
        exclude: True for items that are not to be ranked, for example those the user has seen.

    Returns:
        Ranks from 1 (best) to V; V+1, a miss, where the target itself is excluded.

    Raises:
        ValueError: if a score is NaN, a target is not in 1..V, or the shapes disagree.

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
    # Written as numbers, not as truth values: these are added up several times faster.
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
    """A type that counts all the items without an error."""
    return torch.float32 if scores.shape[1] < 2**24 else torch.float64


def _check(scores: Tensor, target: Tensor, exclude: Tensor | None) -> None:
    if scores.ndim != 2 or target.shape != scores.shape[:1]:
        raise ValueError(
            "rank_of_target expects scores (B, V+1) and target (B,); "
            f"got {tuple(scores.shape)} and {tuple(target.shape)}"
        )
    if exclude is not None and exclude.shape != scores.shape:
        raise ValueError(
            f"exclude expects the shape of scores, {tuple(scores.shape)}; "
            f"got {tuple(exclude.shape)}"
        )
    last = scores.shape[1] - 1
    outside = (target < 1) | (target > last)
    if outside.any():
        raise ValueError(
            f"a target expects an item from 1 to {last}; got {int(target[outside][0])}"
        )
    # A sum is cheaper than a look at each; that of inf and -inf is NaN too, which the look tells.
    if not scores[:, 1:].sum().isnan():
        return
    nan = scores[:, 1:].isnan()
    if nan.any():
        row, item = nan.nonzero()[0].tolist()
        raise ValueError(
            f"rank_of_target expects numbers; got {int(nan.sum())} NaN scores, "
            f"the first in row {row}, item {item + 1}"
        )
