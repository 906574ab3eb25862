"""The folder of a published data set: finds its files and reads them as typed frames."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from mmrec.data.loaders.json_lines import Field, split_json
from mmrec.data.loaders.lines import read_lines
from mmrec.data.loaders.report import ImportReport
from mmrec.data.loaders.separated import Types, split_csv, split_plain

Frames = Iterator[pl.DataFrame]
"""Pieces of a table, with the columns of the file and of the line that each row is from."""


@dataclass(frozen=True)
class Tables:
    """What a layout gives: events, items and, where the source has them, users.

    Args:
        events: ``user_id``, ``item_id``, ``timestamp`` (seconds) or ``position``, and others.
        items: ``item_id`` and others; ``image`` is a path in the folder ``images``.
        users: ``user_id`` and others, or None.
        images: folder of the images, or None.
        keep_repeats: rows of events that agree in all columns are different events.
    """

    events: Frames
    items: Frames
    users: Frames | None = None
    images: Path | None = None
    keep_repeats: bool = False


class Source:
    """A folder with files of a published data set.

    Args:
        folder: the folder.
        report: where lines are counted.

    Raises:
        FileNotFoundError: the folder does not exist.
    """

    def __init__(self, folder: Path, report: ImportReport) -> None:
        if not folder.is_dir():
            raise FileNotFoundError(f"no folder of a data set at {folder}")
        self.folder, self.report = folder, report

    def find(self, name: str) -> Path | None:
        """Return a file, or its gzipped version; None if there is neither."""
        paths = [self.folder / name, self.folder / f"{name}.gz"]
        return next((path for path in paths if path.is_file()), None)

    def need(self, *names: str) -> list[Path]:
        """Return files that must be there.

        Raises:
            FileNotFoundError: some are missing; the message names them all, and what was found.
        """
        found = [self.find(name) for name in names]
        missing = [name for name, path in zip(names, found, strict=True) if path is None]
        if missing:
            raise self.lacks(missing)
        return [path for path in found if path is not None]

    def need_one(self, pattern: str) -> Path:
        """Return the file that matches a pattern.

        Raises:
            FileNotFoundError: none or several files match.
        """
        found = sorted(path for path in self.folder.glob(pattern) if path.is_file())
        if len(found) > 1:
            names = [path.name for path in found]
            raise FileNotFoundError(f"{self.folder} must hold one file {pattern}; got {names}")
        if not found:
            raise self.lacks([pattern])
        return found[0]

    def lacks(self, names: list[str]) -> FileNotFoundError:
        """Return the error for missing files."""
        there = sorted(path.name for path in self.folder.iterdir())
        shown = ", ".join(there[:10]) + (", …" if len(there) > 10 else "")
        return FileNotFoundError(
            f"{self.folder} lacks {', '.join(names)} of the layout {self.report.layout}; it holds "
            f"{shown or 'nothing'}"
        )

    def plain(self, path: Path, types: Types, separator: str, *, encoding: str = "utf-8") -> Frames:
        """Yield the fields of a file without quotes and header."""
        counts = self.report.open(path)
        yield from split_plain(
            read_lines(path, counts, encoding=encoding), types, separator, counts
        )

    def csv(
        self,
        path: Path,
        types: Types,
        *,
        header: list[str] | None = None,
        skip_first: bool = False,
    ) -> Frames:
        """Yield the records of a CSV file, all its columns; those without a type are text.

        Args:
            path: the file.
            types: columns that must be there, and their types.
            header: names of the columns in place of those in the first line.
            skip_first: the first line is a header although ``header`` is given.
        """
        counts = self.report.open(path)
        lines = read_lines(path, counts, skip_first=skip_first)
        yield from split_csv(lines, types, counts, header=header)

    def json(self, path: Path, fields: Mapping[str, Field], *, keep_others: bool = True) -> Frames:
        """Yield the fields of a file of JSON lines."""
        counts = self.report.open(path)
        yield from split_json(read_lines(path, counts), fields, counts, keep_others=keep_others)


def files_in(folder: Path) -> set[str]:
    """Return the paths of all files in a folder and its folders, relative to it, with ``/``."""
    return {
        Path(base, name).relative_to(folder).as_posix()
        for base, _, names in os.walk(folder)
        for name in names
    }


def image_column(path: pl.Expr, images: Path | None) -> pl.Expr:
    """Return the column ``image``: ``path`` where there is such a file in ``images``, else null."""
    if images is None:
        return pl.lit(None, pl.String).alias("image")
    there = pl.Series(sorted(files_in(images)), dtype=pl.String)
    return pl.when(path.is_in(there.implode())).then(path).alias("image")


def with_missing(frame: pl.DataFrame, columns: Types) -> pl.DataFrame:
    """Return a frame with further columns, empty unless it has them."""
    return frame.with_columns(
        pl.lit(None, dtype).alias(name)
        for name, dtype in columns.items()
        if name not in frame.columns
    )
