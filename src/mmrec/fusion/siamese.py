"""Siamese: one shared tower maps every modality into one space, where they are averaged."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mmrec.fusion.adapters import blank, check_dims, check_modalities
from mmrec.layers import MLP, masked_mean, record_init_args
from mmrec.losses import Output, alignment_loss


@record_init_args
class SiameseFusion(nn.Module):
    """Fuses the modalities of an item as the mean of their vectors in one shared space.

    An adapter per modality (layer norm and linear) maps it to one width. The same tower then maps
    all of them into the shared space, where the text and the image of an item can be compared. An
    item's vector is the mean over the modalities it has, or one learned missing vector if it has
    none.

    In training an auxiliary loss pulls the modalities of an item together and away from those of
    other items, see :func:`mmrec.losses.alignment_loss`.

    Args:
        dims: width of each modality, by name.
        dim: D, the width of the shared space and of an item vector.
        hidden: width of the adapters and of the tower; ``dim`` if None.
        dropout: dropout probability in the tower.
        alignment: weight of the auxiliary loss; 0 for none.
        aligned: the modalities whose vectors are pulled together; None for all. With fewer than
            two the loss is zero.

    Shape:
        features: ``(P, dims[name])`` by name; present: ``(P,)`` by name, True where the item has
        it; output: ``(P, D)``.

    Raises:
        ValueError: ``dims`` is invalid, ``alignment`` is negative, or ``aligned`` has a name that
            is not in ``dims``.

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
        alignment: float = 0.1,
        aligned: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        check_dims(dims, dim)
        if alignment < 0:
            raise ValueError(f"alignment must be 0 or more; got {alignment}")
        unknown = set(dims if aligned is None else aligned) - set(dims)
        if unknown:
            raise ValueError(f"aligned must name modalities of {list(dims)}; got {sorted(unknown)}")
        hidden = dim if hidden is None else hidden
        self.dims = dict(dims)
        self.dim = dim
        self.auxiliary_weight = alignment
        self.aligned = [name for name in dims if aligned is None or name in aligned]
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
        """Return the vector of each modality in the shared space; zeros where it is absent."""
        check_modalities(self.dims, features, present)
        vectors = {}
        for name, adapter in self.adapters.items():
            here = present[name].unsqueeze(-1)
            vectors[name] = blank(self.tower(adapter(blank(features[name], here))), here)
        return vectors

    def forward(
        self, features: dict[str, Float[Tensor, "P _"]], present: dict[str, Bool[Tensor, " P"]]
    ) -> Float[Tensor, "P D"]:
        """Return one vector per item."""
        vectors = torch.stack(list(self.project(features, present).values()), dim=1)
        here = torch.stack([present[name] for name in self.dims], dim=1)
        mean = masked_mean(vectors, here.unsqueeze(-1), dim=1)
        return torch.where(here.any(dim=1, keepdim=True), mean, self.missing)

    def auxiliary_loss(self, output: Output) -> Float[Tensor, ""]:
        """Return the mean alignment loss over the pairs of aligned modalities.

        Each pair is compared over the items that have both.
        """
        present = output.present
        vectors = self.project(output.features, present)
        losses = [
            alignment_loss(vectors[a], vectors[b], present[a] & present[b])
            for a, b in combinations(self.aligned, 2)
        ]
        return torch.stack(losses).mean() if losses else output.logits.new_zeros(())
