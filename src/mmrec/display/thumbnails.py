"""Thumbnails of a catalogue's images as data URIs."""

import base64
import io
from pathlib import Path
from statistics import median

from mmrec.data import Catalog, ImageError, ItemId, load_image


class Thumbnails:
    """The images of a catalogue, small enough to be embedded in a page.

    Args:
        catalog: the items.
        size: longest side in pixels.

    Example:
        >>> print(Thumbnails(Catalog({"item_id": ["a"]}))["a"])
        None
    """

    def __init__(self, catalog: Catalog, *, size: int = 160) -> None:
        self.size, self._catalog = size, catalog
        self._made: dict[ItemId, str | None] = {}
        self._aspects: list[float] = []

    def __getitem__(self, item: ItemId) -> str | None:
        """Return the image of an item as a ``data:`` URI; None if none can be read."""
        if item not in self._made:
            path = self._catalog.image_path(item)  # the folders of all items would take long
            self._made[item] = None if path is None else self._make(path)
        return self._made[item]

    @property
    def aspect(self) -> float:
        """The median width / height of the thumbnails so far, from .66 to 1.5; 1 without any."""
        return round(min(max(median(self._aspects or [1.0]), 0.66), 1.5), 2)

    def _make(self, path: Path) -> str | None:
        try:
            image = load_image(path)
        except ImageError:
            return None
        self._aspects.append(image.width / image.height)
        image.thumbnail((self.size, self.size))
        file = io.BytesIO()
        image.save(file, "JPEG", quality=82, optimize=True)
        return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
