"""Encoders: one modality of an item becomes one vector.

An encoder is an `nn.Module` with `dim` (the width of its vectors) and `forward(inputs)`, which
takes the inputs of the `n` items that have the modality and gives `(n, dim)`. One that owns raw
input (texts, images) also has `transform`, a picklable callable that turns raw values into
inputs in a data-loader worker. Importing this package loads neither transformers nor timm: each
name is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmrec.encoders.cache import Features, FeatureStore
    from mmrec.encoders.feature import FeatureEncoder
    from mmrec.encoders.identity import IdEncoder
    from mmrec.encoders.image import ImageEncoder
    from mmrec.encoders.image_transform import ImageTransform
    from mmrec.encoders.text import TextEncoder, TextTransform
    from mmrec.encoders.tuning import tune

_FILES = {
    "FeatureEncoder": "feature",
    "FeatureStore": "cache",
    "Features": "cache",
    "IdEncoder": "identity",
    "ImageEncoder": "image",
    "ImageTransform": "image_transform",
    "TextEncoder": "text",
    "TextTransform": "text",
    "tune": "tuning",
}

__all__ = [
    "FeatureEncoder",
    "FeatureStore",
    "Features",
    "IdEncoder",
    "ImageEncoder",
    "ImageTransform",
    "TextEncoder",
    "TextTransform",
    "tune",
]


def __getattr__(name: str) -> Any:
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_FILES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
