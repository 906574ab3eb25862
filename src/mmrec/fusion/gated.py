"""Gates: how much each number of each modality counts depends on the item."""

from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor, nn

from mmrec.fusion.residual import ResidualFusion, zeroed
from mmrec.layers import record_init_args


@record_init_args
class GatedFusion(ResidualFusion):
    """Fuses the modalities of an item as a sum in which each number has a gate.

    The gates are computed from all modalities together: ``2 sigmoid(W [x_1; …; x_M])``, which is 1
    at the start.

    Args:
        dims: width of each modality, by name.
        dim: D, the width of an item vector.

    Shape:
        features: ``(P, dims[name])`` by name; present: ``(P,)`` by name, True where the item has
        it; output: ``(P, D)``.

    Raises:
        ValueError: ``dims`` is invalid.

    References:
        Arevalo et al., "Gated Multimodal Units for Information Fusion", arXiv:1702.01992. There a
        tanh bounds each modality; here none does, so that the fusion starts as a sum.

    Example:
        >>> import torch
        >>> fusion = GatedFusion({"id": 8, "text": 6}, 8)
        >>> features = {"id": torch.randn(5, 8), "text": torch.randn(5, 6)}
        >>> present = {"id": torch.ones(5).bool(), "text": torch.tensor([1, 0, 1, 0, 1]).bool()}
        >>> fusion(features, present).shape
        torch.Size([5, 8])
    """

    def __init__(self, dims: Mapping[str, int], dim: int) -> None:
        super().__init__(dims, dim)
        width = len(dims) * dim
        self.gates = zeroed(nn.Linear(width, width))

    def correction(self, tokens: Float[Tensor, "P M D"]) -> Float[Tensor, "P D"]:
        """Return what the gates add to the sum, or take from it."""
        gates: Tensor = 2 * self.gates(tokens.flatten(1)).sigmoid().view_as(tokens)
        return ((gates - 1) * tokens).sum(dim=1)
