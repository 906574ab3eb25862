"""A retrieval scorer with a learned matrix between interest and item."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from mmrec.layers import at_least_float32, check_shape, full_precision, record_init_args


@record_init_args
class BilinearScorer(nn.Module):
    """``u · W c``, for every interest ``u`` and item vector ``c``.

    The interest may have another width than the item vectors. If both have the same, ``W`` is the
    identity at the start, so that the scores are dot products; else its rows or columns are
    orthonormal. An index stores the item vectors as they are, and is searched with ``u W``.

    Scores are float32 or wider, under autocast too.

    Args:
        interest_dim: width of an interest, H. It is first here, as the interests are in
            ``forward``; interest models take ``dim`` first.
        dim: width of an item vector, D.

    Raises:
        ValueError: a width is not positive.

    References:
        Li et al., "Neural Attentive Session-based Recommendation" (arXiv 1711.04725), which decodes
        interests in this way.

    Example:
        >>> import torch
        >>> scorer = BilinearScorer(interest_dim=2, dim=2)
        >>> scorer(torch.tensor([[1.0, 2.0]]), torch.eye(2)).tolist()
        [[1.0, 2.0]]
    """

    def __init__(self, interest_dim: int, dim: int) -> None:
        super().__init__()
        if min(interest_dim, dim) < 1:
            raise ValueError(
                f"BilinearScorer expects positive interest_dim and dim; got {interest_dim} and "
                f"{dim}"
            )
        self.interest_dim, self.dim = interest_dim, dim
        self.project = nn.Linear(interest_dim, dim, bias=False)
        start = nn.init.eye_ if interest_dim == dim else nn.init.orthogonal_
        start(self.project.weight)

    def forward(
        self, states: Float[Tensor, "N H"], vectors: Float[Tensor, "P D"]
    ) -> Float[Tensor, "N P"]:
        """Return the scores of all items for all interests.

        Raises:
            ValueError: states or vectors have another width.
        """
        with full_precision(states):
            return self.index_queries(states) @ self.index_vectors(vectors).T

    def index_queries(self, states: Float[Tensor, "N H"]) -> Float[Tensor, "N D"]:
        """Return what to look up in an index, ``u W``."""
        check_shape("BilinearScorer expects states", states, ("rows", self.interest_dim))
        with full_precision(states):
            return F.linear(at_least_float32(states), at_least_float32(self.project.weight))

    def index_vectors(self, vectors: Float[Tensor, "P D"]) -> Float[Tensor, "P D"]:
        """Return what an index stores for each item, the item vectors."""
        check_shape("BilinearScorer expects item vectors", vectors, ("items", self.dim))
        return at_least_float32(vectors)
