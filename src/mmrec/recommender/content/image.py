"""The image of an item as a modality."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mmrec.data import Catalog, check_images, pictures_in
from mmrec.data.images import Picture
from mmrec.data.pictures import holds_pictures, pictures_in_folders
from mmrec.data.wording import counted, verb
from mmrec.encoders import ImageEncoder, ImageTransform, RawEncoder
from mmrec.layers import record_init_args
from mmrec.recommender.content.columns import as_names, find_columns
from mmrec.recommender.content.modality import Facts
from mmrec.recommender.content.pretrained import PretrainedModality

log = logging.getLogger(__name__)

DEFAULT_IMAGE_ENCODER = "tf_efficientnet_lite0"
"""The timm model that encodes images if none is given."""


@record_init_args
class ImageModality(PretrainedModality):
    """The images of an item, encoded by a timm model or by the image tower of CLIP or SigLIP.

    They are in the column ``image``, for items without one there in the column ``images``; a value
    is a file name, the bytes of a file, or a list of these (see :func:`mmrec.data.pictures_in`).
    If neither column has a value, they are the files of the folder ``images/ITEM_ID``.

    An item with several images has the mean of their features. An encoder that is trained reads the
    first alone.

    Args:
        encoder: timm name of a model, name or folder of a CLIP or SigLIP checkpoint, or a built
            encoder.
        columns: other columns, whose images are joined.
        max_images: most images of an item; further ones are left out, and counted in a warning.
        tuning: ``"frozen"``, ``"last-N"``, ``"lora"`` or ``"full"``.

    Example:
        >>> ImageModality(tuning="full").init_args["tuning"]
        'full'
    """

    name = "image"
    reads = ("columns", "max_images")

    def __init__(
        self,
        encoder: str | RawEncoder | Mapping[str, Any] = DEFAULT_IMAGE_ENCODER,
        *,
        columns: str | Sequence[str] | None = None,
        max_images: int = 8,
        tuning: str = "frozen",
    ) -> None:
        if max_images < 1:
            raise ValueError(f"max_images must be 1 or more; got {max_images}")
        self.encoder, self.tuning = encoder, tuning
        self.columns, self.max_images = as_names(columns), max_images

    def columns_read(self, facts: Facts) -> tuple[str, ...]:
        """Return the columns that hold or name images."""
        return tuple(self.columns or ("image", "images"))

    def extra_facts(self, catalog: Catalog, before: Facts | None) -> dict[str, Any]:
        """Return whether images are found by folder, which holds for later items too."""
        if self.columns is not None:
            find_columns("image", catalog, self.columns, ())
            return {}
        named = any(self._in_columns(catalog, catalog.images))
        folders = before.get("folders", False) if before is not None else not named
        return {"folders": True} if folders else {}

    def values(self, items: Catalog, facts: Facts) -> list[Any]:
        """Return the image of each item, or a tuple of several."""
        most, rows = self.max_images, self._in_columns(items, items.images)
        if facts.get("folders"):
            rows = _first(rows, pictures_in_folders(items.ids, items.images))
        if more := [len(row) - most for row in rows if len(row) > most]:
            log.warning(
                "modality %r: %s %s more than %s; %s %s left out",
                self.name,
                counted(len(more), "item"),
                verb(len(more), "has", "have"),
                counted(most, "image"),
                counted(sum(more), "image"),
                verb(sum(more), "is", "are"),
            )
        return [_value(row[:most]) for row in rows]

    def _in_columns(self, items: Catalog, images: Path | None) -> list[list[Picture]]:
        """Return the images in columns, by row; columns that later items lack are passed over."""
        frame = items.frame
        rows: list[list[Picture]] = [[] for _ in range(len(items))]
        for name in self.columns or ("image", "images"):
            if name not in frame.columns:
                continue
            if self.columns is not None:
                found = pictures_in(frame[name], images)
                rows = [row + more for row, more in zip(rows, found, strict=True)]
            # A column `images` may be there for another reason, such as addresses with sizes.
            elif name == "image" or holds_pictures(frame[name]):
                rows = _first(rows, pictures_in(frame[name], images))
        return rows

    def find_problems(self, values: Sequence[Any]) -> dict[int, str]:
        """Return why files can't be read, by row."""
        return check_images(values)

    def why_nobody(self, catalog: Catalog) -> str | None:
        """Return whether image names, the folder or the files are missing; reads no image."""
        images = catalog.images
        rows = [row for row in self._in_columns(catalog, images or Path()) if row]
        if not rows and self.columns is None:
            rows = [row for row in pictures_in_folders(catalog.ids, images) if row]
        if not rows:
            return f"none names an image in the column {' or '.join(self.columns or ['image'])}"
        if any(isinstance(picture, bytes) for row in rows for picture in row):
            return None
        named = f"{len(rows)} of them name an image"
        if images is None:
            return f"{named}, and images is None; give the folder"
        if not images.is_dir():
            return f"{named}, and there is no folder {images}"
        files = (picture for row in rows for picture in row if isinstance(picture, Path))
        return None if any(map(Path.is_file, files)) else f"{named}, and none is in {images}"

    def load(self) -> ImageEncoder:
        """Load the timm model, or the image tower of a checkpoint."""
        assert isinstance(self.encoder, str)
        if _is_checkpoint(self.encoder):
            return ImageEncoder.from_pretrained(self.encoder, tuning=self.tuning)
        return ImageEncoder.from_timm(self.encoder, tuning=self.tuning)

    def architecture(self, encoder: RawEncoder) -> dict[str, Any] | None:
        """Return the configuration of a tower, or the timm name; None for a built timm model."""
        if type(encoder) is not ImageEncoder:
            return None
        if (architecture := encoder.architecture()) is not None:
            return architecture
        if not isinstance(self.encoder, str):
            return None
        return {"name": self.encoder, "transform": asdict(encoder.transform)}

    def build(self, architecture: Mapping[str, Any]) -> ImageEncoder:
        """Build the timm model or the tower."""
        if "config" in architecture:
            return ImageEncoder.from_architecture(architecture, tuning=self.tuning)
        scheme, colon, _ = architecture["name"].partition(":")
        if colon and scheme != "local-dir":
            raise ValueError(
                f"a RUN is loaded without a network, and its image model is "
                f"{architecture['name']!r}: hand over the encoder, "
                f"parts={{'image modality': ImageModality(...)}}"
            )
        encoder = ImageEncoder.from_timm(architecture["name"], pretrained=False, tuning=self.tuning)
        encoder.transform = ImageTransform.from_fields(architecture["transform"])
        return encoder


def _is_checkpoint(name: str) -> bool:
    """Return whether this names a Hugging Face model: timm names have a colon or no slash."""
    return Path(name, "config.json").is_file() or ("/" in name and ":" not in name)


def _first(rows: list[list[Picture]], others: list[list[Picture]]) -> list[list[Picture]]:
    """Return each row, or the other one if it is empty."""
    return [row or other for row, other in zip(rows, others, strict=True)]


def _value(pictures: list[Picture]) -> Picture | tuple[Picture, ...] | None:
    """Return one picture as it is and several as a tuple."""
    return tuple(pictures) if len(pictures) > 1 else next(iter(pictures), None)
