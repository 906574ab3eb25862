"""The lines of a text file, gzipped or not, in blocks of bounded size."""

import gzip
import zlib
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path
from typing import Any

import polars as pl

from mmrec.data.loaders.report import FileCounts

FILE, LINE, TEXT = "__file", "__line", "__text"
"""Columns of a block: the number of the file, the number of the line (from 1), its text."""

DType = Any
"""A polars type; beartype can't check the annotation ``pl.DataType``."""

BLOCK = 16 * 2**20
"""Bytes that are read at a time."""

LONGEST = 4 * BLOCK
"""Bytes of the longest line; a file without line ends is no text file."""


def kind_of(dtype: DType) -> str:
    """Return what a value of a type is, for messages.

    Example:
        >>> kind_of(pl.Int64()), kind_of(pl.List(pl.String))
        ('an integer', 'a list of texts')
    """
    kinds = {pl.Int64: "an integer", pl.Float64: "a number", pl.String: "text"}
    kinds[pl.Boolean] = "true or false"
    return next((kind for known, kind in kinds.items() if dtype == known), "a list of texts")


def read_lines(
    path: Path, counts: FileCounts, *, encoding: str = "utf-8", skip_first: bool = False
) -> Iterator[pl.DataFrame]:
    r"""Yield the lines of a file with their numbers.

    Blank lines, and lines that are not text in ``encoding``, are dropped and counted.

    Args:
        path: the file.
        counts: where lines are counted.
        encoding: how text is encoded.
        skip_first: leave out the first line, which is a header.

    Raises:
        ValueError: the file is a damaged gzip file, or has a line of more than :data:`LONGEST`
            bytes.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder, "ratings.dat")
        ...     _ = path.write_text("1::2\n\n3::4\n")
        ...     [block[LINE].to_list() for block in read_lines(path, FileCounts(path, 0))]
        [[1, 3]]
    """
    number = 1
    for block in _blocks(path):
        texts = _decode(block, encoding)
        frame = pl.DataFrame({TEXT: pl.Series(texts, dtype=pl.String)}).with_columns(
            pl.lit(counts.number, pl.Int32).alias(FILE),
            pl.int_range(number, number + len(texts), dtype=pl.Int64).alias(LINE),
            pl.col(TEXT).str.strip_suffix("\r"),
        )
        if skip_first:
            frame, skip_first = frame[1:], False
        number += len(texts)
        counts.read += len(frame)
        counts.drop(f"not {encoding} text", frame.filter(pl.col(TEXT).is_null())[LINE])
        blank = pl.col(TEXT).str.strip_chars() == ""
        counts.drop("blank", frame.filter(blank)[LINE], fault=False)
        yield frame.filter(~blank)  # without those that are null


def _blocks(path: Path) -> Iterator[bytes]:
    """Yield the content of a file, cut after line ends; the last line may lack one."""
    rest, first = b"", True
    try:
        with _open(path) as file:
            while piece := file.read(BLOCK):
                if first:
                    piece, first = piece.removeprefix(b"\xef\xbb\xbf"), False
                cut = piece.rfind(b"\n")
                if cut < 0:
                    rest += piece
                    if len(rest) > LONGEST:
                        raise ValueError(
                            f"{path} must hold lines of text; got {len(rest):,} bytes without a "
                            f"line end"
                        )
                    continue
                yield rest + piece[:cut]
                rest = piece[cut + 1 :]
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path} is a damaged gzip file: {error}") from error
    if rest:
        yield rest


def _open(path: Path) -> BufferedIOBase:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")


def _decode(block: bytes, encoding: str) -> list[str | None]:
    """Return the lines of a block; None for those that are not text."""
    try:
        return list(block.decode(encoding).split("\n"))
    except UnicodeDecodeError:
        return [_decode_line(line, encoding) for line in block.split(b"\n")]


def _decode_line(line: bytes, encoding: str) -> str | None:
    try:
        return line.decode(encoding)
    except UnicodeDecodeError:
        return None
