"""Pictures that come with new items, put where the catalogue's pictures lie."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from mmrec.data import Catalog, ItemId, Table, load_image
from mmrec.data.durable import flush

FOLDER = "added"
"""Inside the catalogue's folder of pictures."""

SUFFIXES = {b"\xff\xd8\xff": ".jpg", b"\x89PNG": ".png", b"RIFF": ".webp"}


def with_pictures(
    rows: Table, pictures: Mapping[ItemId, bytes] | None, images: Path | None
) -> pl.DataFrame:
    """Store pictures, named by their content, and return the rows with an ``image`` column.

    Args:
        rows: items.
        pictures: JPEG, PNG or WebP files by item id; an id may be written as text.
        images: the catalogue's folder of pictures.

    Raises:
        ValueError: a picture is of no item of these, or can't be read, or the catalogue has no
            folder of pictures. Nothing is stored then.
        OSError: the folder can't be written to.
    """
    frame = Catalog(rows, images).frame
    if not pictures:
        return frame
    if images is None:
        raise ValueError("pictures need a catalogue with a folder of pictures; this one has none")
    row_of = {str(item): row for row, item in enumerate(frame["item_id"].to_list())}
    unknown = [item for item in pictures if str(item) not in row_of]
    if unknown:
        raise ValueError(f"pictures must be of the items in the request; got {unknown[:3]!r}")
    names: list[str | None] = [None] * frame.height
    if "image" in frame.columns:
        names = frame["image"].cast(pl.String).to_list()
    written = []
    try:
        for item, data in pictures.items():
            path = images / _name(item, data)
            if not path.exists():
                written.append(path)
                _write(path, data)
            names[row_of[str(item)]] = str(path.relative_to(images))
    except (ValueError, OSError):
        for path in written:
            path.unlink(missing_ok=True)
        raise
    return frame.with_columns(pl.Series("image", names, dtype=pl.String))


def _name(item: ItemId, data: bytes) -> str:
    suffix = next((s for start, s in SUFFIXES.items() if data.startswith(start)), None)
    if suffix is None:
        raise ValueError(f"the picture of {item!r} must be a JPEG, PNG or WebP file")
    return f"{FOLDER}/{hashlib.sha256(data).hexdigest()[:32]}{suffix}"


def _write(path: Path, data: bytes) -> None:
    """Write a picture that can be read, whole or not at all."""
    path.parent.mkdir(exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_bytes(data)
        load_image(part)
        flush(part)
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
