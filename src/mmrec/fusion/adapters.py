"""The first step of every fusion: check the modalities and fill the absent slots."""

from collections.abc import Mapping
from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mmrec.layers import Size, check_shape


class ModalityAdapters(nn.Module):
    """Maps every modality of an item to the same width and fills absent ones.

    A modality goes through a layer norm and a linear layer. A modality that is already ``dim`` wide
    (an id embedding) is passed through unchanged. Where an item lacks a modality, the modality's
    learned missing vector is used instead. The values in an absent slot, NaN and infinity
    included, reach neither the result nor a gradient.

    Args:
        dims: width of each modality, by name. Their order is the order of the tokens.
        dim: D, the width of a token.

    Raises:
        ValueError: there is no modality, a width is below 1, or PyTorch reserves a name.

    Example:
        >>> adapters = ModalityAdapters({"id": 8, "text": 5}, 8)
        >>> features = {"id": torch.randn(3, 8), "text": torch.full((3, 5), torch.nan)}
        >>> present = {"id": torch.ones(3).bool(), "text": torch.zeros(3).bool()}
        >>> tokens = adapters(features, present)
        >>> tokens.shape, tokens.isfinite().all().item()
        (torch.Size([3, 2, 8]), True)
    """

    def __init__(self, dims: Mapping[str, int], dim: int) -> None:
        super().__init__()
        check_dims(dims, dim)
        self.dims = dict(dims)
        self.dim = dim
        self.layers = nn.ModuleDict({name: _adapter(width, dim) for name, width in dims.items()})
        # Small but not zero, so that an item without any modality still has a direction.
        self.missing = nn.ParameterDict(
            {name: nn.Parameter(torch.randn(dim) * 0.02) for name in dims}
        )

    def forward(
        self,
        features: Mapping[str, Float[Tensor, "P _"]],
        present: Mapping[str, Bool[Tensor, " P"]],
    ) -> Float[Tensor, "P M D"]:
        """Return a token for each modality of each item, or the modality's missing vector.

        Raises:
            ValueError: the modalities or a width differ from ``dims``, or shapes disagree.
        """
        check_modalities(self.dims, features, present)
        tokens = []
        for name, layer in self.layers.items():
            here = present[name].unsqueeze(-1)
            vectors = layer(blank(features[name], here))
            tokens.append(torch.where(here, vectors, self.missing[name]))
        return torch.stack(tokens, dim=1)


def blank(
    features: Float[Tensor, "P width"], here: Bool[Tensor, "P 1"]
) -> Float[Tensor, "P width"]:
    """Return ``features`` with zeros in the absent slots."""
    # `where`, because NaN times zero is NaN, also in a gradient.
    return torch.where(here, features, 0.0)


def check_dims(dims: Mapping[str, int], dim: int) -> None:
    """Raise a ValueError for widths or names that no fusion can use."""
    if not isinstance(dims, Mapping):
        raise ValueError(f"fusion expects dims as {{modality: width}}; got {dims!r}")
    if not dims:
        raise ValueError("fusion expects at least one modality; got none")
    if dim < 1 or any(width < 1 for width in dims.values()):
        raise ValueError(f"fusion expects widths of at least 1; got dims {dict(dims)}, dim {dim}")
    reserved = dir(nn.ModuleDict())
    for name in dims:
        if not name or "." in name or name in reserved:
            raise ValueError(f"{name!r} cannot name a modality, because PyTorch reserves the name")


def check_modalities(
    dims: Mapping[str, int], features: Mapping[str, Tensor], present: Mapping[str, Tensor]
) -> None:
    """Raise a ValueError for features that differ from those the fusion was built for."""
    for given in (features, present):
        if set(given) != set(dims):
            raise ValueError(f"fusion expects modalities {list(dims)}; got {sorted(given)}")
    items: Size | str = "items"
    for name, width in dims.items():
        check_shape(f"fusion expects {name!r} features", features[name], (items, width))
        items = features[name].shape[0]  # len() would fix the size of an exported graph
        here = f"fusion expects {name!r} present"
        check_shape(here, present[name], (items,), dtype=torch.bool)


class _Adapter(nn.Sequential):
    """A layer norm and a linear layer; in training the norm's weight and bias go into the layer's.

    So features that are not trained need no gradient, which would cost a product as large as the
    layer itself.
    """

    def __init__(self, width: int, dim: int) -> None:
        super().__init__(nn.LayerNorm(width), nn.Linear(width, dim))

    def forward(self, features: Float[Tensor, "P width"]) -> Float[Tensor, "P D"]:
        """Return tokens."""
        if not torch.is_grad_enabled():  # an export keeps the layers as they are
            return cast(Tensor, super().forward(features))
        norm, layer = cast(nn.LayerNorm, self[0]), cast(nn.Linear, self[1])
        rows = F.layer_norm(features, norm.normalized_shape, eps=norm.eps)
        return F.linear(rows, layer.weight * norm.weight, layer.bias + layer.weight @ norm.bias)


def _adapter(width: int, dim: int) -> nn.Module:
    return nn.Identity() if width == dim else _Adapter(width, dim)
