"""Reading windows from shards."""

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int

from mmrec.data.sequences import Sequences, windows
from mmrec.data.shards import Shards, events_of

if TYPE_CHECKING:  # slow to import
    import pyarrow as pa


@dataclass(frozen=True)
class _Group:
    path: Path
    number: int


class ShardReader:
    """Reads windows (see :func:`mmrec.data.windows`) from shards.

    Args:
        shards: the log.
        max_length: events in the history of a window, at most.

    Attributes:
        counts: number of windows in each row group, ``(G,)``.
        empty: a log without events.

    Raises:
        ValueError: a shard can't be read.
    """

    def __init__(self, shards: Shards, max_length: int) -> None:
        self.shards, self.max_length = shards, max_length
        self._groups: list[_Group] = []
        counts: list[int] = []
        for path in shards.paths:
            for number, lengths in enumerate(_lengths(path)):
                self._groups.append(_Group(path, number))
                counts.append(int((-(-(lengths - 1) // max_length)).clip(0).sum()))
        self.counts = np.array(counts, dtype=np.int64)
        nothing = np.zeros(0, dtype=np.int64)
        self.empty = _sequences(
            nothing, nothing, nothing, np.zeros(1, np.int64), shards.event_types
        )
        self._last: tuple[_Group, Sequences, np.ndarray] | None = None

    @property
    def fingerprint(self) -> dict[str, int]:
        """The length of the windows, and a hash of their number in each row group."""
        marks = np.array([self.shards.events, self.shards.catalog_size, *self.counts])
        return {"max_length": self.max_length, "shards": zlib.crc32(marks.tobytes())}

    def read(
        self, order: Int[np.ndarray, " G"], start: int, stop: int
    ) -> tuple[Sequences, Int[np.ndarray, "W 2"]]:
        """Return the windows ``start:stop``, counted over the row groups in ``order``.

        Returns:
            A log of only these windows, one after the other, and the span of each window in it.

        Raises:
            ValueError: a row group can't be read.
        """
        ends = np.cumsum(self.counts[order])
        parts: list[tuple[Sequences, np.ndarray]] = []
        for place in range(int(np.searchsorted(ends, start, side="right")), len(order)):
            before = int(ends[place] - self.counts[order[place]])
            if before >= stop:
                break
            if self.counts[order[place]]:
                log, spans = self._group(self._groups[order[place]])
                parts.append((log, spans[max(start - before, 0) : stop - before]))
        at = [(log, events_of(spans)) for log, spans in parts]
        lengths = np.concatenate([spans[:, 1] - spans[:, 0] for _, spans in parts])
        item = np.concatenate([log.item[events] for log, events in at])
        gap = np.concatenate([log.gap[events] for log, events in at])
        event_type = np.concatenate([log.event_type[events] for log, events in at])
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        log = _sequences(item, gap, event_type, offsets, self.shards.event_types)
        return log, np.stack([offsets[:-1], offsets[1:]], axis=1)

    def _group(self, group: _Group) -> tuple[Sequences, np.ndarray]:
        """Return a row group and its windows; the last group is cached for the next call."""
        if self._last is None or self._last[0] != group:
            try:
                log = _read(group, self.shards)
            except Exception as error:  # pyarrow raises many types for damaged files
                raise _broken(group.path, error) from error
            self._last = (group, log, windows(log, self.max_length))
        return self._last[1:]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_last": None}  # workers don't need the cached group


def _lengths(path: Path) -> list[np.ndarray]:
    """Return, for each row group, the number of events of each row."""
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path, page_checksum_verification=True) as file:
            return [
                file.read_row_group(number, columns=["length"], use_threads=False)
                .column(0)
                .to_numpy()
                .astype(np.int64)
                for number in range(file.num_row_groups)
            ]
    except Exception as error:
        raise _broken(path, error) from error


def _read(group: _Group, shards: Shards) -> Sequences:
    from pyarrow.parquet import ParquetFile

    # Without threads: pyarrow's threads don't work in forked workers.
    with ParquetFile(group.path, page_checksum_verification=True) as file:
        table = file.read_row_group(group.number, use_threads=False)
    item, gap, event_type = (_flat(table, name) for name in ("items", "gaps", "event_types"))
    lengths = table.column("length").to_numpy().astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    if not len(item) == len(gap) == len(event_type) == offsets[-1]:
        raise ValueError("its lists differ in length from its column length")
    if len(item) and not 0 < item.min() <= item.max() <= shards.catalog_size:
        raise ValueError(f"it has items that are not in a catalogue of {shards.catalog_size}")
    return _sequences(
        item.astype(np.int64), gap, event_type.astype(np.int64), offsets, shards.event_types
    )


def _flat(table: "pa.Table", name: str) -> np.ndarray:
    values: np.ndarray = table.column(name).combine_chunks().flatten().to_numpy()
    return values


def _sequences(
    item: np.ndarray, gap: np.ndarray, event_type: np.ndarray, offsets: np.ndarray, event_types: Any
) -> Sequences:
    """Return a log without times, with row numbers as user ids."""
    gap = gap.astype(np.float64)
    users = range(len(offsets) - 1)
    return Sequences(item, gap, event_type, np.zeros(len(item)), offsets, users, event_types)


def _broken(path: Path, error: Exception) -> ValueError:
    reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
    return ValueError(f"shard {path} can't be read: {reason}")
