"""Causal attention of a block, for all events of a window or for one of each row."""

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn


def causal_attention(
    events: Float[Tensor, "B T D"], qkv: nn.Linear, heads: int
) -> Float[Tensor, "B T D"]:
    """Return what each event attends to, itself included: the values of all heads side by side.

    Args:
        events: the normalized events of a window, oldest first.
        qkv: maps an event to its query, key and value.
        heads: number of heads; divides D.

    Example:
        >>> causal_attention(torch.randn(2, 3, 8), nn.Linear(8, 24), heads=2).shape
        torch.Size([2, 3, 8])
    """
    query, key, value = (
        rearrange(part, "b t (h d) -> b h t d", h=heads) for part in qkv(events).chunk(3, dim=-1)
    )
    attended = F.scaled_dot_product_attention(query, key, value, is_causal=True)
    return rearrange(attended, "b h t d -> b t (h d)")


def attention_at(
    events: Float[Tensor, "B T D"], step: Int[Tensor, " B"], qkv: nn.Linear, heads: int
) -> Float[Tensor, "B D"]:
    """Return :func:`causal_attention` at one step of each row, without computing keys and values.

    Because ``q · W x = (Wᵀ q) · x``, the key weights are applied to the one query, and the value
    weights to its attention output. The key bias adds the same constant to every logit of a row, so
    it cancels in the softmax.

    Example:
        >>> events, qkv = torch.randn(2, 3, 8), nn.Linear(8, 24)
        >>> one = attention_at(events, torch.tensor([2, 0]), qkv, heads=2)
        >>> torch.allclose(one, causal_attention(events, qkv, heads=2)[[0, 1], [2, 0]], atol=1e-5)
        True
    """
    rows = torch.arange(len(step), device=step.device)
    past = torch.arange(events.shape[1], device=step.device) <= step.unsqueeze(1)
    to_query, to_key, to_value = qkv.weight.chunk(3)
    query_bias, _, value_bias = qkv.bias.chunk(3)
    query, to_key, to_value = (
        rearrange(x, "... (h d) -> ... h d", h=heads)
        for x in (F.linear(events[rows, step], to_query, query_bias), to_key.T, to_value.T)
    )
    projected_query, shared = torch.einsum("bhd,ihd->bhi", query, to_key), events.unsqueeze(1)
    # The heads take the axis of steps, because all of them attend to the same events.
    attended = F.scaled_dot_product_attention(
        projected_query.unsqueeze(1),
        shared,
        shared,
        attn_mask=past[:, None, None],
        scale=query.shape[-1] ** -0.5,
    ).squeeze(1)
    return torch.einsum("bhi,ihd->bhd", attended, to_value).flatten(1) + value_bias
