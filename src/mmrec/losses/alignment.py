"""Contrastive alignment: the two views of an item are close, those of different items are far."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from mmrec.layers import at_least_float32, full_precision


def alignment_loss(
    first: Float[Tensor, "P D"],
    second: Float[Tensor, "P D"],
    present: Bool[Tensor, " P"],
    temperature: float = 0.07,
) -> Float[Tensor, ""]:
    """Return the symmetric InfoNCE loss between two views of the same items.

    Args:
        first: one vector per item, for example of its text. Vectors are compared by cosine.
        second: another vector of the same items, for example of their images.
        present: True where an item has both; the other rows change nothing.
        temperature: divides the cosines; positive.

    Returns:
        A scalar, the mean of both directions. It is zero, with a graph, if fewer than two rows are
        present, because a contrast needs two items.

    Raises:
        ValueError: the temperature is not positive, or the shapes disagree.

    References:
        Radford et al., "Learning Transferable Visual Models From Natural Language Supervision"
        (arXiv 2103.00020).

    Example:
        >>> views = torch.eye(3)
        >>> both = torch.tensor([True, True, True])
        >>> bool(alignment_loss(views, views, both) < alignment_loss(views, views.roll(1, 0), both))
        True
    """
    if temperature <= 0:
        raise ValueError(f"alignment_loss expects a positive temperature; got {temperature}")
    if first.shape != second.shape or present.shape != first.shape[:1]:
        raise ValueError(
            "alignment_loss expects first and second (P, D) and present (P,); got "
            f"{tuple(first.shape)}, {tuple(second.shape)} and {tuple(present.shape)}"
        )
    first, second = first[present], second[present]
    if len(first) < 2:
        return at_least_float32(first.sum() + second.sum()) * 0
    with full_precision(first):
        first = F.normalize(at_least_float32(first), dim=-1)
        second = F.normalize(at_least_float32(second), dim=-1)
        cosines = first @ second.T.to(first.dtype) / temperature
        same = torch.arange(len(cosines), device=cosines.device)
        return (F.cross_entropy(cosines, same) + F.cross_entropy(cosines.T, same)) / 2
