"""The image tower of a CLIP or SigLIP checkpoint, and its preprocessing."""

from typing import Any

from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from mmrec.encoders.image_transform import ImageTransform


class ImageTower(nn.Module):
    """Maps pixels to the space that text and image of a checkpoint share.

    Args:
        model: a ``CLIPVisionModelWithProjection``, ``CLIPVisionModel`` or ``SiglipVisionModel`` of
            transformers. Its projected vector is the output, or its pooled one if it projects none.

    Shape:
        inputs: ``(n, 3, size, size)``; output: ``(n, dim)``.

    Example:
        >>> import torch
        >>> from transformers import SiglipVisionConfig, SiglipVisionModel
        >>> config = SiglipVisionConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
        ...                             intermediate_size=8, image_size=32)
        >>> ImageTower(SiglipVisionModel(config))(torch.zeros(1, 3, 32, 32)).shape
        torch.Size([1, 8])
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Float[Tensor, "_ 3 height width"]) -> Float[Tensor, "n dim"]:
        """Return one vector per image, or per given state of lower layers."""
        output = self.model(pixel_values=pixels)
        projected: Tensor | None = getattr(output, "image_embeds", None)
        vectors: Tensor = output.pooler_output if projected is None else projected
        return vectors


def transform_of(processor: Any, *, augment: bool = False) -> ImageTransform:
    """Return the transform that prepares images as a processor of transformers does.

    CLIP scales the shorter side and crops the center; SigLIP scales both sides to a square.

    Args:
        processor: the image processor of the checkpoint.
        augment: whether the transform changes images at random, for training.

    Raises:
        ValueError: the processor does neither, or its output is not square.
    """
    size, cropped = dict(processor.size), bool(getattr(processor, "do_center_crop", False))
    crop = dict(processor.crop_size) if cropped else size
    short, width, height = size.get("shortest_edge"), crop.get("width"), crop.get("height")
    if width is None or width != height or (cropped and short is None):
        raise ValueError(
            f"an image processor must scale to a square, or scale the shorter side and crop a "
            f"square; got size {size} and crop {crop if cropped else None}"
        )
    return ImageTransform(
        size=int(width),
        crop_pct=width / short if cropped and short is not None else 1.0,
        interpolation=Image.Resampling(int(processor.resample)).name.lower(),
        mean=tuple(processor.image_mean),
        std=tuple(processor.image_std),
        augment=augment,
        squash=not cropped,
    )
