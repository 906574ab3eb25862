"""What a command writes: said where it can't be, removed where it is of no use."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def writing(places: Mapping[str, Path]) -> Iterator[None]:
    """Say which of several things couldn't be written, and where.

    Args:
        places: a folder for each of them, by its name.

    Raises:
        OSError: in place of one that names a file in, or above, one of the folders.

    Example:
        >>> with writing({"features": Path("/dev/null/x")}):
        ...     Path("/dev/null/x").mkdir()
        Traceback (most recent call last):
        ...
        OSError: features can't be written to /dev/null/x: Not a directory
    """
    try:
        yield
    except OSError as error:
        if not isinstance(error.filename, str):
            raise
        path = Path(error.filename).resolve()
        for what, place in places.items():
            folder = place.resolve()
            if path.is_relative_to(folder) or folder.is_relative_to(path):
                reason = f"{what} can't be written to {place}: {error.strerror}"
                raise OSError(reason) from error
        raise


def forget_start(checkpoints: Path) -> None:
    """Remove the folder of a training that has ended before there was a checkpoint."""
    from mmrec.recommender.pipeline.resume import STARTED, remove_folder

    if checkpoints.is_dir() and {path.name for path in checkpoints.iterdir()} == {STARTED}:
        remove_folder(checkpoints)
