"""Lines of files in messages about rows: what an editor shows."""

import gzip
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from mmrec.data.csv_files import records

_FILES: ContextVar[dict[str, Path] | None] = ContextVar("files", default=None)


@contextmanager
def files_noted() -> Iterator[None]:
    """Let messages of a block, or a decorated function, name lines of the files that it reads."""
    if _FILES.get() is not None:  # the block is part of another, which reads the files
        yield
        return
    token = _FILES.set({})
    try:
        yield
    finally:
        _FILES.reset(token)


def note_file(what: str, path: Path) -> None:
    """Say which file of text the rows of a table come from."""
    if (files := _FILES.get()) is not None:
        files[what] = path


def lines_of(what: str, rows: Sequence[int]) -> tuple[list[int], str] | None:
    r"""Return the lines where some rows of a table begin, and the name of its file.

    It is None if the table does not come from a file with lines. Rows are ascending.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder, files_noted():
        ...     path = Path(folder, "items.csv")
        ...     _ = path.write_text('item_id,title\na,"two\nlines"\n\nb,lamp\n')
        ...     note_file("items", path)
        ...     lines_of("items", [0, 1]), lines_of("users", [0])
        (([2, 5], 'items.csv'), None)
    """
    path = (_FILES.get() or {}).get(what)
    if path is None or not rows:
        return None
    found, wanted = list[int](), set(rows)
    for row, line in enumerate(_starts(path)):
        if row in wanted:
            found.append(line)
        if row >= rows[-1]:
            break
    return (found, path.name) if len(found) == len(rows) else None


def _starts(path: Path) -> Iterator[int]:
    """Yield the line, counted from 1, where each row of a file begins."""
    kind = path.name.lower().removesuffix(".gz").rpartition(".")[2]
    if kind in ("csv", "tsv"):
        rows = records(path, "\t" if kind == "tsv" else ",")
        next(rows)  # the header
        yield from (line for line, values, _ in rows if any(values or ()))
        return
    packed = path.name.lower().endswith(".gz")
    with gzip.open(path, "rb") if packed else path.open("rb") as file:
        yield from (number for number, line in enumerate(file, 1) if line.strip())
