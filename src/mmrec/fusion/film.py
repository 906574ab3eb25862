"""Feature-wise modulation: the other modalities scale and shift one of them."""

from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor, nn

from mmrec.fusion.residual import ResidualFusion, zeroed
from mmrec.layers import record_init_args


@record_init_args
class FiLMFusion(ResidualFusion):
    """Scales and shifts each number of one modality by what the others say.

    With the modulated modality ``x`` and the concatenation ``z`` of the others, an item's vector is
    ``(1 + A z) x + B z``. ``A`` is 0 and ``B`` is the sum at the start. A single modality is passed
    on as it is.

    Args:
        dims: width of each modality, by name.
        dim: D, the width of an item vector.
        modulated: the modality that is scaled; the first one if None.

    Shape:
        features: ``(P, dims[name])`` by name; present: ``(P,)`` by name, True where the item has
        it; output: ``(P, D)``.

    Raises:
        ValueError: ``dims`` is invalid, or ``modulated`` is not one of its names.

    References:
        Perez et al., "FiLM: Visual Reasoning with a General Conditioning Layer", arXiv:1709.07871.

    Example:
        >>> import torch
        >>> fusion = FiLMFusion({"id": 8, "text": 6}, 8, modulated="id")
        >>> features = {"id": torch.randn(5, 8), "text": torch.randn(5, 6)}
        >>> present = {"id": torch.ones(5).bool(), "text": torch.tensor([1, 0, 1, 0, 1]).bool()}
        >>> fusion(features, present).shape
        torch.Size([5, 8])
    """

    def __init__(self, dims: Mapping[str, int], dim: int, *, modulated: str | None = None) -> None:
        super().__init__(dims, dim)
        names = list(dims)
        if modulated is not None and modulated not in dims:
            raise ValueError(f"modulated must be one of {names}; got {modulated!r}")
        self.place = 0 if modulated is None else names.index(modulated)
        self.others = [place for place in range(len(names)) if place != self.place]
        width = len(self.others) * dim
        self.scale = zeroed(nn.Linear(width, dim)) if self.others else None
        self.shift = zeroed(nn.Linear(width, dim)) if self.others else None

    def correction(self, tokens: Float[Tensor, "P M D"]) -> Float[Tensor, "P D"]:
        """Return what scale and shift add to the sum."""
        if self.scale is None or self.shift is None:
            return tokens.new_zeros(tokens.shape[0], self.dim)
        others = tokens[:, self.others].flatten(1)
        modulated: Tensor = self.scale(others) * tokens[:, self.place] + self.shift(others)
        return modulated
