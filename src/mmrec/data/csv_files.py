"""CSV and TSV files: their header, and which line can't be read."""

import csv
import gzip
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

import polars as pl

from mmrec.data.wording import counted, shortened, verb

log = logging.getLogger(__name__)

_SEPARATORS = ";\t,|"
_BLOCK = 2**20  # bytes

FEW = 3
"""Wrong lines of a file that are named; the others are counted."""


def read_csv(path: Path, separator: str, what: str, rows: int | None = None) -> pl.DataFrame:
    """Return a file as a table of text, in which an empty value is null.

    A warning says how many lines have fewer values than the header.

    Args:
        path: the file, which may be compressed with gzip.
        separator: what stands between two values.
        what: name of the rows for messages.
        rows: how many rows are read; None for all.

    Raises:
        ValueError: a line can't be read; the message has its number.
    """
    with lines_named(path, separator):
        check_header(path, separator)
        # Without `glob=False` a name with [ or * would match other files.
        frame = pl.read_csv(path, infer_schema=False, glob=False, separator=separator, n_rows=rows)
    lacking = rows is None and len(frame) and frame[frame.columns[-1]].null_count()
    if lacking and _separators(path, separator) < (len(frame) + 1) * (frame.width - 1):
        _warn_of_short_lines(path, separator, what)
    return frame.filter(~pl.all_horizontal(pl.all().is_null()))  # blank lines


def check_header(path: Path, separator: str = ",") -> None:
    """Raise if a CSV file has a column twice, or one column whose name has other separators.

    Polars would rename the second one.
    """
    first = pl.read_csv(
        path,
        has_header=False,
        n_rows=1,
        infer_schema=False,
        glob=False,
        separator=separator,
        truncate_ragged_lines=True,
    )
    names = [name for name in first.row(0) if name is not None]
    again = sorted({name for name in names if names.count(name) > 1})
    if again:
        raise ValueError(f"its header has {again} more than once")
    others = [sign for sign in _SEPARATORS if sign != separator]
    if len(names) == 1 and (other := max(others, key=names[0].count)) in names[0]:
        raise ValueError(f"it seems to be separated by {other!r}; expected {separator!r}")


@contextmanager
def lines_named(path: Path, separator: str = ",") -> Iterator[None]:
    """Raise an error of polars about a file as one that names the lines that are wrong."""
    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        _check_lines(path, separator)
        raise  # what it finds wrong, the reader above doesn't


def _check_lines(path: Path, separator: str) -> None:
    """Raise a ``ValueError`` that names the lines with too many values, and one with a wrong quote.

    After a wrong quote it is not known where lines end, so none is looked at.
    """
    width, wide, said = 0, list[tuple[int, int, str]](), list[str]()
    for line, values, text in records(path, separator):
        if values is None or text.count('"') % 2:
            said.append(
                f"line {line} has a quote that is not closed, or a quote inside a value that is "
                f"not doubled: {shortened(text)}"
            )
            break
        width = width or len(values)
        if len(values) > width:
            wide.append((line, len(values), shortened(text)))
    if wide:
        line, many, text = wide[0]
        others = [str(number) for number, *_ in wide[1:FEW]]
        more = f"; {counted(len(wide), 'line')} of the file have too many, next {', '.join(others)}"
        said.append(
            f"line {line} has {many} values, the header {width}: {text}; a value with "
            f"{separator!r} in it must be in quotes{more if others else ''}"
        )
    if said:
        raise ValueError("; ".join(reversed(said)))


def _separators(path: Path, separator: str) -> int:
    """Return how many separators a file has outside of quotes; their number tells of short lines.

    It is quick: lines are parsed one by one only where some are short.
    """
    found, inside = 0, 0
    with _opened(path) as file:
        while block := file.read(_BLOCK):
            parts = block.split(b'"')
            found += sum(part.count(separator.encode()) for part in parts[inside::2])
            inside = (inside + len(parts) - 1) % 2
    return found


def _warn_of_short_lines(path: Path, separator: str, what: str) -> None:
    width, short = 0, list[int]()
    for line, values, _ in records(path, separator):
        if values is None:
            return
        width = width or len(values)
        if values and len(values) < width:
            short.append(line)
    if short:
        log.warning(
            "%s: %s of %s %s fewer values than its header, first line %d; the missing ones are "
            "read as empty",
            *(what, counted(len(short), "line"), path.name, verb(len(short), "has", "have")),
            short[0],
        )


def records(path: Path, separator: str) -> Iterator[tuple[int, list[str] | None, str]]:
    """Yield the first line, the values and the text of each row; no values ends an unread file.

    Raises:
        ValueError: a line is not in UTF-8.
    """
    lines: list[str] = []
    csv.field_size_limit(2**31 - 1)  # of a description there may be more than 128 kB
    reader = csv.reader(_lines(path, lines), delimiter=separator, strict=True)
    while True:
        start = reader.line_num + 1
        lines.clear()
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield start, None, lines[0]
            return
        yield start, values, "".join(lines)


def _lines(path: Path, kept: list[str]) -> Iterator[str]:
    """Yield the lines of a file, and keep each in a list."""
    with _opened(path) as file:
        for number, line in enumerate(file, 1):
            try:
                kept.append(line.decode())
            except UnicodeDecodeError:
                text = shortened(repr(line)[1:])
                raise ValueError(f"line {number} must be in UTF-8; got {text}") from None
            yield kept[-1]


def _opened(path: Path) -> gzip.GzipFile | BufferedReader:
    """Open a file, which may be compressed with gzip, to read bytes."""
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")
