"""Reading a Parquet log that is sorted by user, some users at a time."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from mmrec.data.catalog import Catalog
from mmrec.data.ids import check_ids
from mmrec.data.interactions import Interactions, in_row_order
from mmrec.data.sequences import Sequences, to_sequences
from mmrec.data.tables import require_columns
from mmrec.data.times import TimeUnit, guess_unit, report_guess

COLUMNS = {"user_id", "item_id", "timestamp", "position", "event"}
ROWS = 1 << 17
"""Events that are read at once."""


def find_event_types(path: str | Path) -> list[str]:
    """Return the names of the event types in a log on disk, sorted."""
    names: set[str] = set()
    for frame in _pieces(Path(path), {"event"}):
        names |= {str(name) for name in frame["event"].unique() if name not in (None, "")}
    return sorted(names)


def read_sorted_log(
    path: str | Path,
    catalog: Catalog,
    event_types: Sequence[str],
    *,
    rows: int = ROWS,
    time_unit: TimeUnit | None = None,
) -> Iterator[Sequences]:
    """Yield all events of some users at a time, from a log that is sorted by ``user_id``.

    Args:
        path: a Parquet file with the columns of :class:`Interactions`.
        catalog: the items.
        event_types: names of the event types.
        rows: number of events that are read at once. The events of each user must fit in memory.
        time_unit: as for :class:`Interactions`; by default what the first events look like.

    Raises:
        FileNotFoundError: the path does not exist.
        ValueError: the file can't be read, is not sorted, or has an invalid event; or later times
            look like another unit than the first.
    """
    path, read, unit = Path(path), 0, time_unit
    rest: pl.DataFrame | None = None
    for piece in _pieces(path, COLUMNS, rows):
        require_columns(piece, ["user_id"], "interactions")
        piece = check_ids(piece, "user_id", f"{path.name}, from row {read} on (counted from 0)")
        if not {"timestamp", "position"} & set(piece.columns):
            piece = in_row_order(piece, read)
        if time_unit is None:
            unit = _unit(piece, unit, read)
        frame = piece if rest is None else pl.concat([rest, piece])
        read += len(piece)
        users = frame["user_id"]
        falls = (users < users.shift(1)).arg_true()
        if len(falls):
            at = int(falls[0])
            raise ValueError(
                f"{path.name} must be sorted by user_id; got {users[at]!r} after {users[at - 1]!r}"
            )
        # The next piece may have more events of the last user.
        last = int(users.search_sorted(users[-1], side="left"))
        if last:
            yield _sequences(frame[:last], path, read, catalog, event_types, unit)
        rest = frame[last:]
    if rest is None:
        raise ValueError(f"interactions must have at least one row; got none in {path.name}")
    yield _sequences(rest, path, read, catalog, event_types, unit)


def _sequences(
    frame: pl.DataFrame,
    path: Path,
    read: int,
    catalog: Catalog,
    event_types: Sequence[str],
    unit: TimeUnit | None,
) -> Sequences:
    try:
        log = Interactions(frame, catalog, time_unit=unit)
    except ValueError as error:
        rows = f"the {len(frame)} rows before row {read} (counted from 0)"
        raise ValueError(
            f"{path.name}, in {rows}, where 0 is the first of them: {error}"
        ) from error
    return to_sequences(log, catalog, event_types)


def _unit(piece: pl.DataFrame, unit: TimeUnit | None, read: int) -> TimeUnit | None:
    """Return the unit of the first times, which all must have; None if they have none."""
    found = guess_unit(piece["timestamp"]) if "timestamp" in piece.columns else None
    if unit is None and found is not None:
        report_guess("interactions: timestamp", found)
        return found
    if found not in (None, unit):
        raise ValueError(
            f"interactions: timestamp must be in one unit; from row {read} on (counted from 0) it "
            f"looks like {found}, before like {unit}"
        )
    return unit


def _pieces(path: Path, columns: set[str], rows: int = ROWS) -> Iterator[pl.DataFrame]:
    """Yield those of ``columns`` that exist, ``rows`` rows at a time."""
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    if not path.is_file():
        raise FileNotFoundError(f"interactions: no file at {path}")
    try:
        with ParquetFile(path) as file:
            present: list[Any] = sorted(columns & set(file.schema_arrow.names))
            if not present:
                return
            for batch in file.iter_batches(rows, columns=present):
                if batch.num_rows:
                    yield pl.DataFrame(pa.Table.from_batches([batch]))
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"interactions: {path.name} can't be read: {error}") from error
