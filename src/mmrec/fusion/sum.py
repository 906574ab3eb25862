"""The sum of an item's modalities."""

from collections.abc import Mapping

from jaxtyping import Bool, Float
from torch import Tensor, nn

from mmrec.fusion.adapters import ModalityAdapters
from mmrec.layers import record_init_args


@record_init_args
class SumFusion(nn.Module):
    """Fuses the modalities of an item as their sum.

    Each modality goes through a layer norm and a linear layer to width ``dim``; one that is already
    ``dim`` wide (an id embedding) is added unchanged. An absent modality is its learned missing
    vector. It is what the other fusions are at the start, without what they learn beside it.

    Args:
        dims: width of each modality, by name.
        dim: D, the width of an item vector.

    Shape:
        features: ``(P, dims[name])`` by name; present: ``(P,)`` by name, True where the item has
        it; output: ``(P, D)``.

    Raises:
        ValueError: ``dims`` is invalid.

    Example:
        >>> import torch
        >>> fusion = SumFusion({"id": 8, "text": 6}, 8)
        >>> features = {"id": torch.randn(5, 8), "text": torch.randn(5, 6)}
        >>> present = {"id": torch.ones(5).bool(), "text": torch.tensor([1, 0, 1, 0, 1]).bool()}
        >>> fusion(features, present).shape
        torch.Size([5, 8])
    """

    def __init__(self, dims: Mapping[str, int], dim: int) -> None:
        super().__init__()
        self.adapters = ModalityAdapters(dims, dim)
        self.dims, self.dim = self.adapters.dims, dim

    def forward(
        self, features: dict[str, Float[Tensor, "P _"]], present: dict[str, Bool[Tensor, " P"]]
    ) -> Float[Tensor, "P D"]:
        """Return one vector per item."""
        tokens: Tensor = self.adapters(features, present)
        return tokens.sum(dim=1)
