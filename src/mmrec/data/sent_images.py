"""Images that are sent with items, and their files in the catalogue's folder of images."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from mmrec.data.catalog import Catalog
from mmrec.data.durable import write_whole
from mmrec.data.ids import GivenId, ItemId
from mmrec.data.images import ADDED, load_image
from mmrec.data.pictures import pictures_in
from mmrec.data.wording import counted, verb

log = logging.getLogger(__name__)

SUFFIXES = {b"\xff\xd8\xff": ".jpg", b"\x89PNG": ".png", b"RIFF": ".webp", b"GIF8": ".gif"}


def read_images(rows: pl.DataFrame, folder: Path) -> dict[ItemId, list[bytes]]:
    """Return the contents of the images that items name in a folder, by item id.

    Raises:
        ValueError: an image is not in the folder.
    """
    if not folder.is_dir():
        raise ValueError(f"images expects a folder, or bytes by item id; got {folder}")
    if "image" not in rows.columns:
        return {}
    found: dict[ItemId, list[bytes]] = {}
    named = pictures_in(rows["image"], folder)
    for item, pictures in zip(rows["item_id"].to_list(), named, strict=True):
        paths = [picture for picture in pictures if isinstance(picture, Path)]
        if missing := [path for path in paths if not path.is_file()]:
            raise ValueError(f"the image of {item!r} must be in {folder}; got {missing[0].name!r}")
        if paths:
            found[item] = [path.read_bytes() for path in paths]
    return found


def with_images(
    frame: pl.DataFrame,
    images: Mapping[ItemId, bytes] | Mapping[ItemId, Sequence[bytes]] | None,
    catalog: Catalog,
) -> tuple[pl.DataFrame, dict[Path, bytes]]:
    """Return rows whose ``image`` column names their images, and the files to write.

    A row without an image keeps the image of its item.

    Args:
        frame: items, with the types of the catalogue.
        images: a JPEG, PNG, WebP or GIF file, or several, by item id; an id may be written as text.
        catalog: the catalogue that the rows change.

    Raises:
        ValueError: an image belongs to no row or can't be read, the catalogue has no folder of
            images or it is not there, or its images are lists or bytes.
    """
    folder = catalog.images
    if not images:
        return frame, {}
    if folder is None:
        raise ValueError("images need a catalogue with a folder of images; this one has none")
    if not folder.is_dir():
        raise ValueError(
            f"images are written to the catalogue's folder of images; got {folder}, which is not a "
            f"folder: load the RUN with images= for another one"
        )
    ids = frame["item_id"].to_list()
    row_of = {str(item): row for row, item in enumerate(ids)}
    unknown = [item for item in images if str(item) not in row_of]
    if unknown:
        raise ValueError(f"images must be of the items in the request; got {unknown[:3]!r}")
    kind = catalog.frame.schema.get("image", pl.String)
    if kind not in (pl.String, pl.Null):
        raise ValueError(
            f"images can be sent only where the column image holds file names; it holds {kind}"
        )
    if "image" in frame.columns:
        names = frame["image"].cast(pl.String).to_list()
    else:
        names = [catalog.row(item).get("image") if item in catalog else None for item in ids]
    files: dict[Path, bytes] = {}
    for item, data in images.items():
        contents = [data] if isinstance(data, bytes) else data
        made = [_name(item, content) for content in contents]
        files |= {folder / name: content for name, content in zip(made, contents, strict=True)}
        names[row_of[str(item)]] = "|".join(made)
    return frame.with_columns(pl.Series("image", names, dtype=pl.String)), files


def about_missing_images(catalog: Catalog, items: Sequence[GivenId]) -> str | None:
    """Return how many items name an image file that does not exist; None if none does.

    Example:
        >>> catalog = Catalog({"item_id": ["a", "b"], "image": ["gone.jpg", None]}, Path.cwd())
        >>> about_missing_images(catalog, ["a", "b"])
        '1 of 2 items names an image file that does not exist, first that of a'
    """
    gone = [item for item in items if catalog.lacks_image(item)]
    if not gone:
        return None
    of = f"{len(gone):,} of {counted(len(items), 'item')} {verb(len(gone), 'names', 'name')}"
    return f"{of} an image file that does not exist, first that of {gone[0]}"


def warn_of_missing_images(catalog: Catalog, items: Sequence[GivenId]) -> None:
    """Warn of items that name an image file that does not exist, if there is a folder of images."""
    there = catalog.images is not None and catalog.images.is_dir()  # that it isn't was said before
    if there and (said := about_missing_images(catalog, items)):
        log.warning("%s", said)


def write_images(files: Mapping[Path, bytes]) -> None:
    """Write images, each whole or not at all. Existing files stay: names are hashes of contents.

    Raises:
        OSError: an image can't be written.
    """
    for path, data in files.items():
        if path.exists():
            continue
        path.parent.mkdir(exist_ok=True)
        # Two requests may bring the same image at once.
        write_whole(path, data, unique=True)


def _name(item: ItemId, data: bytes) -> str:
    """Return the file name of an image.

    Raises:
        ValueError: it is not a readable JPEG, PNG, WebP or GIF file.
    """
    suffix = next((s for start, s in SUFFIXES.items() if data.startswith(start)), None)
    if suffix is None:
        raise ValueError(f"the image of {item!r} must be a JPEG, PNG, WebP or GIF file")
    with TemporaryDirectory() as folder:
        path = Path(folder, f"image{suffix}")
        path.write_bytes(data)
        try:
            load_image(path)
        except ValueError as error:
            reason = str(error).replace(str(path), f"of {item!r}")
            raise ValueError(reason) from error
    return f"{ADDED}/{hashlib.sha256(data).hexdigest()[:32]}{suffix}"
