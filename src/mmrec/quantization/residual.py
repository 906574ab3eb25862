"""Residual quantization: each level codes what the levels before it have left."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mmrec.quantization.clustering import check_vectors, exact, kmeans, nearest

POINTS = 256
"""Vectors a code from which codebooks are fitted, at most: more change centers little."""


def fit_codebooks(
    vectors: Float[Tensor, "N D"],
    levels: int = 3,
    size: int = 256,
    *,
    seed: int = 0,
    iterations: int = 25,
) -> Float[Tensor, "levels size D"]:
    """Return the codebooks of residual k-means (RQ-k-means).

    The first codebook has the centers of the vectors, the next one those of what is left when the
    nearest center is subtracted, and so on. The same vectors and seed give the same codebooks.

    Args:
        vectors: of the items; of more than 256 a code, a draw of so many is used.
        levels: number of codebooks, from 1.
        size: codes in a codebook, from 1.
        seed: seed of the first centers.
        iterations: most steps of k-means in a level.

    Raises:
        ValueError: there is no vector, one is NaN or infinite, or a number is below 1.

    References:
        Lee et al., "Autoregressive image generation using residual quantization" (2022),
        arXiv 2203.01941.

    Example:
        >>> vectors = torch.tensor([[0.0], [2.0], [10.0], [12.0]])
        >>> codebooks = fit_codebooks(vectors, levels=2, size=2)
        >>> dequantize(quantize(vectors, codebooks), codebooks).flatten()
        tensor([ 0.,  2., 10., 12.])
    """
    if levels < 1:
        raise ValueError(f"fit_codebooks expects levels of at least 1; got {levels}")
    check_vectors("fit_codebooks", vectors)
    if len(vectors) > POINTS * size:
        draw = torch.randperm(len(vectors), generator=torch.Generator().manual_seed(seed))
        vectors = vectors[draw[: POINTS * size].to(vectors.device)]
    rest, codebooks = vectors.detach().float(), []
    for level in range(levels):
        centers = kmeans(rest, size, seed=seed + level, iterations=iterations)
        codebooks.append(centers)
        rest = rest - centers[nearest(rest, centers)]
    return torch.stack(codebooks)


def quantize(
    vectors: Float[Tensor, "N D"], codebooks: Float[Tensor, "L K D"]
) -> Int[Tensor, "N L"]:
    """Return the codes of vectors: in each level that of the entry nearest to the residual.

    The codes of a vector depend on no other vector.

    Raises:
        ValueError: vectors have another width than the codebooks, or one is NaN or infinite.

    Example:
        >>> codebooks = torch.tensor([[[0.0], [10.0]], [[-1.0], [1.0]]])
        >>> quantize(torch.tensor([[1.5], [9.5]]), codebooks)
        tensor([[0, 1],
                [1, 0]])
    """
    check_vectors("quantize", vectors, codebooks.shape[2])
    rest, codes = exact(vectors), []
    for centers in exact(codebooks):
        codes.append(nearest(rest, centers))
        rest = rest - centers[codes[-1]]
    return torch.stack(codes, dim=1)


def dequantize(
    codes: Int[Tensor, "N _"], codebooks: Float[Tensor, "L K D"]
) -> Float[Tensor, "N D"]:
    """Return the vectors that codes stand for: the sum of their entries.

    Codes of fewer levels than there are codebooks give a coarser vector.

    Example:
        >>> codebooks = torch.tensor([[[0.0], [10.0]], [[-1.0], [1.0]]])
        >>> dequantize(torch.tensor([[0, 1], [1, 0]]), codebooks).flatten()
        tensor([1., 9.])
    """
    levels = torch.arange(codes.shape[1], device=codebooks.device)
    return codebooks[levels, codes].sum(dim=1)
