"""Additive attention: a learned query pools a set of vectors."""

from jaxtyping import Bool, Float
from torch import Tensor, nn

from mmrec.layers.masked import masked_softmax


class AdditiveAttention(nn.Module):
    r"""Pools vectors as their mean, weighted by a small network that looks at each of them alone.

    .. math:: a_i = q^\top \tanh(V x_i + b), \qquad
        \text{pooled} = \sum_i \operatorname{softmax}(a)_i \, x_i

    Args:
        dim: width of a vector, D.
        hidden: width of the query; ``dim`` if None.

    Shape:
        values: ``(*, T, D)``; mask: ``(*, T)``, True is real; output: ``(*, D)``, zero where
        nothing is real.

    References:
        Bahdanau et al., "Neural Machine Translation by Jointly Learning to Align and Translate"
        (arXiv 1409.0473); with a learned query as in NAML (arXiv 1907.05576) and NRMS.

    Example:
        >>> import torch
        >>> attention, mask = AdditiveAttention(4), torch.tensor([[True, False, False]])
        >>> values = torch.randn(1, 3, 4)
        >>> torch.equal(attention(values, mask), values[:, 0])
        True
    """

    def __init__(self, dim: int, hidden: int | None = None) -> None:
        super().__init__()
        hidden = dim if hidden is None else hidden
        if min(dim, hidden) < 1:
            raise ValueError(
                f"additive attention expects positive dim and hidden; got {dim} and {hidden}"
            )
        self.key, self.query = nn.Linear(dim, hidden), nn.Linear(hidden, 1, bias=False)

    def logits(self, values: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch"]:
        """Return the logit of each vector, which depends on no other vector."""
        found: Tensor = self.query(self.key(values).tanh()).squeeze(-1)
        return found

    def forward(
        self, values: Float[Tensor, "*batch T D"], mask: Bool[Tensor, "*batch T"]
    ) -> Float[Tensor, "*batch D"]:
        """Return the weighted mean; values that are not real must be finite."""
        weights = masked_softmax(self.logits(values), mask).to(values.dtype)
        return (weights.unsqueeze(-2) @ values).squeeze(-2)
