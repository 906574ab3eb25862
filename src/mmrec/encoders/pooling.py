"""Pooling: the vectors of a text's tokens become one vector."""

from math import sqrt

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mmrec.layers import at_least_float32, masked_mean, masked_softmax

POOLINGS = ("cls", "mean", "max", "last", "attention")


def pool(
    hidden: Float[Tensor, "n L dim"],
    mask: Bool[Tensor, "n L"],
    pooling: str,
    query: Float[Tensor, " dim"] | None = None,
) -> Float[Tensor, "n dim"]:
    """Return the pooled token vectors; zeros for a text without tokens.

    Args:
        hidden: one vector per token.
        mask: True for real tokens; the vectors of others change nothing.
        pooling: "cls" takes the first position and "last" the last real token, "mean" the mean and
            "max" the maximum of each column, "attention" the mean weighted by
            ``softmax(hidden @ query / sqrt(dim))``.
        query: the learned query of "attention".

    Raises:
        ValueError: the pooling is unknown, or "attention" has no query.

    Example:
        >>> hidden = torch.tensor([[[1.0], [3.0], [torch.nan]]])
        >>> pool(hidden, torch.tensor([[True, True, False]]), "mean")
        tensor([[2.]])
    """
    real = mask.unsqueeze(-1)
    hidden = at_least_float32(hidden).masked_fill(~real, 0)
    if pooling == "cls":
        return hidden[:, 0]
    if pooling == "last":
        places = torch.arange(mask.shape[1], device=mask.device).where(mask, 0).amax(dim=1)
        return hidden[torch.arange(len(hidden), device=hidden.device), places]
    if pooling == "mean":
        return masked_mean(hidden, real, dim=1)
    if pooling == "max":
        lowest = torch.finfo(hidden.dtype).min
        highest = hidden.masked_fill(~real, lowest).amax(dim=1)
        return highest.masked_fill(~mask.any(dim=1, keepdim=True), 0)
    if pooling == "attention" and query is not None:
        weights = masked_softmax((hidden * query).sum(dim=-1) / sqrt(hidden.shape[-1]), mask)
        return (weights.unsqueeze(-1) * hidden).sum(dim=1)
    raise ValueError(f"pooling expects one of {', '.join(POOLINGS)}; got {pooling!r}")
