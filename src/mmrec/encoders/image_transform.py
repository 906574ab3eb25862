"""Pictures to normalised pixels, as a timm model expects them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from math import floor
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from mmrec.data.images import load_image

Color = tuple[float, float, float]


@dataclass(frozen=True)
class ImageTransform:
    """Pictures to normalised pixels, in a data-loader worker.

    The shorter side is scaled to `size / crop_pct` and the centre is cut out. With `augment`, a
    random part (at least a quarter) of the picture is scaled to `size`, flipped half of the time,
    and its colours are changed a little: for training end to end only.

    Args:
        size: height and width of the output, in pixels.
        crop_pct: share of the scaled picture that the crop keeps.
        interpolation: "nearest", "bilinear", "bicubic" or "lanczos".
        mean: of each colour, pixels being 0 to 1.
        std: of each colour.
        augment: change the pictures at random.
    """

    size: int = 224
    crop_pct: float = 0.875
    interpolation: str = "bicubic"
    mean: Color = (0.485, 0.456, 0.406)
    std: Color = (0.229, 0.224, 0.225)
    augment: bool = False

    def __call__(
        self, values: Sequence[Path | str | Image.Image]
    ) -> Float[Tensor, "n 3 size size"]:
        """Pixels of the pictures.

        Raises:
            mmrec.data.images.ImageError: if a file is not a picture that can be read.
        """
        if not values:
            return torch.zeros(0, 3, self.size, self.size)
        pixels = torch.stack([self._crop(_picture(value)) for value in values]).float()
        # Both in place on the whole batch: torchvision's Normalize takes ten times as long.
        mean, std = (torch.tensor(colors).view(3, 1, 1) for colors in (self.mean, self.std))
        return pixels.mul_(1 / (255 * std)).sub_(mean / std)

    @cached_property
    def _crop(self) -> Any:
        from torchvision.transforms import InterpolationMode, v2

        mode = InterpolationMode(self.interpolation)
        steps: list[nn.Module]
        if self.augment:
            steps = [
                v2.RandomResizedCrop(self.size, scale=(0.25, 1.0), interpolation=mode),
                v2.RandomHorizontalFlip(),
                v2.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2),
            ]
        else:
            scaled = floor(self.size / self.crop_pct)
            steps = [v2.Resize(scaled, interpolation=mode), v2.CenterCrop(self.size)]
        return v2.Compose([*steps, v2.PILToTensor()])

    def settings(self) -> tuple[object, ...]:
        """What decides its output."""
        return tuple(asdict(self).items())

    def __getstate__(self) -> dict[str, object]:
        """Pickled as its fields."""
        return asdict(self)


def _picture(value: Path | str | Image.Image) -> Image.Image:
    return value.convert("RGB") if isinstance(value, Image.Image) else load_image(value)
