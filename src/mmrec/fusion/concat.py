"""Concatenation: the modalities of an item are concatenated, then mixed."""

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mmrec.fusion.adapters import ModalityAdapters
from mmrec.layers import MLP, record_init_args


@record_init_args
class ConcatFusion(nn.Module):
    """Fuses the modalities of an item by concatenation.

    Every modality is mapped to width ``dim`` (see ``ModalityAdapters``); an absent one is its
    learned missing vector. A linear layer or a small MLP mixes the concatenation. The mix starts
    as the sum of the modalities, so that an id embedding is passed on unchanged at first. A single
    modality needs no mix: its vector is the result.

    Args:
        dims: width of each modality, by name.
        dim: D, the width of an item vector.
        dropout: probability that an entry of the concatenation is dropped in training.
        hidden: width of the hidden layer of an MLP that is added to the sum; None for a linear mix.

    Shape:
        features: ``(P, dims[name])`` by name; present: ``(P,)`` by name, True where the item has
        it; output: ``(P, D)``.

    Raises:
        ValueError: ``dims`` is invalid.

    Example:
        >>> fusion = ConcatFusion({"id": 4, "text": 6}, 4)
        >>> features = {"id": torch.randn(5, 4), "text": torch.randn(5, 6)}
        >>> present = {"id": torch.ones(5).bool(), "text": torch.tensor([1, 0, 1, 0, 1]).bool()}
        >>> fusion(features, present).shape
        torch.Size([5, 4])
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        dim: int,
        *,
        dropout: float = 0.0,
        hidden: int | None = None,
    ) -> None:
        super().__init__()
        self.adapters = ModalityAdapters(dims, dim)
        self.dims, self.dim = self.adapters.dims, dim
        self.dropout = nn.Dropout(dropout)
        wide = len(dims) * dim
        self.mix: nn.Linear | None = None
        self.mlp: MLP | None = None
        if hidden is not None:
            self.mlp = MLP([wide, hidden, dim])
        elif len(dims) > 1:
            self.mix = nn.Linear(wide, dim)
            with torch.no_grad():
                self.mix.weight.copy_(torch.eye(dim).repeat(1, len(dims)))
                self.mix.bias.zero_()

    def forward(
        self, features: dict[str, Float[Tensor, "P _"]], present: dict[str, Bool[Tensor, " P"]]
    ) -> Float[Tensor, "P D"]:
        """Return one vector per item."""
        tokens = self.dropout(self.adapters(features, present))
        if self.mix is not None:
            fused: Tensor = self.mix(tokens.flatten(1))
            return fused
        fused = tokens.sum(dim=1)
        return fused if self.mlp is None else fused + self.mlp(tokens.flatten(1))
