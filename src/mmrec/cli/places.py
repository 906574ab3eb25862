"""Places that a command writes: errors that name them, and the removal of useless ones."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mmrec.data.times import iso


@contextmanager
def writing(places: Mapping[str, Path]) -> Iterator[None]:
    """Replace an OSError that names a file by one that names what could not be written.

    Args:
        places: the folder of each kind of content, by the name of the content.

    Raises:
        OSError: a file in one of the folders, or a folder above one, can't be written.

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


def default_log(run: Path) -> Path:
    """Return the file of a RUN's event log: ``RUN.events.db``, beside the RUN.

    Example:
        >>> default_log(Path("/runs/shop")).as_posix()
        '/runs/shop.events.db'
    """
    return run.with_name(f"{run.resolve().name}.events.db")


def about_replaced(out: Path) -> str:
    """Return what follows ``RUN written to OUT`` if a RUN is there before; empty if none is.

    Example:
        >>> about_replaced(Path("/nowhere/RUN"))
        ''
    """
    config = out / "config.json"
    if not config.is_file():
        return ""
    served = default_log(out).is_file()
    until = "; a server that runs has that one until it is restarted" if served else ""
    return f", in place of the one of {iso(config.stat().st_mtime)}{until}"


def forget_start(checkpoints: Path) -> None:
    """Remove the folder of a training that ended before its first checkpoint."""
    from mmrec.recommender.pipeline.resume import STARTED, remove_folder

    if checkpoints.is_dir() and {path.name for path in checkpoints.iterdir()} == {STARTED}:
        remove_folder(checkpoints)
