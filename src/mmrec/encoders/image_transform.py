"""Images to normalized pixels, as a timm model expects them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from math import floor
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from mmrec.data.images import Picture, load_image

Color = tuple[float, float, float]

RESAMPLING = {
    name: Image.Resampling[name.upper()] for name in ("nearest", "bilinear", "bicubic", "lanczos")
}


@dataclass(frozen=True)
class ImageTransform:
    """Turns images into normalized pixels, in a data-loader worker.

    The shorter side is scaled to ``size / crop_pct``, and the center is cropped. With ``augment``,
    a random part of the image (at least a quarter) is scaled to ``size``, flipped with probability
    1/2, and its colors are changed slightly. This is only for training end to end.

    Args:
        size: height and width of the output, in pixels.
        crop_pct: fraction of the scaled image's shorter side that the crop keeps.
        interpolation: "nearest", "bilinear", "bicubic" or "lanczos".
        mean: mean of each color, for pixels from 0 to 1.
        std: standard deviation of each color.
        augment: whether to change the images at random.
        squash: whether to scale both sides to ``size``, so that nothing is cropped and the
            proportions change (SigLIP).

    Raises:
        ValueError: interpolation or crop_pct is invalid.
    """

    size: int = 224
    crop_pct: float = 0.875
    interpolation: str = "bicubic"
    mean: Color = (0.485, 0.456, 0.406)
    std: Color = (0.229, 0.224, 0.225)
    augment: bool = False
    squash: bool = False

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> "ImageTransform":
        """Return the transform of plain JSON values, in which colors are lists."""
        colors = {name: tuple(fields[name]) for name in ("mean", "std")}
        return cls(**{**fields, **colors})

    def __post_init__(self) -> None:
        """Check interpolation and crop_pct."""
        if self.interpolation not in RESAMPLING:
            raise ValueError(
                f"interpolation must be one of {', '.join(RESAMPLING)}; got {self.interpolation!r}"
            )
        if not 0 < self.crop_pct <= 1:
            raise ValueError(f"crop_pct must be above 0 and at most 1; got {self.crop_pct}")

    def __call__(
        self, values: Sequence[Picture | str | Image.Image]
    ) -> Float[Tensor, "n 3 size size"]:
        """Return the pixels of images.

        Raises:
            mmrec.data.images.ImageError: a file is not a readable image.
        """
        return self.stack([self.crop(value) for value in values])

    def crop(self, value: Picture | str | Image.Image) -> UInt8[np.ndarray, "size size 3"]:
        """Return the part of an image that is encoded, at the encoder's size.

        Raises:
            mmrec.data.images.ImageError: a file is not a readable image.
        """
        image = value.convert("RGB") if isinstance(value, Image.Image) else load_image(value)
        return np.array(self._augmented(image) if self.augment else self._center(image))

    def stack(
        self, crops: Sequence[UInt8[np.ndarray, "size size 3"]]
    ) -> Float[Tensor, "n 3 size size"]:
        """Return the normalized pixels of results of :meth:`crop`, in channels-last layout."""
        if not crops:
            return torch.zeros(0, 3, self.size, self.size)
        # Colors are the last axis: rows of size * 3 numbers are normalized many at a time.
        rows = torch.from_numpy(np.stack(crops)).view(len(crops), self.size, -1).float()
        mean, std = (torch.tensor(colors).repeat(self.size) for colors in (self.mean, self.std))
        rows.mul_(1 / (255 * std)).sub_(mean / std)
        return rows.view(len(crops), self.size, self.size, 3).permute(0, 3, 1, 2)

    def _center(self, image: Image.Image) -> Image.Image:
        if self.squash:
            return image.resize((self.size, self.size), RESAMPLING[self.interpolation])
        # Cropping first would be cheaper but round differently, and stored features would go stale.
        scaled = floor(self.size / self.crop_pct)
        width, height = (scaled * side // min(image.size) for side in image.size)
        left, upper = (round((side - self.size) / 2) for side in (width, height))
        box = (left, upper, left + self.size, upper + self.size)
        return image.resize((width, height), RESAMPLING[self.interpolation]).crop(box)

    @cached_property
    def _augmented(self) -> Any:
        from torchvision.transforms import InterpolationMode, v2

        mode = InterpolationMode(self.interpolation)
        return v2.Compose(
            [
                v2.RandomResizedCrop(self.size, scale=(0.25, 1.0), interpolation=mode),
                v2.RandomHorizontalFlip(),
                v2.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2),
            ]
        )

    def settings(self) -> tuple[object, ...]:
        """Return everything that decides the output."""
        # Left out unless it is set, so that older fingerprints hold.
        fields = {name: value for name, value in asdict(self).items() if name != "squash" or value}
        return tuple(fields.items())

    def __getstate__(self) -> dict[str, object]:
        """Return the fields only, without the cached transform."""
        return asdict(self)
