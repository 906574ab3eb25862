"""The candidates of each request, with the terms that are weighted."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

Terms = Callable[[Int[np.ndarray, " b"]], Float[Tensor, "b K V1"]]
"""Returns the terms of every catalogue index for some requests: the model's score, ``-inf`` for
what may not be recommended, and then the others."""

BEST, DRAWN = 100, 200
"""Candidates: the best by each term, and some that stand for the rest."""

BEST_OF_SOME = 25
"""Candidates that are the best by each term among given items."""

BLOCK = 64
"""Requests whose terms are in memory at once."""


def candidates_of(
    terms: Terms,
    target: Int[np.ndarray, " N"],
    seed: int,
    some: Bool[Tensor, " V1"] | None = None,
) -> tuple[Float[Tensor, "N C K"], Float[Tensor, "N C"]]:
    """Return the terms of the candidates of each request, the target first, and their offsets.

    The candidates are the best items by each term and some that are drawn from the rest. The offset
    of a drawn one is the logarithm of the number of items that it stands for; that of padding is
    ``-inf``. A request whose target may not be recommended has no candidate but the target.

    Args:
        terms: returns the terms of some requests.
        target: the item that each request led to.
        seed: seed of the draws.
        some: items of which the best by each term are candidates too.
    """
    generator = torch.Generator().manual_seed(seed)
    features, offsets = [], []
    for start in range(0, len(target), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(target)))
        block = terms(rows).float().cpu()
        wanted = torch.from_numpy(target[rows])
        places, offset = _chosen(block, wanted, generator, some)
        index = places.unsqueeze(1).expand(-1, block.shape[1], -1)
        found = block.gather(2, index).transpose(1, 2)
        reachable = torch.isfinite(found[:, 0, 0])
        found[..., 0] = found[..., 0].masked_fill(~torch.isfinite(found[..., 0]), 0.0)
        offset[~reachable, 1:] = -torch.inf
        features.append(found)
        offsets.append(offset)
    width = max(part.shape[1] for part in features)
    return _joined(features, width, 0.0), _joined(offsets, width, -torch.inf)


def _chosen(
    block: Float[Tensor, "b K V1"],
    target: Int[Tensor, " b"],
    generator: torch.Generator,
    some: Bool[Tensor, " V1"] | None,
) -> tuple[Int[Tensor, "b C"], Float[Tensor, "b C"]]:
    """Return the target and the candidates of each row, and their offsets."""
    free: Bool[Tensor, "b V1"] = torch.isfinite(block[:, 0])
    free[torch.arange(len(target)), target] = False
    best = torch.zeros_like(free)
    for term in block.unbind(1):
        best.scatter_(1, _top(term, free, BEST), True)
        if some is not None:
            best.scatter_(1, _top(term, free & some, BEST_OF_SOME), True)
    best &= free
    rest = free & ~best
    draw = torch.rand(rest.shape, generator=generator).masked_fill(~rest, -1.0)
    drawn = torch.zeros_like(free)
    drawn.scatter_(1, draw.topk(min(DRAWN, rest.shape[1] - 1)).indices, True)
    drawn &= rest
    many = rest.sum(1, keepdim=True) / drawn.sum(1, keepdim=True).clamp(min=1)
    offset = torch.full(free.shape, -torch.inf).masked_fill(best, 0.0)
    offset = torch.where(drawn, many.log(), offset)
    width = int((best | drawn).sum(1).max())
    kept = offset.topk(width, dim=1)  # the best and the drawn ones, in any order
    zero = torch.zeros(len(target), 1)
    return torch.cat([target.unsqueeze(1), kept.indices], 1), torch.cat([zero, kept.values], 1)


def _top(term: Float[Tensor, "b V1"], free: Bool[Tensor, "b V1"], count: int) -> Int[Tensor, "b _"]:
    return term.masked_fill(~free, -torch.inf).topk(min(count, term.shape[1] - 1)).indices


def _joined(parts: list[Tensor], width: int, value: float) -> Tensor:
    """Return the rows of all parts, padded to ``width`` candidates."""
    padded = []
    for part in parts:
        full = part.new_full((len(part), width, *part.shape[2:]), value)
        full[:, : part.shape[1]] = part
        padded.append(full)
    return torch.cat(padded)
