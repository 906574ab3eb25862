"""Products of modalities, by factors of low rank."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mmrec.fusion.residual import ResidualFusion, zeroed
from mmrec.layers import record_init_args


@record_init_args
class BilinearFusion(ResidualFusion):
    """Adds the products of an item's modalities, by factors of low rank, to their sum.

    A full tensor would have a weight for each product of a number of every modality. Here each
    modality, with a 1 appended, is mapped to ``rank`` factors; the factors of all modalities are
    multiplied, and a linear layer maps the products to the item's vector. Because of the 1,
    products of fewer modalities are among them.

    Args:
        dims: width of each modality, by name.
        dim: D, the width of an item vector.
        rank: number of factors.

    Shape:
        features: ``(P, dims[name])`` by name; present: ``(P,)`` by name, True where the item has
        it; output: ``(P, D)``.

    Raises:
        ValueError: ``dims`` is invalid, or the rank is not positive.

    References:
        Liu et al., "Efficient Low-rank Multimodal Fusion with Modality-Specific Factors",
        arXiv:1806.00064. There each output has factors of its own; here outputs share them.

    Example:
        >>> fusion = BilinearFusion({"id": 8, "text": 6}, 8, rank=4)
        >>> features = {"id": torch.randn(5, 8), "text": torch.randn(5, 6)}
        >>> present = {"id": torch.ones(5).bool(), "text": torch.tensor([1, 0, 1, 0, 1]).bool()}
        >>> fusion(features, present).shape
        torch.Size([5, 8])
    """

    def __init__(self, dims: Mapping[str, int], dim: int, *, rank: int = 64) -> None:
        super().__init__(dims, dim)
        if rank < 1:
            raise ValueError(f"BilinearFusion expects a rank of 1 or more; got {rank}")
        # The bias of a layer is the weight of the 1.
        self.factors = nn.ModuleList([nn.Linear(dim, rank) for _ in dims])
        self.mix = zeroed(nn.Linear(rank, dim, bias=False))

    def correction(self, tokens: Float[Tensor, "P M D"]) -> Float[Tensor, "P D"]:
        """Return the mixed products."""
        pairs = zip(self.factors, tokens.unbind(dim=1), strict=True)
        products = torch.stack([factor(token) for factor, token in pairs]).prod(dim=0)
        mixed: Tensor = self.mix(products)
        return mixed
