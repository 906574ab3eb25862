"""Encoders: one modality of an item becomes one vector.

:class:`Encoder` is the contract, :class:`RawEncoder` that of encoders of raw values such as texts
and images. Importing this package loads neither transformers nor timm: each name is loaded when it
is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmrec.encoders.cache import Features, FeatureStore
    from mmrec.encoders.category import CategoryEncoder
    from mmrec.encoders.feature import FeatureEncoder
    from mmrec.encoders.given import GivenEncoder
    from mmrec.encoders.graph import GraphIdEncoder
    from mmrec.encoders.identity import IdEncoder
    from mmrec.encoders.image import ImageEncoder
    from mmrec.encoders.image_tower import ImageTower
    from mmrec.encoders.image_transform import ImageTransform
    from mmrec.encoders.number import (
        NumberEncoder,
        piecewise_linear,
        quantile_edges,
        soft_bins,
    )
    from mmrec.encoders.projection import Projection
    from mmrec.encoders.protocol import Encoder, LayeredEncoder, RawEncoder
    from mmrec.encoders.semantic import QuantizedEncoder, SemanticIdEncoder
    from mmrec.encoders.state_store import StateStore
    from mmrec.encoders.states import HiddenStates
    from mmrec.encoders.text import TextEncoder
    from mmrec.encoders.text_transform import TextTransform
    from mmrec.encoders.tuning import tune
    from mmrec.encoders.values import value_vectors

_FILES = {
    "CategoryEncoder": "category",
    "Encoder": "protocol",
    "FeatureEncoder": "feature",
    "FeatureStore": "cache",
    "Features": "cache",
    "GivenEncoder": "given",
    "GraphIdEncoder": "graph",
    "HiddenStates": "states",
    "IdEncoder": "identity",
    "ImageEncoder": "image",
    "ImageTower": "image_tower",
    "ImageTransform": "image_transform",
    "LayeredEncoder": "protocol",
    "NumberEncoder": "number",
    "Projection": "projection",
    "QuantizedEncoder": "semantic",
    "RawEncoder": "protocol",
    "SemanticIdEncoder": "semantic",
    "StateStore": "state_store",
    "TextEncoder": "text",
    "TextTransform": "text_transform",
    "piecewise_linear": "number",
    "quantile_edges": "number",
    "soft_bins": "number",
    "tune": "tuning",
    "value_vectors": "values",
}

__all__ = [
    "CategoryEncoder",
    "Encoder",
    "FeatureEncoder",
    "FeatureStore",
    "Features",
    "GivenEncoder",
    "GraphIdEncoder",
    "HiddenStates",
    "IdEncoder",
    "ImageEncoder",
    "ImageTower",
    "ImageTransform",
    "LayeredEncoder",
    "NumberEncoder",
    "Projection",
    "QuantizedEncoder",
    "RawEncoder",
    "SemanticIdEncoder",
    "StateStore",
    "TextEncoder",
    "TextTransform",
    "piecewise_linear",
    "quantile_edges",
    "soft_bins",
    "tune",
    "value_vectors",
]


def __getattr__(name: str) -> Any:
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_FILES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
