"""Files that survive a kill and a loss of power: written aside, flushed, then renamed."""

import os
from pathlib import Path


def flush(path: Path) -> None:
    """Make sure that a file, or the names in a folder, is on the disk."""
    if path.is_dir() and os.name != "posix":
        return  # only POSIX opens a folder
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Write a file that is there as a whole or, if the writing fails, as it was before.

    Raises:
        OSError: the disk is full or the place can't be written to.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     write_whole(Path(folder, "note"), b"kept")
        ...     [path.read_bytes() for path in Path(folder).iterdir()]
        [b'kept']
    """
    fresh = path.with_name(f"{path.name}.new")
    try:
        fresh.write_bytes(content)
        flush(fresh)
        fresh.replace(path)
        flush(path.parent)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
