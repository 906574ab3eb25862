"""The image of an item as a modality."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from mmrec.data import Catalog, check_images
from mmrec.encoders import ImageEncoder, ImageTransform, RawEncoder
from mmrec.layers import record_init_args
from mmrec.recommender.content.modality import Facts
from mmrec.recommender.content.pretrained import PretrainedModality

DEFAULT_IMAGE_ENCODER = "tf_efficientnet_lite0"


@record_init_args
class ImageModality(PretrainedModality):
    """The file that the column ``image`` names, encoded by a timm model.

    Args:
        encoder: timm name of a model, or a built encoder.
        tuning: ``"frozen"``, ``"last-N"`` or ``"full"``.

    Example:
        >>> ImageModality(tuning="full").init_args
        {'encoder': 'tf_efficientnet_lite0', 'tuning': 'full'}
    """

    name = "image"

    def __init__(
        self,
        encoder: str | RawEncoder | Mapping[str, Any] = DEFAULT_IMAGE_ENCODER,
        *,
        tuning: str = "frozen",
    ) -> None:
        self.encoder, self.tuning = encoder, tuning

    def columns(self, facts: Facts) -> tuple[str, ...]:
        """Return the column of file names."""
        return ("image",)

    def values(self, items: Catalog, facts: Facts) -> list[Path | None]:
        """Return the file of each item."""
        return items.image_paths()

    def find_problems(self, values: Sequence[Any]) -> dict[int, str]:
        """Return why files can't be read, by row."""
        return check_images(values)

    def why_nobody(self, catalog: Catalog) -> str:
        """Return whether image names, the folder or the files are missing."""
        column = catalog.frame["image"] if "image" in catalog.frame.columns else pl.Series([""])
        named = int((column.cast(pl.String).fill_null("").str.strip_chars() != "").sum())
        if not named:
            return ": none names an image in the column image"
        if catalog.images is None:
            return f": {named} of them name an image, and images is None; give the folder"
        if not catalog.images.is_dir():
            return f": {named} of them name an image, and there is no folder {catalog.images}"
        return f": {named} of them name an image, and none can be read in {catalog.images}"

    def load(self) -> ImageEncoder:
        """Load the timm model."""
        assert isinstance(self.encoder, str)
        return ImageEncoder.from_timm(self.encoder, tuning=self.tuning)

    def architecture(self, encoder: RawEncoder) -> dict[str, Any] | None:
        """Return the timm name and the transform; None for a built encoder."""
        if type(encoder) is not ImageEncoder or not isinstance(self.encoder, str):
            return None
        return {"name": self.encoder, "transform": asdict(encoder.transform)}

    def build(self, architecture: Mapping[str, Any]) -> ImageEncoder:
        """Build the timm model."""
        scheme, colon, _ = architecture["name"].partition(":")
        if colon and scheme != "local-dir":
            raise ValueError(
                f"a RUN is loaded without a network, and its image model is "
                f"{architecture['name']!r}: hand over the encoder, "
                f"parts={{'image modality': ImageModality(...)}}"
            )
        encoder = ImageEncoder.from_timm(architecture["name"], pretrained=False, tuning=self.tuning)
        fields = dict(architecture["transform"])
        fields |= {name: tuple(fields[name]) for name in ("mean", "std")}
        encoder.transform = ImageTransform(**fields)
        return encoder
