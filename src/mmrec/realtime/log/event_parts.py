"""Reading a table of events in parts, each with all events of some users."""

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from mmrec.data import Interactions, Table, TimeUnit, renamed
from mmrec.data.csv_files import check_header, lines_named
from mmrec.data.inherited import EVENT_COLUMNS, HEAD
from mmrec.data.tables import find_table, first_line, read_table

PIECE = 1 << 17  # rows of a Parquet file that are read at once


def events_path(source: Table) -> Path | None:
    """Return the file of a data folder or a path; None for a table in memory.

    Raises:
        FileNotFoundError: a folder has no table of interactions.
    """
    if not isinstance(source, str | Path):
        return None
    if os.path.isdir(source):  # noqa: PTH112  # accepts names of any length
        return find_table(Path(source), "interactions")
    return Path(source)


def read_parts(
    source: Table,
    rows: int,
    more: Collection[str] = (),
    *,
    columns: Mapping[str, str] | None = None,
    time_unit: TimeUnit | None = None,
) -> Iterator[Interactions]:
    """Yield the events of a table, sorted by time, in parts of about ``rows`` rows.

    A part has all events of its users, who are told apart by a hash. The file of a larger table is
    read once for each part, so memory is bounded by the part, unless a single user has more events.
    A table in memory is one part.

    Args:
        source: a table, or the path of a CSV or Parquet file.
        rows: rows of a part, about.
        more: columns that are read besides those of :class:`Interactions`, if they exist.
        columns: our names of columns by theirs.
        time_unit: as for :class:`Interactions`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the table is malformed.

    Example:
        >>> events = {"user_id": ["u", "v"], "item_id": ["a", "b"], "position": [1, 0]}
        >>> [part.frame["user_id"].to_list() for part in read_parts(events, 10)]
        [['v', 'u']]
    """
    path = Path(source) if isinstance(source, str | Path) else None
    parts = 1 if path is None else -(-_count(path) // rows)
    if path is None or parts <= 1:
        [table] = renamed({"interactions": source}, columns).values()
        yield Interactions(table, time_unit=time_unit)
        return
    names = dict(columns or {})
    if names:  # before a part is read: each is there, and none is there twice
        renamed({"interactions": read_table(path, "interactions", HEAD)}, names)
    user = next((theirs for theirs, ours in names.items() if ours == "user_id"), "user_id")
    wanted = {*EVENT_COLUMNS, *more}
    wanted = (wanted - set(names)) | {theirs for theirs, ours in names.items() if ours in wanted}
    for part in range(parts):
        frame = _of_part(path, pl.col(user).hash() % parts == part, wanted)
        frame = frame.rename(names, strict=False)
        try:
            if not frame.is_empty():
                yield Interactions(frame, time_unit=time_unit)
        except ValueError as error:
            raise ValueError(f"{path.name}, part {part + 1} of {parts}: {error}") from error


def _count(path: Path) -> int:
    """Return the number of rows of a file; 0 for one that :class:`Interactions` will refuse."""
    if path.suffix.lower() not in (".csv", ".parquet") or not os.path.isfile(path):  # noqa: PTH113
        return 0
    with _reading(path):
        if path.suffix.lower() == ".csv":
            with lines_named(path):
                check_header(path)
                return int(_scan(path).select(pl.len()).collect().item())
        from pyarrow.parquet import ParquetFile  # slow to import

        with ParquetFile(path) as file:
            return int(file.metadata.num_rows)


def _of_part(path: Path, belongs: pl.Expr, wanted: set[str]) -> pl.DataFrame:
    """Return the rows of a part, in the order of the file."""
    with _reading(path):
        if path.suffix.lower() == ".csv":
            blank = pl.all_horizontal(pl.all().is_null())
            rows = _scan(path).filter(~blank & belongs).select(_wanted(_scan(path), wanted))
            with lines_named(path):
                return rows.collect(engine="streaming")
        import pyarrow as pa
        from pyarrow.parquet import ParquetFile

        with ParquetFile(path) as file:  # not polars: some damaged files make it abort
            columns: list[Any] = sorted(wanted & set(file.schema_arrow.names))
            found = [
                pl.DataFrame(pa.Table.from_batches([piece])).filter(belongs)
                for piece in file.iter_batches(PIECE, columns=columns)
            ]
        return pl.concat(found, how="vertical_relaxed")


def _scan(path: Path) -> pl.LazyFrame:
    return pl.scan_csv(path, infer_schema=False, glob=False)


def _wanted(table: pl.LazyFrame, wanted: set[str]) -> list[str]:
    return sorted(wanted & set(table.collect_schema().names()))


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (Exception, pl.exceptions.PanicException) as error:  # a panic is not an Exception
        raise ValueError(
            f"interactions: {path.name} can't be read as a table: {first_line(error)}"
        ) from error
