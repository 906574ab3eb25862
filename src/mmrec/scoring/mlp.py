"""The ranking scorer: r̂ = MLP(u, c), interest and item looked at together."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mmrec.layers import Size, at_least_float32, check_shape, full_precision

# Elements of the hidden layer that exist at once in `pool`: 64 MiB of float32.
CHUNK_ELEMENTS = 2**24


class MLPScorer(nn.Module):
    """A multilayer perceptron on the pair of an interest and an item vector.

    The first layer of a pair, W [u; c], is W_u u + W_c c: so it is computed once for each interest
    and once for each item, and only the rest once for each pair.

    Scores are float32 or wider, under autocast too.

    Args:
        interest_dim: width of an interest, H.
        dim: width of an item vector, D.
        width: width of a hidden layer.
        depth: number of hidden layers.
        dropout: probability that a hidden unit is dropped in training.

    Raises:
        ValueError: if a size is not positive.

    References:
        Covington et al., "Deep Neural Networks for YouTube Recommendations" (RecSys 2016), for
        ranking a retrieved short list with a perceptron.

    Example:
        >>> scorer = MLPScorer(interest_dim=4, dim=8)
        >>> scorer(torch.randn(2, 4), torch.randn(2, 5, 8)).shape  # five candidates a row
        torch.Size([2, 5])
        >>> scorer.pool(torch.randn(2, 4), torch.randn(7, 8)).shape  # seven items for all rows
        torch.Size([2, 7])
    """

    def __init__(
        self,
        interest_dim: int,
        dim: int,
        *,
        width: int = 128,
        depth: int = 1,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if min(interest_dim, dim, width, depth) < 1:
            raise ValueError(
                "MLPScorer expects positive interest_dim, dim, width and depth; "
                f"got {interest_dim}, {dim}, {width} and {depth}"
            )
        self.interest_dim, self.dim, self.width = interest_dim, dim, width
        self.interest = nn.Linear(interest_dim, width)
        self.item = nn.Linear(dim, width, bias=False)
        hidden: list[nn.Module] = [nn.GELU(), nn.Dropout(dropout)]
        for _ in range(depth - 1):
            hidden += [nn.Linear(width, width), nn.GELU(), nn.Dropout(dropout)]
        self.hidden = nn.Sequential(*hidden)
        self.score = nn.Linear(width, 1)

    def forward(
        self, states: Float[Tensor, "N H"], candidates: Float[Tensor, "N K D"]
    ) -> Float[Tensor, "N K"]:
        """Scores of each row's own candidates.

        Raises:
            ValueError: if a width is another than the scorer was made for, or rows differ.
        """
        self._check(states, candidates, (*states.shape[:1], "candidates", self.dim))
        return self._score_pairs(self.interest(states).unsqueeze(1), self.item(candidates))

    def pool(
        self,
        states: Float[Tensor, "N H"],
        vectors: Float[Tensor, "P D"],
        chunk: int | None = None,
    ) -> Float[Tensor, "N P"]:
        """Scores of all items for all rows, ``chunk`` rows at a time.

        The hidden layer of all pairs, N × P × width, never exists at once. In training each chunk
        is computed again in the backward pass, which keeps memory flat and takes a third longer.

        Args:
            states: interests.
            vectors: item vectors.
            chunk: rows at a time; None for as many as fit in 64 MiB of float32.

        Raises:
            ValueError: if ``chunk`` is less than 1, or a width is another than the scorer was made
                for.
        """
        self._check(states, vectors, ("items", self.dim))
        if chunk is None:
            chunk = max(1, CHUNK_ELEMENTS // max(1, len(vectors) * self.width))
        if chunk < 1:
            raise ValueError(f"chunk expects at least 1 row; got {chunk}")
        interests, items = self.interest(states).unsqueeze(1), self.item(vectors)
        if not torch.is_grad_enabled() or len(states) <= chunk:
            parts = [self._score_pairs(rows, items) for rows in interests.split(chunk)]
        else:
            parts = [
                checkpoint(self._score_pairs, rows, items, use_reentrant=False)
                for rows in interests.split(chunk)
            ]
        return torch.cat(parts)

    def _check(self, states: Tensor, items: Tensor, shape: Sequence[Size | str]) -> None:
        check_shape("MLPScorer expects states", states, ("rows", self.interest_dim))
        check_shape("MLPScorer expects item vectors", items, shape)

    def _score_pairs(
        self, interests: Float[Tensor, "N 1 W"], items: Float[Tensor, "*N K W"]
    ) -> Float[Tensor, "N K"]:
        hidden = self.hidden(interests + items)
        # The last layer in float32: bfloat16 scores of a short list would tie.
        with full_precision(hidden):
            weight, bias = at_least_float32(self.score.weight), at_least_float32(self.score.bias)
            return F.linear(at_least_float32(hidden), weight, bias).squeeze(-1)
