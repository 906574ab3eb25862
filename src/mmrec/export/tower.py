"""The item tower from features on: fusion, and the little that comes before it."""

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mmrec.encoders import FeatureEncoder, IdEncoder
from mmrec.export.part import Part, Port
from mmrec.fusion import AttentionFusion
from mmrec.models import ItemEncoder


def tower_part(items: ItemEncoder) -> Part:
    """Return the item tower as a part.

    The modality of ids takes slots of the vocabulary, 0 for an item without one. Any other takes
    features and which items have them; what lies in the rows of the others changes nothing.
    Features are those of the frozen model, or what a model that was trained gives: texts and
    images aren't read.

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
        if isinstance(encoder, IdEncoder):
            inputs.append(Port(name, ("N",), "int64"))
            continue
        width = encoder.dim_in if isinstance(encoder, FeatureEncoder) else cast(int, encoder.dim)
        inputs += [Port(name, ("N", width)), Port(f"{name}_present", ("N",), "bool")]
    return Part("items", _Tower(items), inputs, [Port("vectors", ("N", items.dim))])


class _Tower(nn.Module):
    """Takes slots or features and a mask for each modality, in their order."""

    def __init__(self, items: ItemEncoder) -> None:
        super().__init__()
        self.ids = [isinstance(encoder, IdEncoder) for encoder in items.encoders.values()]
        self.heads = nn.ModuleDict({name: _head(e) for name, e in items.encoders.items()})
        self.fusion = items.fusion

    def forward(self, *tensors: Tensor) -> Float[Tensor, "N D"]:
        rest, features, present = iter(tensors), {}, {}
        for (name, head), is_id in zip(self.heads.items(), self.ids, strict=True):
            values = next(rest)
            present[name] = values > 0 if is_id else next(rest)
            if not is_id:  # NaN in the row of an item without the modality
                values = torch.where(present[name].unsqueeze(-1), values, 0.0)
            features[name] = head(values)
        if isinstance(self.fusion, AttentionFusion):
            return _attend(self.fusion, features, present)
        vectors: Tensor = self.fusion(features, present)
        return vectors


class _Standardize(nn.Module):
    """A feature encoder that doesn't look for NaN: a graph can't raise errors."""

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


def _head(encoder: nn.Module) -> nn.Module:
    """Return what is left of an encoder; a text or image model stays behind."""
    if isinstance(encoder, FeatureEncoder):
        return _Standardize(encoder)
    return encoder if isinstance(encoder, IdEncoder) else nn.Identity()


def _attend(
    fusion: AttentionFusion, features: dict[str, Tensor], present: dict[str, Tensor]
) -> Tensor:
    """Return what the fusion gives; its own `len(tokens)` would fix the number of items."""
    tokens = fusion.norm(fusion.adapters(features, present) + fusion.modality_embeddings)
    query = fusion.query.expand(tokens.shape[0], 1, -1)
    attended: Tensor = fusion.attention(query, tokens, tokens, need_weights=False)[0].squeeze(1)
    fused: Tensor = attended + fusion.mlp(attended)
    return fused
