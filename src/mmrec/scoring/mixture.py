"""A reranker that mixes several cosines of an interest and an item: a mixture of logits."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from mmrec.layers import MLP, at_least_float32, check_shape, full_precision, record_init_args


@record_init_args
class MixtureOfLogitsScorer(nn.Module):
    r"""Several products of an interest and an item vector, with weights that depend on the pair.

    Linear layers map the interest to vectors :math:`f_1(u), f_2(u), \dots` and the item to vectors
    :math:`g_1(c), g_2(c), \dots`, all of length 1. The score is

    .. math:: \frac{\alpha}{\tau} \sum_{i,j} \pi_{ij}(u, c)\, f_i(u) \cdot g_j(c).

    The weights :math:`\pi` are a softmax over the products. Three perceptrons decide them: of the
    interest, of the item and of the products :math:`l` themselves,
    :math:`\operatorname{silu}(a(u) \odot b(c) + d(l / \tau))`. A matrix of such scores has a higher
    rank than one of dot products. The factor :math:`\alpha` is learned and 0 at the start, so that
    a short list is ranked by the product at first.

    Scores are float32 or wider, under autocast too.

    Args:
        interest_dim: width of an interest, H. It is first here, as the interests are in
            ``forward``; interest models take ``dim`` first.
        dim: width of an item vector, D.
        interests: number of vectors of an interest.
        items: number of vectors of an item.
        width: width of these vectors.
        hidden: width of the hidden layer of the perceptrons.
        temperature: :math:`\tau`, positive.
        dropout: probability that a weight is dropped in training.

    Raises:
        ValueError: a size or the temperature is not positive.

    References:
        Zhai et al., "Revisiting Neural Retrieval on Accelerators" (arXiv 2306.04039). There it
        retrieves, by a search of its own; here it reranks, since an index needs one product. The
        factor :math:`\alpha` is not there.

    Example:
        >>> scorer = MixtureOfLogitsScorer(interest_dim=4, dim=8)
        >>> scorer(torch.randn(2, 4), torch.randn(2, 5, 8)).shape  # five candidates per row
        torch.Size([2, 5])
    """

    def __init__(
        self,
        interest_dim: int,
        dim: int,
        *,
        interests: int = 4,
        items: int = 4,
        width: int = 32,
        hidden: int = 64,
        temperature: float = 0.05,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        if min(interest_dim, dim, interests, items, width, hidden) < 1 or temperature <= 0:
            raise ValueError(
                "MixtureOfLogitsScorer expects positive interest_dim, dim, interests, items, "
                f"width, hidden and temperature; got {interest_dim}, {dim}, {interests}, {items}, "
                f"{width}, {hidden} and {temperature}"
            )
        self.interest_dim, self.dim = interest_dim, dim
        self.interests, self.items, self.width = interests, items, width
        self.temperature = temperature
        self.interest = nn.Linear(interest_dim, interests * width)
        self.item = nn.Linear(dim, items * width)
        products = interests * items
        self.interest_gate = MLP([interest_dim, hidden, products], activation=nn.SiLU)
        self.item_gate = MLP([dim, hidden, products], activation=nn.SiLU)
        self.pair_gate = MLP([products, hidden, products], activation=nn.SiLU)
        self.dropout = nn.Dropout(dropout)
        self.factor = nn.Parameter(torch.zeros(()))

    def forward(
        self, states: Float[Tensor, "N H"], candidates: Float[Tensor, "N K D"]
    ) -> Float[Tensor, "N K"]:
        """Return the score of each row's own candidates.

        Raises:
            ValueError: a width is not the scorer's, or the numbers of rows differ.
        """
        check_shape("MixtureOfLogitsScorer expects states", states, ("rows", self.interest_dim))
        shape = (states.shape[0], "candidates", self.dim)
        check_shape("MixtureOfLogitsScorer expects item vectors", candidates, shape)
        logits = self.logits(states, candidates)
        weights = self.dropout(self.weights(states, candidates, logits))
        scores: Tensor = at_least_float32(self.factor) * (weights * logits).sum(-1)
        return scores

    def logits(
        self, states: Float[Tensor, "N H"], candidates: Float[Tensor, "N K D"]
    ) -> Float[Tensor, "N K L"]:
        """Return the products that are mixed, divided by the temperature, in float32 or wider."""
        interests = self.interest(states).unflatten(-1, (1, self.interests, self.width))
        items = self.item(candidates).unflatten(-1, (self.items, self.width))
        with full_precision(states):
            first, second = (
                F.normalize(at_least_float32(vectors), dim=-1) for vectors in (interests, items)
            )
            return (first @ second.mT).flatten(-2) / self.temperature

    def weights(
        self,
        states: Float[Tensor, "N H"],
        candidates: Float[Tensor, "N K D"],
        logits: Float[Tensor, "N K L"],
    ) -> Float[Tensor, "N K L"]:
        """Return the weights of the products of each pair; they sum to 1."""
        of_pair = self.pair_gate(logits.to(states.dtype))
        gates = self.interest_gate(states).unsqueeze(1) * self.item_gate(candidates) + of_pair
        return F.silu(at_least_float32(gates)).softmax(-1)
