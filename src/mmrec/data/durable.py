"""Files and folders that appear whole or not at all: written aside, flushed, then renamed."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import polars as pl
from safetensors import SafetensorError

# Each library raises an error of its own if the disk is full.
_ERRORS = (OSError, SafetensorError, pl.exceptions.PolarsError)


def flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    if path.is_dir() and os.name != "posix":
        return  # only POSIX opens a folder
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_whole(path: Path, content: bytes | memoryview, *, unique: bool = False) -> None:
    """Write a file as a whole; if the writing fails, the file stays as it was.

    Args:
        path: the file; one that exists is replaced.
        content: its bytes.
        unique: allow several writers at the same time. A killed writer then leaves its temporary
            file behind; without ``unique`` the next writer overwrites it.

    Raises:
        OSError: the file can't be written, for example because the disk is full.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     write_whole(Path(folder, "note"), b"kept")
        ...     [path.read_bytes() for path in Path(folder).iterdir()]
        [b'kept']
    """
    fresh = path.with_name(f".{path.name}.{uuid4().hex}.new" if unique else f"{path.name}.new")
    try:
        fresh.write_bytes(content)
        flush(fresh)
        fresh.replace(path)
        flush(path.parent)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


@contextmanager
def atomic_folder(
    directory: Path, *, replace: bool = False, what: str | None = None
) -> Iterator[Path]:
    """Yield a new, empty folder that takes the place of ``directory`` when the block ends.

    The new folder lies beside ``directory``. At the end of the block its files are flushed to the
    disk and it is renamed. If the block raises, it is removed and ``directory`` stays as it was. A
    kill leaves the new folder behind, and the next call removes it.

    Two renames replace an older folder. After a kill between them, :func:`whole_folder` finds the
    older one, and the next call moves it back.

    Args:
        directory: the folder to write; its parents are made. It must not be a mount point.
        replace: replace a folder that exists; otherwise it must be missing or empty.
        what: the content, as the subject of error messages. With it, errors of the disk that
            safetensors and polars raise become an ``OSError``.

    Raises:
        FileExistsError: ``directory`` is a file, or holds something that is not to be replaced.
        OSError: the folder can't be written, for example because the disk is full.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as parent:
        ...     with atomic_folder(Path(parent, "notes")) as fresh:
        ...         _ = (fresh / "one").write_text("kept")
        ...     (Path(parent, "notes") / "one").read_text()
        'kept'
    """
    place = directory.resolve()
    fresh, old = _beside(place, "new"), _beside(place, "old")
    if replace and whole_folder(place) == old:
        old.rename(place)
    _check_place(directory, replace)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        for leftover in (fresh, old):
            shutil.rmtree(leftover, ignore_errors=True)
        fresh.mkdir()
        yield fresh
        for path in [*fresh.rglob("*"), fresh]:
            flush(path)
    except BaseException as error:
        shutil.rmtree(fresh, ignore_errors=True)
        if what is None or not isinstance(error, _ERRORS):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise OSError(f"{what} can't be written to {directory}: {reason}") from error
    if place.exists():
        place.rename(old)
    fresh.rename(place)
    flush(place.parent)
    shutil.rmtree(old, ignore_errors=True)


def whole_folder(directory: Path) -> Path:
    """Return where the last whole content of a folder of :func:`atomic_folder` is.

    It is ``directory``, unless a kill came between the two renames that replace it.

    Example:
        >>> whole_folder(Path("nowhere"))
        PosixPath('nowhere')
    """
    old = _beside(directory.resolve(), "old")
    return old if old.is_dir() and not directory.exists() else directory


def _beside(place: Path, suffix: str) -> Path:
    return place.with_name(f".{place.name.removeprefix('.')}.{suffix}")


def _check_place(directory: Path, replace: bool) -> None:
    if not directory.exists():
        return
    if not directory.is_dir() or (not replace and any(directory.iterdir())):
        raise FileExistsError(f"{directory} must be a new or empty folder")
    if directory.resolve().is_mount():  # resolved, since "." seems to be a mount point
        raise OSError(f"{directory} is a mount point, which can't be renamed; use a folder in it")
