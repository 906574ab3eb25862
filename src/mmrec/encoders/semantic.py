"""Semantic ids: an item's vector is the sum of those of the prefixes of its codes."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mmrec.encoders.feature import FeatureEncoder
from mmrec.layers import check_shape, full_precision, record_init_args
from mmrec.quantization import fit_codebooks, prefix_rows, quantize


@record_init_args
class SemanticIdEncoder(nn.Module):
    """The sum of one learned vector for each prefix of an item's codes.

    Items that share codes share vectors, the coarse ones with many items. So a new item has what
    was learned for those that it resembles. A level with more prefixes than ``rows`` shares its
    rows by a hash. Rows of the first level start at random and the others at 0: a prefix that no
    trained item has adds nothing.

    Args:
        levels: codes of an item, from 1; see :class:`mmrec.quantization.SemanticIds`, without its
            last number.
        size: codes in a level.
        dim: width of a vector.
        rows: most rows of a level.

    Shape:
        ``(n, levels)`` codes → ``(n, dim)``.

    Raises:
        ValueError: a number is below 1, or there are other levels than codes.

    References:
        Singh et al., "Better generalization with semantic IDs" (2023), arXiv 2306.08121.

    Example:
        >>> encoder = SemanticIdEncoder(levels=3, size=64, dim=8)
        >>> encoder(torch.tensor([[3, 63, 0], [3, 63, 1]])).shape
        torch.Size([2, 8])
    """

    def __init__(self, levels: int, size: int, dim: int, *, rows: int = 4096) -> None:
        super().__init__()
        if min(levels, size, dim, rows) < 1:
            raise ValueError(
                f"SemanticIdEncoder expects numbers of at least 1; got levels {levels}, size "
                f"{size}, dim {dim} and rows {rows}"
            )
        self.levels, self.size, self.dim, self.rows = levels, size, dim, rows
        self.table = nn.Embedding(levels * rows, dim)
        nn.init.zeros_(self.table.weight)
        nn.init.normal_(self.table.weight[:rows], std=0.02)

    def forward(self, inputs: Int[Tensor, "n L"]) -> Float[Tensor, "n dim"]:
        """Return the vector of each item."""
        check_shape("SemanticIdEncoder expects codes", inputs, ("items", self.levels))
        vectors: Tensor = self.table(prefix_rows(inputs, self.size, self.rows)).sum(1)
        return vectors


@record_init_args
class QuantizedEncoder(nn.Module):
    """Quantizes a precomputed vector of each item, and encodes the codes.

    ``fit`` computes mean, scale and codebooks on the training items. They are buffers, saved with
    the model, so an item that comes later gets its codes from them, and no other item changes.

    Args:
        dim_in: width of the given vectors.
        dim: width of the output.
        levels: codes of an item.
        size: codes in a level.
        rows: most rows of a level, see :class:`SemanticIdEncoder`.

    Shape:
        ``(n, dim_in)`` → ``(n, dim)``.

    Raises:
        ValueError: a number is below 1, or a vector has another width or is NaN or infinite.

    Example:
        >>> vectors = torch.randn(50, 16)
        >>> encoder = QuantizedEncoder(16, 8, levels=2, size=4).fit(vectors)
        >>> encoder(vectors).shape
        torch.Size([50, 8])
    """

    codebooks: Tensor

    def __init__(
        self, dim_in: int, dim: int, *, levels: int = 3, size: int = 64, rows: int = 4096
    ) -> None:
        super().__init__()
        self.standardize = FeatureEncoder(dim_in)
        self.ids = SemanticIdEncoder(levels, size, dim, rows=rows)
        self.dim_in, self.dim = dim_in, dim
        self.register_buffer("codebooks", torch.zeros(levels, size, dim_in))

    @torch.no_grad()
    def fit(self, features: Float[Tensor, "n dim_in"], *, seed: int = 0) -> "QuantizedEncoder":
        """Compute codebooks from the vectors of the training items by residual k-means.

        Raises:
            ValueError: there is no vector, or one has another width or is NaN or infinite.
        """
        features = features.to(self.codebooks.device)
        self.standardize.fit(features)
        levels, size = self.ids.levels, self.ids.size
        self.codebooks.copy_(fit_codebooks(self.standardize(features), levels, size, seed=seed))
        return self

    @torch.no_grad()
    def codes(self, inputs: Float[Tensor, "n dim_in"]) -> Int[Tensor, "n L"]:
        """Return the codes of vectors."""
        with full_precision(inputs):
            return quantize(self.standardize(inputs), self.codebooks)

    def forward(self, inputs: Float[Tensor, "n dim_in"]) -> Float[Tensor, "n dim"]:
        """Return the vector of each item."""
        vectors: Tensor = self.ids(self.codes(inputs))
        return vectors
