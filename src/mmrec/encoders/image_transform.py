"""Images to normalised pixels, as a timm model expects them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from math import floor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from mmrec.data.images import load_image

Color = tuple[float, float, float]

RESAMPLING = {
    name: Image.Resampling[name.upper()] for name in ("nearest", "bilinear", "bicubic", "lanczos")
}


@dataclass(frozen=True)
class ImageTransform:
    """Images to normalised pixels, in a data-loader worker.

    The shorter side is scaled to `size / crop_pct` and the centre is cut out. With `augment`, a
    random part (at least a quarter) of the image is scaled to `size`, flipped half of the time,
    and its colors are changed a little: for training end to end only.

    Args:
        size: height and width of the output, in pixels.
        crop_pct: share of the scaled image that the crop keeps.
        interpolation: "nearest", "bilinear", "bicubic" or "lanczos".
        mean: of each color, pixels being 0 to 1.
        std: of each color.
        augment: change the images at random.

    Raises:
        ValueError: for another interpolation or crop_pct.
    """

    size: int = 224
    crop_pct: float = 0.875
    interpolation: str = "bicubic"
    mean: Color = (0.485, 0.456, 0.406)
    std: Color = (0.229, 0.224, 0.225)
    augment: bool = False

    def __post_init__(self) -> None:
        """Refuse an unknown interpolation and a crop that is larger than the image."""
        if self.interpolation not in RESAMPLING:
            raise ValueError(
                f"interpolation is one of {', '.join(RESAMPLING)}; got {self.interpolation!r}"
            )
        if not 0 < self.crop_pct <= 1:
            raise ValueError(f"crop_pct is above 0 and at most 1; got {self.crop_pct}")

    def __call__(
        self, values: Sequence[Path | str | Image.Image]
    ) -> Float[Tensor, "n 3 size size"]:
        """Pixels of the images.

        Raises:
            mmrec.data.images.ImageError: if a file is not an image that can be read.
        """
        return self.stack([self.crop(value) for value in values])

    def crop(self, value: Path | str | Image.Image) -> UInt8[np.ndarray, "size size 3"]:
        """The part of an image that the encoder sees, in its size.

        Raises:
            mmrec.data.images.ImageError: if a file is not an image that can be read.
        """
        image = value.convert("RGB") if isinstance(value, Image.Image) else load_image(value)
        return np.array(self._augmented(image) if self.augment else self._centre(image))

    def stack(
        self, crops: Sequence[UInt8[np.ndarray, "size size 3"]]
    ) -> Float[Tensor, "n 3 size size"]:
        """The normalised pixels of what `crop` gave, in channels-last layout."""
        if not crops:
            return torch.zeros(0, 3, self.size, self.size)
        # Colours lie innermost: as rows of size * 3 numbers they are normalised many at a time.
        rows = torch.from_numpy(np.stack(crops)).view(len(crops), self.size, -1).float()
        mean, std = (torch.tensor(colors).repeat(self.size) for colors in (self.mean, self.std))
        rows.mul_(1 / (255 * std)).sub_(mean / std)
        return rows.view(len(crops), self.size, self.size, 3).permute(0, 3, 1, 2)

    def _centre(self, image: Image.Image) -> Image.Image:
        # Cutting first would do less, but rounds otherwise: stored features would go stale.
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
        """What decides its output."""
        return tuple(asdict(self).items())

    def __getstate__(self) -> dict[str, object]:
        """Pickled as its fields."""
        return asdict(self)
