"""Item images: opened safely, turned upright, made RGB, and checked in bulk."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from pathlib import Path, PureWindowsPath

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

__all__ = ["MAX_PIXELS", "ImageError", "check_images", "load_image", "resolve_image"]

MAX_PIXELS = 50_000_000
"""Images with more pixels are refused (150 MB as RGB); Pillow only warns from 89 million."""

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
_DRAFT = (64, 64)  # pixels; all bytes of a JPEG are read, but few coefficients are turned to pixels


class ImageError(ValueError):
    """An image that can't be used; the message says which and why."""


def load_image(path: Path | str) -> Image.Image:
    """Read a JPEG, PNG, WebP or GIF image as upright RGB.

    The camera's rotation is applied, transparency is laid on white, 16 bits become 8, and of an
    animation the first frame is taken.

    Raises:
        ImageError: If the file is missing, not an image in one of the four formats, damaged or
            cut off, or has more than ``MAX_PIXELS`` pixels.

    >>> load_image("nowhere.jpg")
    Traceback (most recent call last):
    mmrec.data.images.ImageError: image nowhere.jpg does not exist
    """
    return _decode(Path(path), draft=False)


def resolve_image(root: Path, name: str) -> Path:
    """Path of the image ``name`` in the folder ``root``; the file need not exist.

    Raises:
        ValueError: If the name points outside the folder: absolute, through ``..``, or through a
            symbolic link.
    """
    if not name.strip() or "\0" in name or PureWindowsPath(name).anchor or Path(name).is_absolute():
        raise ValueError(f"an image is a file name inside {root}; got {name!r}")
    try:
        # realpath is three times as fast as Path.resolve, and a catalogue has many images.
        folder = os.path.realpath(root)
        path = os.path.realpath(os.path.join(folder, name))  # noqa: PTH118
    except OSError as error:
        raise ValueError(f"image {name!r} can't be found in {root}: {error}") from error
    if not path.startswith(os.path.join(folder, "")):  # noqa: PTH118
        raise ValueError(f"image {name!r} lies outside {root}")
    return Path(path)


def check_images(paths: Sequence[Path | None], workers: int | None = None) -> dict[int, str]:
    """Decode every image and say which can't be read.

    Args:
        paths: Images; None (an item without one) is skipped.
        workers: Threads; as many as there are processors by default, at most 16.

    Returns:
        Reason by position in ``paths``, for the unreadable ones only, in order.
    """
    if workers is not None and workers < 1:
        raise ValueError(f"workers is at least 1; got {workers}")
    with ThreadPoolExecutor(workers or min(cpu_count() or 1, 16)) as pool:
        reasons = pool.map(_problem, paths)
        return {index: reason for index, reason in enumerate(reasons) if reason is not None}


def _problem(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        _decode(path, draft=True)
    except ImageError as error:
        return str(error)
    return None


def _decode(path: Path, *, draft: bool) -> Image.Image:
    try:
        exists, regular = path.exists(), path.is_file()  # opening a pipe would wait for ever
    except (OSError, ValueError) as error:  # a name too long or with a null byte
        raise ImageError(f"image {str(path)!r} can't be opened: {error}") from error
    if not exists:
        raise ImageError(f"image {path} does not exist")
    if not regular:
        raise ImageError(f"image {path} is not a file")
    try:
        with Image.open(path, formats=_FORMATS) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise ImageError(
                    f"image {path} has {width} x {height} pixels; at most {MAX_PIXELS:,} are read"
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
        raise ImageError(f"image {path} has more than {MAX_PIXELS:,} pixels") from None
    except Exception as error:  # decoders raise anything, from SyntaxError to struct.error
        raise ImageError(f"image {path} is damaged: {error}") from error


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # damaged EXIF says nothing about the pixels
        return image


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey; convert() would clip it at 255
        grey = np.asarray(image).astype(np.int64) >> 8
        return Image.fromarray(grey.clip(0, 255).astype(np.uint8)).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")
