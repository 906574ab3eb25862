"""Numbers: piecewise linear encoding between quantiles, and its linear layer."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float32, Float64
from torch import Tensor, nn

from mmrec.layers import record_init_args


def quantile_edges(values: Float[np.ndarray, " n"], bins: int) -> Float64[np.ndarray, " edges"]:
    """Return the edges of at most ``bins`` pieces that hold equally many values.

    Edges are values that occur. NaN is left out. Equal quantiles are one edge, so there are fewer
    pieces where one value is frequent.

    Example:
        >>> quantile_edges(np.array([3.0, 1.0, 2.0, np.nan, 9.0, 1.0]), bins=2)
        array([1., 2., 9.])
    """
    known = values[~np.isnan(values)].astype(np.float64)
    if not len(known):
        return np.zeros(0)
    return np.unique(np.quantile(known, np.linspace(0, 1, bins + 1), method="inverted_cdf"))


def piecewise_linear(
    values: Float[np.ndarray, " n"], edges: Float64[np.ndarray, " edges"]
) -> Float32[np.ndarray, "n edges"]:
    """Return the piecewise linear encoding of numbers, and whether each is missing.

    Piece ``k`` goes from 0 at ``edges[k]`` to 1 at ``edges[k + 1]``; it is 0 before and 1 after
    them. So numbers outside the edges count as the nearest edge. The last column is 1 where the
    number is NaN, which has 0 in the others.

    Args:
        values: the numbers; computed in float64, since times don't fit in float32.
        edges: increasing; one edge (a constant) has no piece.

    References:
        Gorishniy et al., "On embeddings for numerical features in tabular deep learning" (2022),
        arXiv 2203.05556, equation 1.

    Example:
        >>> piecewise_linear(np.array([1.5, 4.0, np.nan]), np.array([1.0, 2.0, 6.0]))
        array([[0.5, 0. , 0. ],
               [1. , 0.5, 0. ],
               [0. , 0. , 1. ]], dtype=float32)
    """
    missing = np.isnan(values)
    known = np.where(missing, edges[0], values)[:, None]
    # Clipped before it is divided, since a piece may be very narrow.
    shares = (np.clip(known, edges[:-1], edges[1:]) - edges[:-1]) / np.diff(edges)
    return np.concatenate([shares, missing[:, None]], axis=1).astype(np.float32)


def soft_bins(
    values: Float[np.ndarray, " n"], edges: Float64[np.ndarray, " edges"], *, spread: float = 1.5
) -> Float32[np.ndarray, "n edges"]:
    """Return how near numbers are to edges: 1 at an edge, and less the further away.

    Distances are counted in edges, so quantiles as edges give each piece the same width. A number
    outside the edges counts as the nearest one. NaN has zeros.

    Args:
        values: the numbers; computed in float64.
        edges: increasing, one or more.
        spread: standard deviation of the Gaussian, in edges.

    Example:
        >>> soft_bins(np.array([1.0, 9.0, np.nan]), np.array([1.0, 2.0, 6.0])).round(2)
        array([[1.  , 0.8 , 0.41],
               [0.41, 0.8 , 1.  ],
               [0.  , 0.  , 0.  ]], dtype=float32)
    """
    place = np.interp(values, edges, np.arange(len(edges)))
    near = np.exp(-0.5 * ((place[:, None] - np.arange(len(edges))) / spread) ** 2)
    return np.where(np.isnan(values)[:, None], 0.0, near).astype(np.float32)


@record_init_args
class NumberEncoder(nn.Module):
    """Maps the encoded numbers of an item to a vector: a piecewise linear function of each.

    The vector is the sum over the columns. A missing number has a learned vector in its place.

    Args:
        sizes: width of the encoding of each column, see :func:`piecewise_linear`.
        dim: width of the output.

    Shape:
        ``(n, sum(sizes))`` → ``(n, dim)``.

    Raises:
        ValueError: there is no column, or a width is below 1.

    Example:
        >>> import torch
        >>> NumberEncoder([3], 8)(torch.tensor([[1.0, 0.5, 0.0]])).shape
        torch.Size([1, 8])
    """

    def __init__(self, sizes: Sequence[int], dim: int) -> None:
        super().__init__()
        if not sizes or min(*sizes, dim) < 1:
            raise ValueError(
                f"NumberEncoder expects one or more widths of at least 1; got sizes {list(sizes)} "
                f"and dim {dim}"
            )
        self.sizes, self.dim = list(sizes), dim
        self.linear = nn.Linear(sum(sizes), dim)

    def forward(self, inputs: Float[Tensor, "n width"]) -> Float[Tensor, "n dim"]:
        """Return the vector of each item."""
        vectors: Tensor = self.linear(inputs)
        return vectors
