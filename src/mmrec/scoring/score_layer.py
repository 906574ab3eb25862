"""The last layer of a reranker."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from mmrec.layers import at_least_float32, full_precision


class ScoreLayer(nn.Linear):
    """A linear layer to one score per pair: 0 at the start, in float32 or wider.

    A reranker's score is added to the product, so at the start the product alone ranks. In bfloat16
    the scores of a short list would tie.

    Args:
        width: width of its input.

    Example:
        >>> import torch
        >>> ScoreLayer(3)(torch.randn(2, 5, 3)).shape
        torch.Size([2, 5])
    """

    def __init__(self, width: int) -> None:
        super().__init__(width, 1)
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, input: Float[Tensor, "N K _"]) -> Float[Tensor, "N K"]:
        """Return the score of each pair."""
        with full_precision(input):
            weight, bias = at_least_float32(self.weight), at_least_float32(self.bias)
            return F.linear(at_least_float32(input), weight, bias).squeeze(-1)
