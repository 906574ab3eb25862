"""The item tower after the encoders of raw values: the light encoders and the fusion."""

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mmrec.encoders import Encoder, FeatureEncoder, GivenEncoder, IdEncoder
from mmrec.encoders.protocol import reads_raw_values
from mmrec.export.part import Part, Port
from mmrec.models import ItemEncoder


def tower_part(items: ItemEncoder) -> Part:
    """Return the item tower as a part.

    The modality of an :class:`IdEncoder` takes slots of the id vocabulary, 0 for an item without an
    id. Any other modality takes features and a mask of the items that have them; features of other
    items change nothing. Encoders of raw values (texts, images) are not exported: the features of
    their modality are their vectors.

    Raises:
        ValueError: an encoder is of another class, subclasses included.

    Example:
        >>> from mmrec.fusion import ConcatFusion
        >>> encoders = {"id": IdEncoder(3, 8), "text": FeatureEncoder(5)}
        >>> part = tower_part(ItemEncoder(encoders, ConcatFusion({"id": 8, "text": 5}, 8)))
        >>> [port.name for port in part.inputs]
        ['id', 'text', 'text_present']
        >>> part(torch.tensor([1, 0]), torch.randn(2, 5), torch.tensor([True, False])).shape
        torch.Size([2, 8])
    """
    inputs = []
    for name, encoder in items.encoders.items():
        if type(encoder) is IdEncoder:
            inputs.append(Port(name, ("N",), "int64"))
            continue
        made = cast(Encoder, encoder).dim
        width = encoder.dim_in if type(encoder) is FeatureEncoder else made
        inputs += [Port(name, ("N", width)), Port(f"{name}_present", ("N",), "bool")]
    return Part("items", _Tower(items), inputs, [Port("vectors", ("N", items.dim))])


class _Tower(nn.Module):
    """Takes slots, or features and a mask, for each modality in order."""

    def __init__(self, items: ItemEncoder) -> None:
        super().__init__()
        self.ids = [type(encoder) is IdEncoder for encoder in items.encoders.values()]
        self.heads = nn.ModuleDict({name: _head(name, e) for name, e in items.encoders.items()})
        self.fusion = items.fusion

    def forward(self, *tensors: Tensor) -> Float[Tensor, "N D"]:
        rest, features, present = iter(tensors), {}, {}
        for (name, head), is_id in zip(self.heads.items(), self.ids, strict=True):
            values = next(rest)
            present[name] = values > 0 if is_id else next(rest)
            if not is_id:  # rows of items without the modality may be NaN
                values = torch.where(present[name].unsqueeze(-1), values, 0.0)
            features[name] = head(values)
        read = self.fusion.dims
        vectors: Tensor = self.fusion(
            {name: features[name] for name in read}, {name: present[name] for name in read}
        )
        return vectors


class _Standardize(nn.Module):
    """A feature encoder without the check for NaN, because a graph cannot raise errors."""

    mean: Tensor
    scale: Tensor
    rotation: Tensor | None

    def __init__(self, encoder: FeatureEncoder) -> None:
        super().__init__()
        for name in ("mean", "scale", "rotation"):
            self.register_buffer(name, getattr(encoder, name))
        self.project = encoder.project

    def forward(self, inputs: Float[Tensor, "N W"]) -> Float[Tensor, "N D"]:
        values = (inputs - self.mean) / self.scale
        vectors: Tensor = self.project(values if self.rotation is None else values @ self.rotation)
        return vectors


def _head(name: str, encoder: nn.Module) -> nn.Module:
    """Return the exported part of an encoder."""
    # Exact types: the exported graph would ignore what a subclass changes.
    if type(encoder) is FeatureEncoder:
        return _Standardize(encoder)
    if type(encoder) is IdEncoder:
        return encoder
    if reads_raw_values(encoder) or type(encoder) is GivenEncoder:
        return nn.Identity()
    raise ValueError(
        f"graphs can't hold the modality {name!r} ({type(encoder).__name__}): export expects "
        "encoders of exactly the class IdEncoder, FeatureEncoder or GivenEncoder, or encoders of "
        "raw values, whose vectors it takes as inputs; vectors alone are exported without graphs"
    )
