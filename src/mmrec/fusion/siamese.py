"""Siamese: one shared tower maps the content of an item into one space, where it is averaged."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mmrec.fusion.adapters import ModalityAdapters, blank, check_dims, check_modalities
from mmrec.fusion.residual import zeroed
from mmrec.layers import MLP, masked_mean, record_init_args
from mmrec.losses import Output, alignment_loss


@record_init_args
class SiameseFusion(nn.Module):
    """Fuses the content of an item as the mean of its vectors in one shared space.

    An adapter per content modality (layer norm and linear) maps it to width ``dim``. The same tower
    then maps all of them into the shared space, where the text and the image of an item can be
    compared. The tower is a perceptron with a residual connection; at the start it passes on what
    it gets. An item's content is the mean over the content modalities that it has, or one learned
    missing vector if it has none.

    Modalities that are no content, such as an id, have nothing in common with a text. They stay
    outside of the tower and are added (see ``ModalityAdapters``).

    With ``alignment``, an auxiliary loss in training pulls the content modalities of an item
    together and away from those of other items, see :func:`mmrec.losses.alignment_loss`.

    Args:
        dims: width of each modality, by name.
        dim: D, the width of the shared space and of an item vector.
        hidden: width of the hidden layer of the tower; ``dim`` if None.
        dropout: dropout probability in the tower.
        alignment: weight of the auxiliary loss; 0 for none.
        content: the modalities that share the tower; None, or no name, for all.

    Shape:
        features: ``(P, dims[name])`` by name; present: ``(P,)`` by name, True where the item has
        it; output: ``(P, D)``.

    Raises:
        ValueError: ``dims`` is invalid, ``alignment`` is negative, or ``content`` has a name that
            is not in ``dims``.

    References:
        Bromley et al., "Signature Verification using a Siamese Time Delay Neural Network", 1993;
        two modalities aligned in one space: Radford et al., arXiv:2103.00020.

    Example:
        >>> fusion = SiameseFusion({"id": 4, "image": 8, "text": 6}, 4, content=["image", "text"])
        >>> widths = {"id": 4, "image": 8, "text": 6}
        >>> features = {name: torch.randn(5, width) for name, width in widths.items()}
        >>> present = {name: torch.ones(5).bool() for name in widths}
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
        alignment: float = 0.0,
        content: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        check_dims(dims, dim)
        if alignment < 0:
            raise ValueError(f"alignment must be 0 or more; got {alignment}")
        if unknown := set(content or ()) - set(dims):
            raise ValueError(f"content must name modalities of {list(dims)}; got {sorted(unknown)}")
        self.dims, self.dim = dict(dims), dim
        self.auxiliary_weight = alignment
        self.content = [name for name in dims if not content or name in content]
        self.adapters = nn.ModuleDict(
            {
                name: nn.Sequential(nn.LayerNorm(dims[name]), nn.Linear(dims[name], dim))
                for name in self.content
            }
        )
        self.tower = MLP([dim, dim if hidden is None else hidden, dim], dropout=dropout)
        zeroed(self.tower.layers[-1])
        self.missing = nn.Parameter(torch.randn(dim) * 0.02)
        others = {name: width for name, width in dims.items() if name not in self.content}
        self.others = ModalityAdapters(others, dim) if others else None

    def project(
        self, features: dict[str, Float[Tensor, "P _"]], present: dict[str, Bool[Tensor, " P"]]
    ) -> dict[str, Float[Tensor, "P D"]]:
        """Return the shared vector of each content modality; zeros where it is absent."""
        check_modalities(self.dims, features, present)
        vectors = {}
        for name, adapter in self.adapters.items():
            here = present[name].unsqueeze(-1)
            adapted = adapter(blank(features[name], here))
            vectors[name] = blank(adapted + self.tower(adapted), here)
        return vectors

    def forward(
        self, features: dict[str, Float[Tensor, "P _"]], present: dict[str, Bool[Tensor, " P"]]
    ) -> Float[Tensor, "P D"]:
        """Return one vector per item."""
        vectors = torch.stack(list(self.project(features, present).values()), dim=1)
        here = torch.stack([present[name] for name in self.content], dim=1)
        mean = masked_mean(vectors, here.unsqueeze(-1), dim=1)
        content = torch.where(here.any(dim=1, keepdim=True), mean, self.missing)
        if self.others is None:
            return content
        names = self.others.dims
        outside: Tensor = self.others(
            {n: features[n] for n in names}, {n: present[n] for n in names}
        )
        return content + outside.sum(dim=1)

    def auxiliary_loss(self, output: Output) -> Float[Tensor, ""]:
        """Return the mean alignment loss over the pairs of content modalities.

        Each pair is compared over the items that have both. With fewer than two modalities it is
        zero.
        """
        present = output.present
        vectors = self.project(output.features, present)
        losses = [
            alignment_loss(vectors[a], vectors[b], present[a] & present[b])
            for a, b in combinations(self.content, 2)
        ]
        return torch.stack(losses).mean() if losses else output.logits.new_zeros(())
