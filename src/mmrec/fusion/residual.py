"""What the fusions of tokens share: the sum of an item's modalities, and a correction of it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TypeVar

from jaxtyping import Bool, Float
from torch import Tensor, nn

from mmrec.fusion.adapters import ModalityAdapters

T = TypeVar("T", bound=nn.Module)


class ResidualFusion(nn.Module, ABC):
    """Fuses the modalities of an item as their sum plus a correction that a subclass learns.

    Each modality is a token of width ``dim`` (see ``ModalityAdapters``; an absent one is its
    learned missing vector). Every correction is zero at the start, so an id embedding is passed on
    unchanged at first.

    Args:
        dims: width of each modality, by name.
        dim: D, the width of an item vector.

    Raises:
        ValueError: ``dims`` is invalid.
    """

    def __init__(self, dims: Mapping[str, int], dim: int) -> None:
        super().__init__()
        self.adapters = ModalityAdapters(dims, dim)
        self.dims, self.dim = self.adapters.dims, dim

    @abstractmethod
    def correction(self, tokens: Float[Tensor, "P M D"]) -> Float[Tensor, "P D"]:
        """Return what is added to the sum of the tokens."""

    def forward(
        self, features: dict[str, Float[Tensor, "P _"]], present: dict[str, Bool[Tensor, " P"]]
    ) -> Float[Tensor, "P D"]:
        """Return one vector per item."""
        tokens: Tensor = self.adapters(features, present)
        return tokens.sum(dim=1) + self.correction(tokens)


def zeroed(layer: T) -> T:
    """Set the parameters of a layer to 0, and return it."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer
