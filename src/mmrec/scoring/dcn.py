"""A reranker that multiplies features of interest and item, layer by layer."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mmrec.layers import check_shape, record_init_args
from mmrec.scoring.score_layer import ScoreLayer


@record_init_args
class DCNScorer(nn.Module):
    r"""A deep and cross network on pairs of an interest and an item vector.

    The features of a pair, :math:`x_0`, are the interest, the item vector and the product of the
    two, number by number, after a layer norm. A cross layer multiplies them with what it has found
    so far,

    .. math:: x_{l+1} = x_0 \odot (U_l V_l^\top x_l + b_l) + x_l,

    with :math:`U` and :math:`V` of low rank, so that ``layers`` of them contain products of
    ``layers + 1`` features. A hidden layer and a linear one follow. The last one is 0 at the start,
    so that a short list is ranked by the product at first. All layers are computed for each pair,
    which costs several times the time and memory of :class:`MLPScorer`.

    Scores are float32 or wider, under autocast too.

    Args:
        interest_dim: width of an interest, H. It is first here, as the interests are in
            ``forward``; interest models take ``dim`` first.
        dim: width of an item vector, D.
        layers: number of cross layers.
        rank: width between :math:`V` and :math:`U`.
        width: width of the hidden layer.
        dropout: probability that a hidden unit is dropped in training.

    Raises:
        ValueError: a size is not positive.

    References:
        Wang et al., "DCN V2: Improved Deep & Cross Network and Practical Lessons for Web-scale
        Learning to Rank Systems" (arXiv 2008.13535), stacked, without its mixture of experts. The
        layer norm is not there: it keeps products of several features in range, whatever the length
        of the vectors.

    Example:
        >>> scorer = DCNScorer(interest_dim=4, dim=8)
        >>> scorer(torch.randn(2, 4), torch.randn(2, 5, 8)).shape  # five candidates per row
        torch.Size([2, 5])
    """

    def __init__(
        self,
        interest_dim: int,
        dim: int,
        *,
        layers: int = 2,
        rank: int = 32,
        width: int = 128,
        dropout: float = 0.4,
    ) -> None:
        super().__init__()
        if min(interest_dim, dim, layers, rank, width) < 1:
            raise ValueError(
                "DCNScorer expects positive interest_dim, dim, layers, rank and width; got "
                f"{interest_dim}, {dim}, {layers}, {rank} and {width}"
            )
        self.interest_dim, self.dim = interest_dim, dim
        # A product number by number needs an interest as wide as an item vector.
        self.match = nn.Identity() if interest_dim == dim else nn.Linear(interest_dim, dim)
        features = interest_dim + 2 * dim
        self.norm = nn.LayerNorm(features)
        self.crosses = nn.ModuleList([_Cross(features, rank) for _ in range(layers)])
        self.hidden = nn.Sequential(nn.Linear(features, width), nn.GELU(), nn.Dropout(dropout))
        self.score = ScoreLayer(width)

    def forward(
        self, states: Float[Tensor, "N H"], candidates: Float[Tensor, "N K D"]
    ) -> Float[Tensor, "N K"]:
        """Return the score of each row's own candidates.

        Raises:
            ValueError: a width is not the scorer's, or the numbers of rows differ.
        """
        check_shape("DCNScorer expects states", states, ("rows", self.interest_dim))
        shape = (states.shape[0], "candidates", self.dim)
        check_shape("DCNScorer expects item vectors", candidates, shape)
        interest = states.unsqueeze(1).expand(-1, candidates.shape[1], -1)
        product = self.match(states).unsqueeze(1) * candidates
        first = self.norm(torch.cat([interest, candidates, product], dim=-1))
        crossed = first
        for cross in self.crosses:
            crossed = cross(first, crossed)
        scores: Tensor = self.score(self.hidden(crossed))
        return scores


class _Cross(nn.Module):
    """Multiplies the first features with a linear function of low rank of the last ones."""

    def __init__(self, features: int, rank: int) -> None:
        super().__init__()
        self.down = nn.Linear(features, rank, bias=False)
        self.up = nn.Linear(rank, features)

    def forward(
        self, first: Float[Tensor, "N K F"], last: Float[Tensor, "N K F"]
    ) -> Float[Tensor, "N K F"]:
        crossed: Tensor = first * self.up(self.down(last)) + last
        return crossed
