"""Event logs that don't fit in memory: a folder of Parquet shards."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int

INDEX, COUNTS = "shards.json", "counts.npy"
FORMAT = 1


@dataclass(frozen=True)
class Shards:
    """A folder of shards. Written by :func:`write_shards`, streamed by :class:`ShardStream`.

    A shard is a Parquet file with one row per user, or several rows for a long history. A row has a
    ``length`` and lists of that length: ``items`` (catalogue indices), ``gaps`` (seconds) and
    ``event_types``. Row groups have a bounded number of events.

    Attributes:
        folder: the folder.
        names: the names of the files, in order.
        catalog_size: V of the catalogue whose indices ``items`` holds.
        event_types: names of the event types; type ``k`` is ``event_types[k - 1]``.
        users: number of users.
        events: number of events.
    """

    folder: Path
    names: tuple[str, ...]
    catalog_size: int
    event_types: tuple[str, ...]
    users: int
    events: int

    @classmethod
    def open(cls, folder: str | Path) -> "Shards":
        """Return the shards in a folder, from its index.

        Raises:
            FileNotFoundError: there is no index, since writing never started or never finished.
            ValueError: the index can't be read.
        """
        folder = Path(folder)
        try:
            index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
            if index.pop("format") != FORMAT:
                raise ValueError("it has another format")
            index |= {"names": tuple(index["names"]), "event_types": tuple(index["event_types"])}
            return cls(folder=folder, **index)
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"{folder} holds no finished shards; it has no {INDEX}"
            ) from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"{folder / INDEX} is not an index of shards: {error}") from error

    @property
    def paths(self) -> list[Path]:
        """The files, in order."""
        return [self.folder / name for name in self.names]

    def counts(self) -> Int[np.ndarray, " V1"]:
        """Return how many events each item has, ``(V + 1,)``; 0 for padding."""
        counts: np.ndarray = np.load(self.folder / COUNTS, allow_pickle=False)
        return counts


def events_of(spans: Int[np.ndarray, "W 2"]) -> Int[np.ndarray, " E"]:
    """Return the positions of all events in ``spans``, one span after the other.

    Example:
        >>> events_of(np.array([[5, 7], [0, 3]]))
        array([5, 6, 0, 1, 2])
    """
    lengths = spans[:, 1] - spans[:, 0]
    before = np.cumsum(lengths) - lengths
    return np.repeat(spans[:, 0] - before, lengths) + np.arange(lengths.sum())
