"""A mixture of experts: small perceptrons, weighted for each item."""

from collections.abc import Mapping

import torch
from einops import einsum
from jaxtyping import Float
from torch import Tensor, nn

from mmrec.fusion.residual import ResidualFusion, zeroed
from mmrec.layers import MLP, record_init_args


@record_init_args
class ExpertsFusion(ResidualFusion):
    """Adds a mixture of experts to the sum of an item's modalities.

    Each expert is a perceptron over the concatenated modalities. A softmax over the experts,
    computed from the same concatenation, weights them for each item. All experts are computed for
    all items.

    Args:
        dims: width of each modality, by name.
        dim: D, the width of an item vector.
        experts: number of experts.
        hidden: width of the hidden layer of an expert; ``dim`` if None.
        dropout: dropout probability in the hidden layers.

    Shape:
        features: ``(P, dims[name])`` by name; present: ``(P,)`` by name, True where the item has
        it; output: ``(P, D)``.

    Raises:
        ValueError: ``dims`` is invalid, or a size is not positive.

    References:
        Jacobs et al., "Adaptive Mixtures of Local Experts", 1991.

    Example:
        >>> fusion = ExpertsFusion({"id": 8, "text": 6}, 8, experts=2)
        >>> features = {"id": torch.randn(5, 8), "text": torch.randn(5, 6)}
        >>> present = {"id": torch.ones(5).bool(), "text": torch.tensor([1, 0, 1, 0, 1]).bool()}
        >>> fusion(features, present).shape
        torch.Size([5, 8])
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        dim: int,
        *,
        experts: int = 4,
        hidden: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(dims, dim)
        if experts < 1:
            raise ValueError(f"ExpertsFusion expects 1 or more experts; got {experts}")
        width, hidden = len(dims) * dim, dim if hidden is None else hidden
        self.gate = nn.Linear(width, experts)
        made = [MLP([width, hidden, dim], dropout=dropout) for _ in range(experts)]
        for expert in made:
            zeroed(expert.layers[-1])
        self.experts = nn.ModuleList(made)

    def correction(self, tokens: Float[Tensor, "P M D"]) -> Float[Tensor, "P D"]:
        """Return the weighted sum of what the experts give."""
        wide = tokens.flatten(1)
        given = torch.stack([expert(wide) for expert in self.experts], dim=1)
        mixed: Tensor = einsum(self.gate(wide).softmax(dim=1), given, "p e, p e d -> p d")
        return mixed
