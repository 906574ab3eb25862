"""The contract of a fusion."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from jaxtyping import Bool, Float
from torch import Tensor


@runtime_checkable
class Fusion(Protocol):
    """An ``nn.Module`` that turns the features of an item's modalities into one vector.

    The result must not depend on the values in an absent slot, NaN included, nor on other items.
    :func:`mmrec.testing.check_fusion` checks a fusion.
    """

    @property
    def dims(self) -> Mapping[str, int]:
        """Width of each modality's features, by name."""
        ...

    @property
    def dim(self) -> int:
        """Width of an item vector, D."""
        ...

    def __call__(
        self, features: dict[str, Float[Tensor, "P _"]], present: dict[str, Bool[Tensor, " P"]]
    ) -> Float[Tensor, "P D"]:
        """Return one vector per item.

        Args:
            features: ``(P, dims[name])`` by modality.
            present: ``(P,)`` by modality, True where the item has it.
        """
        ...
