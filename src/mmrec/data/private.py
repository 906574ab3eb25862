"""Files that name users: only their owner may read them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4


@contextmanager
def private_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a new file that takes the place of ``path`` when the block ends.

    Other users of the machine can't read it. If the block raises, nothing is left of it, and a file
    that was there stays.

    Raises:
        OSError: the file can't be written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     with private_file(Path(folder, "lists")) as file:
        ...         _ = file.write(b"ann")
        ...     oct(Path(folder, "lists").stat().st_mode & 0o777)
        '0o600'
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} must be a file; it is a folder")
    fresh = path.with_name(f".{path.name}.{uuid4().hex}.new")
    try:
        with os.fdopen(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
