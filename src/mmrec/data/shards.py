"""Event logs that do not fit in memory: Parquet shards of user sequences."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int

from mmrec.data.catalog import Catalog
from mmrec.data.durable import atomic_folder
from mmrec.data.interactions import Interactions
from mmrec.data.sequences import Sequences, to_sequences
from mmrec.data.sorted_log import find_event_types, read_sorted_log

if TYPE_CHECKING:  # takes a while to import
    import pyarrow as pa

INDEX, COUNTS = "shards.json", "counts.npy"
FORMAT = 1


@dataclass(frozen=True)
class Shards:
    """A folder of shards. Written by :func:`write_shards`, streamed by :class:`ShardStream`.

    A shard is a Parquet file with one row a user (or a part of a long one): ``length``, and lists
    of so many ``items`` (catalogue indices), ``gaps`` (seconds) and ``event_types``. Rows lie in
    groups of a bounded number of events.

    Attributes:
        folder: where they lie.
        names: the files.
        catalog_size: number of items that indices were looked up in, V.
        event_types: names of the event types; type ``k`` is ``event_types[k - 1]``.
        users: how many users there are.
        events: how many events they have.
    """

    folder: Path
    names: tuple[str, ...]
    catalog_size: int
    event_types: tuple[str, ...]
    users: int
    events: int

    @classmethod
    def open(cls, folder: str | Path) -> "Shards":
        """Read what the folder's index says.

        Raises:
            FileNotFoundError: there is no index, since nothing or not all was written.
            ValueError: the index can't be read.
        """
        folder = Path(folder)
        try:
            index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
            if index.pop("format") != FORMAT:
                raise ValueError("another format")
            index |= {"names": tuple(index["names"]), "event_types": tuple(index["event_types"])}
            return cls(folder=folder, **index)
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"{folder} holds no finished shards: it has no {INDEX}"
            ) from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"{folder / INDEX} is no index of shards: {error}") from error

    @property
    def paths(self) -> list[Path]:
        """The files, in order."""
        return [self.folder / name for name in self.names]

    def counts(self) -> Int[np.ndarray, " V1"]:
        """Return how many events each item has, ``(V + 1,)``; 0 for padding."""
        counts: np.ndarray = np.load(self.folder / COUNTS, allow_pickle=False)
        return counts


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
            :class:`Interactions`. A log is read piece by piece: its rows must be sorted by
            ``user_id``, the events of one user have to fit in memory, and events of one time keep
            the order of their rows.
        folder: an empty or new folder; it appears whole or not at all.
        catalog: the items.
        event_types: names of the event types that are known; by default those of the log, sorted.
        group_events: events in a row group, at most: what a reader takes at once. A user with more
            is cut into rows that share one event, so that none is lost as a target.
        shard_groups: row groups in a file.

    Raises:
        FileExistsError: the folder already holds something.
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
            "write_shards expects group_events of 2 or more and shard_groups of 1 or more; got "
            f"{group_events} and {shard_groups}"
        )
    folder = Path(folder)
    with atomic_folder(folder) as fresh:
        _write_log(source, fresh, catalog, event_types, group_events, shard_groups)
    return Shards.open(folder)


def _write_log(
    source: Sequences | Interactions | str | Path,
    folder: Path,
    catalog: Catalog,
    event_types: Sequence[str] | None,
    group_events: int,
    shard_groups: int,
) -> None:
    """Write a log's shards, the counts of its items, and the index."""
    parts, event_types = _parts(source, catalog, event_types)
    found = Shards(folder, (), len(catalog), tuple(event_types), 0, 0)
    counts = np.zeros(len(catalog) + 1, dtype=np.int64)

    def counted() -> Iterator[Sequences]:
        nonlocal found, counts
        for part in parts:
            counts += part.counts(len(catalog))
            found = replace(
                found, users=found.users + len(part), events=found.events + len(part.item)
            )
            yield part

    names = list(_write(_groups(counted(), group_events), folder, shard_groups))
    np.save(folder / COUNTS, counts)
    index = {"format": FORMAT} | vars(found) | {"names": names}
    del index["folder"]
    (folder / INDEX).write_text(json.dumps(index, indent=1), encoding="utf-8")


def _parts(
    source: Sequences | Interactions | str | Path,
    catalog: Catalog,
    event_types: Sequence[str] | None,
) -> tuple[Iterable[Sequences], Sequence[str]]:
    """Return a log as sequences of some of its users at a time, and the event types."""
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
    """Return the events ``[start, end)`` of each row: a user's, or a part of a long one."""
    starts, ends = offsets[:-1], offsets[1:]
    if int((ends - starts).max(initial=0)) <= size:
        return np.stack([starts, ends], axis=1)[ends > starts]
    spans = [
        (start, min(start + size, stop))
        for first, stop in zip(starts.tolist(), ends.tolist(), strict=True)
        # Parts share one event; one that has no more than it would have no target.
        for start in range(first, max(stop - 1, first + (stop > first)), size - 1)
    ]
    return np.array(spans, dtype=np.int64)


def _table(part: Sequences, spans: np.ndarray) -> "pa.Table":
    import pyarrow as pa

    lengths = spans[:, 1] - spans[:, 0]
    at = events_of(spans)
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))

    def lists(values: np.ndarray, event_type: Any) -> "pa.ListArray":
        return pa.ListArray.from_arrays(offsets, pa.array(values[at].astype(event_type)))

    return pa.table(
        {
            "length": pa.array(lengths.astype(np.int32)),
            "items": lists(part.item, np.int32),
            "gaps": lists(part.gap, np.float32),  # as a batch has them
            "event_types": lists(part.event_type, np.int16),
        }
    )


def events_of(spans: Int[np.ndarray, "W 2"]) -> Int[np.ndarray, " E"]:
    """Return the positions in ``spans``, one span after the other.

    Example:
        >>> events_of(np.array([[5, 7], [0, 3]]))
        array([5, 6, 0, 1, 2])
    """
    lengths = spans[:, 1] - spans[:, 0]
    before = np.cumsum(lengths) - lengths
    return np.repeat(spans[:, 0] - before, lengths) + np.arange(lengths.sum())


def _write(groups: Iterable["pa.Table"], folder: Path, shard_groups: int) -> Iterator[str]:
    """Write row groups into files and yield the files' names."""
    from pyarrow.parquet import ParquetWriter

    writer, inside, number = None, 0, 0
    try:
        for group in groups:
            if writer is None:
                name = f"part-{number:05}.parquet"
                # Checksums: a damaged page is found rather than trained on.
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
