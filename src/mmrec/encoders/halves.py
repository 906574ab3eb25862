"""Which part of a Hugging Face checkpoint reads text, and which one reads images.

CLIP and SigLIP have a tower for each, T5 has an encoder and a decoder. A part that is not needed is
never built.
"""

from typing import Any

from torch import nn

from mmrec.encoders.projection import Projection

_CLIP_TEXT = "CLIPTextModelWithProjection"
_CLIP_IMAGE = "CLIPVisionModelWithProjection"
_TEXT = {"clip": _CLIP_TEXT, "siglip": "SiglipTextModel"}
_IMAGE = {"clip": _CLIP_IMAGE, "siglip": "SiglipVisionModel"}


def text_half(config: Any) -> tuple[Any, tuple[str, ...]]:
    """Return the configuration of the part that reads text, and names of its class.

    The first name that transformers has is the class.

    Raises:
        ValueError: the model reads something else beside text, and is not CLIP or SigLIP.
    """
    kind = config.model_type
    if kind in _TEXT:
        return _half(config, config.text_config), (_TEXT[kind],)
    if kind == "clip_text_model":
        return config, (_CLIP_TEXT if _is_named(config, _CLIP_TEXT) else "CLIPTextModel",)
    if kind == "siglip_text_model":
        return config, ("SiglipTextModel",)
    if hasattr(config, "vision_config"):
        raise ValueError(
            f"a text model must read text alone, or be CLIP or SigLIP; got a model of type {kind!r}"
        )
    # T5 and its relatives have a class without the decoder.
    family = type(config).__name__.removesuffix("Config")
    return config, (f"{family}EncoderModel", "AutoModel")


def image_half(config: Any) -> tuple[Any, str]:
    """Return the configuration of the part that reads images, and the name of its class.

    Raises:
        ValueError: the model is neither CLIP nor SigLIP.
    """
    kind = config.model_type
    if kind in _IMAGE:
        return _half(config, config.vision_config), _IMAGE[kind]
    if kind == "clip_vision_model":
        return config, _CLIP_IMAGE if _is_named(config, _CLIP_IMAGE) else "CLIPVisionModel"
    if kind == "siglip_vision_model":
        return config, "SiglipVisionModel"
    raise ValueError(
        f"an image model must be a timm model, CLIP or SigLIP; got a model of type {kind!r}"
    )


def split_text(model: Any) -> tuple[nn.Module, Projection | None]:
    """Return the part of a text model before the pooling, and the projection after it.

    Args:
        model: a model of the class that :func:`text_half` names; it is taken apart.
    """
    if isinstance(layer := getattr(model, "text_projection", None), nn.Linear):
        return model.text_model, Projection.of(layer)
    if model.config.model_type == "siglip_text_model":
        tower = getattr(model, "text_model", model)
        projection, tower.head = Projection.of(tower.head), nn.Identity()
        return tower, projection
    if model.config.model_type == "clip_text_model":
        return getattr(model, "text_model", model), None
    pair = model.config.is_encoder_decoder or type(model).__name__.endswith("EncoderModel")
    return (model.get_encoder() if pair else model), None


def trained_on_padding(backbone: Any) -> int | None:
    """Return the number of tokens that each text had in training, padding included; None if any.

    SigLIP reads 64 tokens, takes padding for text, and pools the last one.
    """
    is_siglip = backbone.config.model_type == "siglip_text_model"
    return int(backbone.config.max_position_embeddings) if is_siglip else None


def _half(whole: Any, half: Any) -> Any:
    if hasattr(whole, "projection_dim"):
        half.projection_dim = whole.projection_dim  # a half may state another one
    return half


def _is_named(config: Any, name: str) -> bool:
    return name in (config.architectures or ())
