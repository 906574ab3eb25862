"""Mean and softmax over the real positions of a tensor, whatever the other positions hold."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mmrec.layers.precision import at_least_float32


def masked_mean(
    values: Float[Tensor, "..."], mask: Bool[Tensor, "..."], dim: int
) -> Float[Tensor, "..."]:
    """Return the mean of ``values`` over ``dim``, of the positions where ``mask`` is True.

    Args:
        values: any shape.
        mask: broadcasts to ``values``; True is real. For vectors (B, T, D) and a mask (B, T),
            pass ``mask.unsqueeze(-1)``.
        dim: the axis to average.

    Returns:
        ``values`` without ``dim``; zero where nothing is real.

    Example:
        >>> values = torch.tensor([[1.0, 3.0, float("nan")], [float("inf"), 5.0, 6.0]])
        >>> mask = torch.tensor([[True, True, False], [False, False, False]])
        >>> masked_mean(values, mask, dim=-1)
        tensor([2., 0.])
    """
    # masked_fill, not a product: 0 × NaN is NaN, in the value and in the gradient.
    total = values.masked_fill(~mask, 0).sum(dim)
    count = mask.expand_as(values).sum(dim).clamp(min=1)
    return total / count


def masked_softmax(
    logits: Float[Tensor, "*shape"], mask: Bool[Tensor, "..."], dim: int = -1
) -> Float[Tensor, "*shape"]:
    """Return the softmax of ``logits`` over the positions of ``dim`` where ``mask`` is True.

    Args:
        logits: any shape; computed in float32 or wider and returned in its own type.
        mask: broadcasts to ``logits``; True is real.
        dim: the axis that sums to one.

    Returns:
        Weights of the shape of ``logits``: zero where masked, all zero where nothing is real.

    Example:
        >>> mask = torch.tensor([[True, True, False], [False, False, False]])
        >>> masked_softmax(torch.tensor([[0.0, 0.0, float("nan")], [1.0, 2.0, 3.0]]), mask)
        tensor([[0.5000, 0.5000, 0.0000],
                [0.0000, 0.0000, 0.0000]])
    """
    masked = at_least_float32(logits).masked_fill(~mask, -torch.inf)
    # A row of -inf alone would give NaN in the backward pass, which anomaly detection reports.
    masked = masked.masked_fill(~mask.any(dim, keepdim=True), 0)
    return masked.softmax(dim).masked_fill(~mask, 0).to(logits.dtype)
