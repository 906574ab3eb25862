"""The images of items in the columns of a table: file names or bytes, one or several an item."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from mmrec.data.images import ADDED, Picture, resolve_image

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif")
"""Files with other endings in an item's folder are not its images."""

_BETWEEN = re.compile(r"[|;]")


def pictures_in(column: pl.Series, images: Path | None) -> list[list[Picture]]:
    """Return the images of each row of a column.

    A value is a file name inside ``images``, several of them separated by ``|`` or ``;``, the bytes
    of an image file, a struct with the fields ``bytes`` and ``path`` (as Hugging Face's datasets
    store images), or a list of these. Commas separate names that all end as images do. A text that
    is the name of a file is one name.

    Args:
        column: the values.
        images: folder of the files; file names are passed over if it is None.

    Raises:
        ValueError: the column has another type, or a file is outside the folder.

    Example:
        >>> pictures_in(pl.Series("image", [["a.jpg", "b.jpg"], None]), Path("/shop"))
        [[PosixPath('/shop/a.jpg'), PosixPath('/shop/b.jpg')], []]
        >>> pictures_in(pl.Series("image", ["a.jpg|b.jpg"]), Path("/shop"))
        [[PosixPath('/shop/a.jpg'), PosixPath('/shop/b.jpg')]]
    """
    if not holds_pictures(column):
        raise ValueError(
            f"items: {column.name} must be file names or bytes of images, or lists of them; got "
            f"{column.dtype}"
        )
    found, refused = list[list[Picture]](), list[ValueError]()
    for value in column.to_list():
        try:
            found.append(_pictures(value, images))
        except ValueError as error:
            refused.append(error)
    if len(refused) > 1:
        raise ValueError(f"{refused[0]}, the first of {len(refused):,} such items")
    if refused:
        raise refused[0]
    return found


def holds_pictures(column: pl.Series) -> bool:
    """Return whether a column has a type that can hold images."""
    return _holds_pictures(column.dtype)


def _holds_pictures(dtype: Any) -> bool:
    if isinstance(dtype, pl.List | pl.Array):
        return _holds_pictures(dtype.inner)
    if isinstance(dtype, pl.Struct):
        kinds = {field.name: field.dtype for field in dtype.fields}
        known = kinds.get("bytes", pl.Null) in (pl.Binary, pl.Null)
        return known and bool({"bytes", "path"} & set(kinds))
    return bool(dtype != pl.Object)


def first_name(value: Any, images: Path | None) -> str:
    """Return the first file name of a value, as in :func:`pictures_in`; "" if it has none.

    Example:
        >>> first_name(["a.jpg", "b.jpg"], None), first_name("a.jpg|b.jpg", None)
        ('a.jpg', 'a.jpg')
    """
    if value is None or isinstance(value, bytes):
        return ""
    if isinstance(value, list | tuple | pl.Series):
        return next((name for part in value if (name := first_name(part, images))), "")
    if isinstance(value, dict):
        return "" if value.get("bytes") else first_name(value.get("path"), images)
    return next(iter(_names(str(value), images)), "")


def pictures_in_folders(ids: Sequence[Any], images: Path | None) -> list[list[Picture]]:
    """Return the images in the folder ``images/ITEM_ID`` of each item, in the order of their names.

    Hidden files and files that are not JPEG, PNG, WebP or GIF by their ending are passed over.
    """
    if images is None or not images.is_dir():
        return [[] for _ in ids]
    with os.scandir(images) as entries:
        folders = {entry.name for entry in entries if entry.is_dir(follow_symlinks=False)}
    return [_files(images, str(item)) if str(item) in folders else [] for item in ids]


def in_own_folders(frame: pl.DataFrame) -> bool:
    """Return whether images are those of folders, because no column names one.

    Images that were sent with live items don't count.

    Example:
        >>> rows = {"item_id": ["a", "b"], "image": [None, "added/c9.jpg"]}
        >>> in_own_folders(pl.DataFrame(rows)), in_own_folders(pl.DataFrame({"image": ["a.jpg"]}))
        (True, False)
    """
    columns = [frame[name] for name in ("image", "images") if name in frame.columns]
    values = (value for column in columns for value in column.to_list() if value is not None)
    return not any(
        not name.startswith(f"{ADDED}/")
        if (name := first_name(value, None))
        else _pictures(value, None)
        for value in values
    )


def shown_picture(item: Any, images: Path, named: Any = None, *, folders: bool) -> Path | None:
    """Return the file to show of an item whose column ``image`` is empty; None without one.

    Args:
        item: the item's id.
        images: folder of the images.
        named: the value of its column ``images``.
        folders: whether the folder ``images/ITEM_ID`` holds its images.
    """
    name = first_name(named, images)
    for found in [*([name] if name else []), *(_own_names(images, str(item)) if folders else [])]:
        try:
            path = resolve_image(images, found)
            if path.is_file():
                return path
        except (OSError, ValueError):  # an address, or a link that leads elsewhere
            continue
    return None


def _own_names(images: Path, item: str) -> list[str]:
    """Return the names of the images in an item's folder, as `pictures_in_folders` finds it."""
    try:
        own = Path(item).name == item != ".." and not (images / item).is_symlink()
        return _in_folder(images, item) if own and (images / item).is_dir() else []
    except OSError:  # an id that is too long for a name
        return []


def _files(images: Path, folder: str) -> list[Picture]:
    return [resolve_image(images, name) for name in _in_folder(images, folder)]


def _in_folder(images: Path, folder: str) -> list[str]:
    with os.scandir(images / folder) as entries:
        names = sorted(entry.name for entry in entries)
    shown = [n for n in names if not n.startswith(".") and n.lower().endswith(SUFFIXES)]
    return [f"{folder}/{name}" for name in shown]


def _pictures(value: Any, images: Path | None) -> list[Picture]:
    if isinstance(value, bytes):
        return [value] if value else []
    if isinstance(value, list | tuple):
        return [picture for part in value for picture in _pictures(part, images)]
    if isinstance(value, dict):
        return _pictures(value.get("bytes") or value.get("path"), images)
    if value is None or images is None:
        return []
    return [resolve_image(images, name) for name in _names(str(value), images)]


def _names(text: str, images: Path | None) -> list[str]:
    """Return the file names in a text; whole, it may be the name of a file."""
    text = text.strip()
    names = [name for part in _BETWEEN.split(text) if (name := part.strip())]
    by_comma = [part.strip() for part in text.split(",")]
    if len(by_comma) > 1 and all(part.lower().endswith(SUFFIXES) for part in by_comma):
        names = by_comma
    if names in ([], [text]):
        return names
    # A text too long for a file name is none.
    is_file = images is not None and os.path.isfile(os.path.join(images, text))  # noqa: PTH113, PTH118
    return [text] if is_file else names
