"""Siamese: one shared tower brings every modality into one space, where they are averaged."""

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mmrec.fusion.adapters import blank, check_dims, check_modalities
from mmrec.layers import MLP, masked_mean


class SiameseFusion(nn.Module):
    """Fuses the modalities of an item as the mean of their vectors in one shared space.

    A small adapter (layer norm and linear) brings each modality to one width; the same tower
    takes all of them into the shared space. There the text and the image of an item can be
    compared and drawn together: give two of the vectors of `project` to
    `mmrec.losses.alignment_loss`. An item's vector is the mean over the modalities that it has,
    and one learned missing vector if it has none.

    Args:
        dims: width of each modality, by name.
        dim: D, the width of the shared space and of an item vector.
        hidden: width of the adapters and of the tower; `dim` if None.
        dropout: dropout probability in the tower.

    Shape:
        features: `(P, dims[name])` by name; present: `(P,)` by name, True where the item has it;
        output: `(P, D)`.

    Raises:
        ValueError: if the modalities or a width are not those of `dims`.

    References:
        Bromley et al., "Signature Verification using a Siamese Time Delay Neural Network", 1993;
        two modalities aligned in one space: Radford et al., arXiv:2103.00020.

    Example:
        >>> fusion = SiameseFusion({"image": 8, "text": 6}, 4)
        >>> features = {"image": torch.randn(5, 8), "text": torch.randn(5, 6)}
        >>> present = {"image": torch.ones(5).bool(), "text": torch.tensor([1, 0, 1, 0, 1]).bool()}
        >>> fusion(features, present).shape
        torch.Size([5, 4])
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        dim: int,
        *,
        hidden: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_dims(dims, dim)
        hidden = dim if hidden is None else hidden
        self.dims = dict(dims)
        self.dim = dim
        self.adapters = nn.ModuleDict(
            {
                name: nn.Sequential(nn.LayerNorm(width), nn.Linear(width, hidden))
                for name, width in dims.items()
            }
        )
        self.tower = MLP([hidden, hidden, dim], dropout=dropout)
        self.missing = nn.Parameter(torch.randn(dim) * 0.02)

    def project(
        self, features: dict[str, Float[Tensor, "P _"]], present: dict[str, Bool[Tensor, " P"]]
    ) -> dict[str, Float[Tensor, "P D"]]:
        """The vector of each modality in the shared space; zeros where it is absent."""
        check_modalities(self.dims, features, present)
        vectors = {}
        for name, adapter in self.adapters.items():
            here = present[name].unsqueeze(-1)
            vectors[name] = blank(self.tower(adapter(blank(features[name], here))), here)
        return vectors

    def forward(
        self, features: dict[str, Float[Tensor, "P _"]], present: dict[str, Bool[Tensor, " P"]]
    ) -> Float[Tensor, "P D"]:
        """One vector per item."""
        vectors = torch.stack(list(self.project(features, present).values()), dim=1)
        here = torch.stack([present[name] for name in self.dims], dim=1)
        mean = masked_mean(vectors, here.unsqueeze(-1), dim=1)
        return torch.where(here.any(dim=1, keepdim=True), mean, self.missing)
