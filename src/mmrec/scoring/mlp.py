"""The reranker: a multilayer perceptron over interest and item together."""

from jaxtyping import Float
from torch import Tensor, nn

from mmrec.layers import check_shape, record_init_args
from mmrec.scoring.score_layer import ScoreLayer


@record_init_args
class MLPScorer(nn.Module):
    """A multilayer perceptron on pairs of an interest and an item vector.

    The first layer of a pair, W [u; c], equals W_u u + W_c c. These two products are computed once
    per interest and once per candidate; only the other layers are computed for each pair. The last
    layer is 0 at the start, so that a short list is ranked by the product at first.

    Scores are float32 or wider, under autocast too.

    Args:
        interest_dim: width of an interest, H. It is first here, as the interests are in
            ``forward``; interest models take ``dim`` first.
        dim: width of an item vector, D.
        width: width of a hidden layer.
        depth: number of hidden layers.
        dropout: probability that a hidden unit is dropped in training.

    Raises:
        ValueError: a size is not positive.

    References:
        Covington et al., "Deep Neural Networks for YouTube Recommendations" (RecSys 2016), for
        ranking a retrieved short list with a perceptron. Alone, a perceptron is behind a product:
        Rendle et al., "Neural Collaborative Filtering vs. Matrix Factorization Revisited",
        arXiv:2005.09683.

    Example:
        >>> import torch
        >>> scorer = MLPScorer(interest_dim=4, dim=8)
        >>> scorer(torch.randn(2, 4), torch.randn(2, 5, 8)).shape  # five candidates per row
        torch.Size([2, 5])
    """

    def __init__(
        self,
        interest_dim: int,
        dim: int,
        *,
        width: int = 128,
        depth: int = 1,
        dropout: float = 0.4,
    ) -> None:
        super().__init__()
        if min(interest_dim, dim, width, depth) < 1:
            raise ValueError(
                "MLPScorer expects positive interest_dim, dim, width and depth; "
                f"got {interest_dim}, {dim}, {width} and {depth}"
            )
        self.interest_dim, self.dim = interest_dim, dim
        self.interest = nn.Linear(interest_dim, width)
        self.item = nn.Linear(dim, width, bias=False)
        hidden: list[nn.Module] = [nn.GELU(), nn.Dropout(dropout)]
        for _ in range(depth - 1):
            hidden += [nn.Linear(width, width), nn.GELU(), nn.Dropout(dropout)]
        self.hidden = nn.Sequential(*hidden)
        self.score = ScoreLayer(width)

    def forward(
        self, states: Float[Tensor, "N H"], candidates: Float[Tensor, "N K D"]
    ) -> Float[Tensor, "N K"]:
        """Return the score of each row's own candidates.

        Raises:
            ValueError: a width is not the scorer's, or the numbers of rows differ.
        """
        check_shape("MLPScorer expects states", states, ("rows", self.interest_dim))
        rows = states.shape[0]  # len() would fix the size of an exported graph
        shape = (rows, "candidates", self.dim)
        check_shape("MLPScorer expects item vectors", candidates, shape)
        hidden = self.hidden(self.interest(states).unsqueeze(1) + self.item(candidates))
        scores: Tensor = self.score(hidden)
        return scores
