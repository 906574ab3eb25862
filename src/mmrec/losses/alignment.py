"""Two views of one item should be near each other, and far from those of other items."""

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
    """Symmetric InfoNCE: each item must find its second view by its first, and the reverse.

    Args:
        first: one vector an item, for example of its text; any length, cosines are compared.
        second: the other vector of the same items, for example of their images.
        present: True where an item has both; the other rows change nothing.
        temperature: divides the cosines; positive.

    Returns:
        A scalar, the mean of both directions; zero, with a graph, if fewer than two rows are
        present, since one item alone has nothing to be told apart from.

    Raises:
        ValueError: if the temperature is not positive, or the shapes disagree.

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
