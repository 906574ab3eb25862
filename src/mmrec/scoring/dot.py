"""The retrieval scorer: dot product or cosine of interest and item."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from mmrec.layers import at_least_float32, full_precision, record_init_args


@record_init_args
class DotScorer(nn.Module):
    """``u · c / temperature + bias(c)``, for every interest ``u`` and item vector ``c``.

    Scores are float32 or wider, under autocast too. Interests and item vectors have the same width.

    An index of inner products gives the same scores: the bias is stored as one more coordinate, and
    ``index_queries(states) @ index_vectors(vectors).T`` equals ``forward``.

    The short name ``cosine`` stands for ``normalize=True`` and a learned temperature of .07. With
    :func:`mmrec.losses.softmax_loss` that is InfoNCE (arXiv 1807.03748), with the temperature of
    CLIP (arXiv 2103.00020).

    Args:
        dim: width of an item vector; needed for ``item_bias`` only.
        temperature: if given, scores are divided by it. It is stored as the logarithm of its
            inverse, so it stays positive.
        learn_temperature: whether the temperature is learned, from its value on.
        normalize: whether to use cosines instead of dot products.
        item_bias: whether to add a bias. It is a linear function of the item's vector, so that new
            items have one too.

    Raises:
        ValueError: the temperature is not positive, or ``item_bias`` comes without ``dim``.

    Example:
        >>> scorer = DotScorer(dim=2, temperature=0.5)
        >>> scorer(torch.tensor([[1.0, 2.0]]), torch.eye(2)).tolist()
        [[2.0, 4.0]]
    """

    log_scale: Tensor | None

    def __init__(
        self,
        *,
        dim: int | None = None,
        temperature: float | None = None,
        learn_temperature: bool = True,
        normalize: bool = False,
        item_bias: bool = False,
    ) -> None:
        super().__init__()
        if temperature is not None and temperature <= 0:
            raise ValueError(f"DotScorer expects a positive temperature; got {temperature}")
        if item_bias and dim is None:
            raise ValueError("DotScorer with item_bias=True expects dim; got None")
        self.normalize = normalize
        scale = None if temperature is None else torch.tensor(-math.log(temperature))
        if scale is not None and learn_temperature:
            self.log_scale = nn.Parameter(scale)
        else:
            self.register_buffer("log_scale", scale)
        self.bias = nn.Linear(dim, 1) if item_bias and dim is not None else None
        if self.bias is not None:
            # At the start no item is preferred.
            nn.init.zeros_(self.bias.weight)
            nn.init.zeros_(self.bias.bias)

    def forward(
        self, states: Float[Tensor, "N D"], vectors: Float[Tensor, "P D"]
    ) -> Float[Tensor, "N P"]:
        """Return the scores of all items for all interests.

        Raises:
            ValueError: states and vectors differ in width.
        """
        if states.shape[-1] != vectors.shape[-1]:
            raise ValueError(
                "DotScorer expects states and vectors of the same width; "
                f"got {states.shape[-1]} and {vectors.shape[-1]}"
            )
        with full_precision(states):
            return F.linear(self._queries(states), self._keys(vectors), self._biases(vectors))

    def index_queries(self, states: Float[Tensor, "N D"]) -> Float[Tensor, "N K"]:
        """Return what to look up in an index: vectors of width D, or D+1 with a bias."""
        with full_precision(states):
            queries = self._queries(states)
            return queries if self.bias is None else F.pad(queries, (0, 1), value=1.0)

    def index_vectors(self, vectors: Float[Tensor, "P D"]) -> Float[Tensor, "P K"]:
        """Return what an index stores for each item: vectors of width D, or D+1 with a bias."""
        with full_precision(vectors):
            keys, biases = self._keys(vectors), self._biases(vectors)
            return keys if biases is None else torch.cat([keys, biases.unsqueeze(-1)], dim=-1)

    def _queries(self, states: Tensor) -> Tensor:
        queries = self._keys(states)
        # The temperature is in the query, so a change of it does not require a new index.
        return queries if self.log_scale is None else queries * self.log_scale.exp()

    def _keys(self, vectors: Tensor) -> Tensor:
        keys = at_least_float32(vectors)
        return F.normalize(keys, dim=-1) if self.normalize else keys

    def _biases(self, vectors: Tensor) -> Tensor | None:
        if self.bias is None:
            return None
        weight, bias = at_least_float32(self.bias.weight), at_least_float32(self.bias.bias)
        return F.linear(at_least_float32(vectors), weight, bias).squeeze(-1)
