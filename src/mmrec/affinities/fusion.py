"""A fusion with the directions of an item's content beside its learned vector."""

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mmrec.affinities.content import ContentDirections
from mmrec.fusion import Fusion


class AffinityFusion(nn.Module):
    """Puts the directions of an item's frozen content beside its learned vector.

    Args:
        fusion: makes the learned vector, (P, D).
        content: makes the directions, (P, E).

    Example:
        >>> from mmrec.fusion import ConcatFusion
        >>> content = ContentDirections({"text": 6}, {"text": 2})
        >>> fusion = AffinityFusion(ConcatFusion({"text": 6}, 4), content)
        >>> fusion({"text": torch.randn(5, 6)}, {"text": torch.ones(5).bool()}).shape
        torch.Size([5, 6])
    """

    def __init__(self, fusion: Fusion, content: ContentDirections) -> None:
        super().__init__()
        self.fusion, self.content = fusion, content

    @property
    def dims(self) -> Mapping[str, int]:
        """Width of each modality's features, by name."""
        return {**self.fusion.dims, **self.content.widths}

    @property
    def dim(self) -> int:
        """Width of the result, D + E."""
        return self.fusion.dim + self.content.dim

    def without_lengths(self, contributions: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return what each modality adds to items, where an id adds to the learned vector alone.

        Without it an item counts as new, and the length of its directions is another one.

        Args:
            contributions: ``(N, D + E)`` by modality, see
                :func:`mmrec.models.encode_with_contributions`.
        """
        made = dict(contributions)
        if (name := self.content.identity) in made:
            made[name] = made[name].clone()
            made[name][:, self.fusion.dim :] = 0
        return made

    def forward(
        self, features: dict[str, Float[Tensor, "P _"]], present: dict[str, Bool[Tensor, " P"]]
    ) -> Float[Tensor, "P _"]:
        """Return the learned vector and the directions of each item."""
        read = self.fusion.dims
        learned = self.fusion({n: features[n] for n in read}, {n: present[n] for n in read})
        return torch.cat([learned, self.content(features, present).to(learned)], dim=-1)
