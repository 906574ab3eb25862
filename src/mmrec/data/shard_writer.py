"""Writing an event log as Parquet shards."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int

from mmrec.data.catalog import Catalog
from mmrec.data.durable import atomic_folder
from mmrec.data.interactions import Interactions
from mmrec.data.sequences import Sequences, to_sequences
from mmrec.data.shards import COUNTS, FORMAT, INDEX, Shards, events_of
from mmrec.data.sorted_log import find_event_types, read_sorted_log

if TYPE_CHECKING:  # slow to import
    import pyarrow as pa


def write_shards(
    source: Sequences | Interactions | str | Path,
    folder: str | Path,
    catalog: Catalog,
    *,
    event_types: Sequence[str] | None = None,
    group_events: int = 1 << 16,
    shard_groups: int = 64,
) -> Shards:
    """Write a log as Parquet shards.

    Args:
        source: the events, or the path of a Parquet log with the columns of
            :class:`Interactions`. A log on disk is read in pieces, so its rows must be sorted by
            ``user_id`` and the events of each user must fit in memory. Events of the same time keep
            the order of their rows.
        folder: an empty or new folder; it appears whole or not at all.
        catalog: the items.
        event_types: names of the event types; by default those of the log, sorted. Others are
            unknown.
        group_events: events in a row group, at most; a reader loads a row group at once. A user
            with more events gets several rows that overlap by one event, so that no target is lost.
        shard_groups: row groups in a file.

    Raises:
        FileExistsError: the folder is not empty.
        ValueError: an event is not valid, its item is not in the catalogue, or a log on disk is
            not sorted by user.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> events = {"user_id": list("uuv"), "item_id": list("aba"), "position": [0, 1, 0]}
        >>> with TemporaryDirectory() as folder:
        ...     catalog = Catalog({"item_id": ["a", "b"]})
        ...     shards = write_shards(Interactions(events), folder, catalog)
        ...     shards.users, shards.events, shards.counts()
        (2, 3, array([0, 2, 1]))
    """
    if group_events < 2 or shard_groups < 1:
        raise ValueError(
            "group_events must be 2 or more and shard_groups 1 or more; got "
            f"{group_events} and {shard_groups}"
        )
    folder = Path(folder)
    with atomic_folder(folder) as fresh:
        parts, event_types = _parts(source, catalog, event_types)
        totals = _Totals(np.zeros(len(catalog) + 1, dtype=np.int64))
        groups = _groups(totals.counted(parts), group_events)
        names = list(_write(groups, fresh, shard_groups))
        np.save(fresh / COUNTS, totals.counts)
        index = {
            "format": FORMAT,
            "names": names,
            "catalog_size": len(catalog),
            "event_types": list(event_types),
            "users": totals.users,
            "events": totals.events,
        }
        (fresh / INDEX).write_text(json.dumps(index, indent=1), encoding="utf-8")
    return Shards.open(folder)


@dataclass
class _Totals:
    """Totals of the events that are written; ``counts`` are events per item, ``(V + 1,)``."""

    counts: Int[np.ndarray, " V1"]
    users: int = 0
    events: int = 0

    def counted(self, parts: Iterable[Sequences]) -> Iterator[Sequences]:
        """Yield ``parts`` and add each to the totals."""
        for part in parts:
            self.counts += part.counts(len(self.counts) - 1)
            self.users += len(part)
            self.events += len(part.item)
            yield part


def _parts(
    source: Sequences | Interactions | str | Path,
    catalog: Catalog,
    event_types: Sequence[str] | None,
) -> tuple[Iterable[Sequences], Sequence[str]]:
    """Return a log in pieces, each of the events of some users, and its event types."""
    if isinstance(source, Interactions):
        source = to_sequences(source, catalog, event_types)
    if isinstance(source, Sequences):
        return [source], source.event_types
    known = find_event_types(source) if event_types is None else event_types
    return read_sorted_log(source, catalog, known), known


def _groups(parts: Iterable[Sequences], size: int) -> Iterator["pa.Table"]:
    """Yield row groups of at most ``size`` events."""
    import pyarrow as pa

    pending: list[pa.Table] = []
    room = size
    for part in parts:
        spans = _rows(part.offsets, size)
        before = np.concatenate([[0], np.cumsum(spans[:, 1] - spans[:, 0])])
        row = 0
        while row < len(spans):
            fits = int(np.searchsorted(before, before[row] + room, side="right")) - 1
            if fits > row:
                pending.append(_table(part, spans[row:fits]))
                room -= int(before[fits] - before[row])
                row = fits
            else:
                yield pa.concat_tables(pending)
                pending, room = [], size
    if pending:
        yield pa.concat_tables(pending)


def _rows(offsets: np.ndarray, size: int) -> np.ndarray:
    """Return the events ``[start, end)`` of each row: those of a user, or a part of them."""
    starts, ends = offsets[:-1], offsets[1:]
    if int((ends - starts).max(initial=0)) <= size:
        return np.stack([starts, ends], axis=1)[ends > starts]
    spans = [
        (start, min(start + size, stop))
        for first, stop in zip(starts.tolist(), ends.tolist(), strict=True)
        # Rows overlap by one event; a row of that event alone would have no target.
        for start in range(first, max(stop - 1, first + (stop > first)), size - 1)
    ]
    return np.array(spans, dtype=np.int64)


def _table(part: Sequences, spans: np.ndarray) -> "pa.Table":
    import pyarrow as pa

    lengths = spans[:, 1] - spans[:, 0]
    at = events_of(spans)
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))

    def lists(values: np.ndarray, dtype: type[np.generic]) -> "pa.ListArray":
        return pa.ListArray.from_arrays(offsets, pa.array(values[at].astype(dtype)))

    return pa.table(
        {
            "length": pa.array(lengths.astype(np.int32)),
            "items": lists(part.item, np.int32),
            "gaps": lists(part.gap, np.float32),  # as in a batch
            "event_types": lists(part.event_type, np.int16),
        }
    )


def _write(groups: Iterable["pa.Table"], folder: Path, shard_groups: int) -> Iterator[str]:
    """Write row groups into files, and yield the name of each file."""
    from pyarrow.parquet import ParquetWriter

    writer, inside, number = None, 0, 0
    try:
        for group in groups:
            if writer is None:
                name = f"part-{number:05}.parquet"
                # Checksums make a damaged page an error when it is read.
                writer = ParquetWriter(folder / name, group.schema, write_page_checksum=True)
                number, inside = number + 1, 0
                yield name
            writer.write_table(group, row_group_size=max(len(group), 1))
            inside += 1
            if inside == shard_groups:
                writer.close()
                writer = None
    finally:
        if writer is not None:
            writer.close()
