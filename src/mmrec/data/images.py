"""Item images: safe opening, rotation, conversion to RGB, and checks in bulk."""

import io
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from pathlib import Path, PureWindowsPath

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

MAX_PIXELS = 50_000_000
"""Images with more pixels (150 MB as RGB) are errors; Pillow only warns, above 89 million."""

Picture = Path | bytes
"""An image as a file, or as the bytes of one."""

ADDED = "added"
"""Folder, inside that of a catalogue's images, of those that were sent with live items."""

MISSING = "does not exist"
"""The end of the message about a file that is missing."""

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
_DRAFT = (64, 64)  # pixels; a JPEG is read in full but decoded at a low resolution


class ImageError(ValueError):
    """An image that can't be read; the message names the file and the reason."""


def load_image(path: Picture | str) -> Image.Image:
    """Return a JPEG, PNG, WebP or GIF image, from a file or its bytes, as upright RGB.

    The rotation in the EXIF data is applied, transparent pixels are put on white, 16 bits per
    channel are reduced to 8, and an animation gives its first frame.

    Raises:
        ImageError: the file is missing, is not an image in one of the four formats, is damaged or
            truncated, or has more than ``MAX_PIXELS`` pixels.

    Example:
        >>> load_image("nowhere.jpg")
        Traceback (most recent call last):
        mmrec.data.images.ImageError: image nowhere.jpg does not exist
    """
    return _decode(Path(path) if isinstance(path, str) else path, draft=False)


def resolve_image(root: Path, name: str) -> Path:
    """Return the path of the image ``name`` in the folder ``root``; the file need not exist.

    Raises:
        ValueError: the name is empty or absolute, or leads outside the folder through ``..`` or a
            symbolic link.
    """
    if not name.strip() or "\0" in name or PureWindowsPath(name).anchor or Path(name).is_absolute():
        raise ValueError(f"image must be a file name inside {root}; got {name!r}")
    try:
        # realpath is three times as fast as Path.resolve; catalogues have many images.
        folder = os.path.realpath(root)
        path = os.path.realpath(os.path.join(folder, name))  # noqa: PTH118
    except OSError as error:
        raise ValueError(f"image {name!r} can't be found in {root}: {error}") from error
    if not path.startswith(os.path.join(folder, "")):  # noqa: PTH118
        raise ValueError(f"image {name!r} lies outside {root}")
    return Path(path)


def check_images(paths: Sequence[Picture | None], workers: int | None = None) -> dict[int, str]:
    """Decode every image, and return why some can't be read.

    Args:
        paths: the images, files or their bytes; None (an item without an image) is skipped.
        workers: number of threads; by default the number of processors, at most 16.

    Returns:
        The reason for each unreadable image, by its position in ``paths``, in order.

    Raises:
        ValueError: ``workers`` is below 1.
    """
    if workers is not None and workers < 1:
        raise ValueError(f"workers must be 1 or more; got {workers}")
    with ThreadPoolExecutor(workers or min(cpu_count() or 1, 16)) as pool:
        reasons = pool.map(_problem, paths)
        return {index: reason for index, reason in enumerate(reasons) if reason is not None}


def _problem(path: Picture | None) -> str | None:
    if path is None:
        return None
    try:
        _decode(path, draft=True)
    except ImageError as error:
        return str(error)
    return None


def _check_file(path: Path) -> None:
    try:
        exists, regular = path.exists(), path.is_file()  # opening a pipe would block
    except (OSError, ValueError) as error:  # a name too long or with a null byte
        raise ImageError(f"image {str(path)!r} can't be opened: {error}") from error
    if not exists:
        raise ImageError(f"image {path} {MISSING}")
    if not regular:
        raise ImageError(f"image {path} is not a file")


def _decode(picture: Picture, *, draft: bool) -> Image.Image:
    if isinstance(picture, bytes):
        path, source = f"of {len(picture):,} bytes", io.BytesIO(picture)
        return _decoded(path, source, draft=draft)
    _check_file(picture)
    return _decoded(str(picture), picture, draft=draft)


def _decoded(path: str, source: Path | io.BytesIO, *, draft: bool) -> Image.Image:
    try:
        with Image.open(source, formats=_FORMATS) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise ImageError(
                    f"image {path} must have at most {MAX_PIXELS:,} pixels; got {width} x {height}"
                )
            if draft:
                image.draft("RGB", _DRAFT)
            image.load()
            return _rgb(_upright(image))
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise ImageError(f"image {path} is not a JPEG, PNG, WebP or GIF") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageError(f"image {path} must have at most {MAX_PIXELS:,} pixels") from None
    except Exception as error:  # decoders raise many types, from SyntaxError to struct.error
        raise ImageError(f"image {path} is damaged: {error}") from error


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # the pixels may be fine if the EXIF data is damaged
        return image


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit gray; convert() would clip it at 255
        gray = np.asarray(image).astype(np.int64) >> 8
        return Image.fromarray(gray.clip(0, 255).astype(np.uint8)).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")
