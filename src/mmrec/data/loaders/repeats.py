"""Rows that occur again, found with bounded memory in logs of any length."""

from pathlib import Path

import numpy as np
import polars as pl

from mmrec.data.loaders.lines import FILE, LINE

BUCKETS = 64
"""Files that hashes are sorted into; one is in memory at a time."""

_RECORD = np.dtype(
    # The key has 128 bits: of 10⁹ different rows, two agree with probability 10⁻²¹.
    [
        ("key", "u8"),
        ("key2", "u8"),
        ("content", "u8"),
        ("row", "i8"),
        ("line", "i8"),
        ("file", "i4"),
    ]
)


class RepeatFinder:
    """Finds the rows whose key occurred in an earlier row.

    Hashes of the keys go to files, 44 bytes a row, by which part of all hashes they belong to.
    Equal keys are in the same file, so one of :data:`BUCKETS` files is read at a time.

    Args:
        folder: an empty folder for the files; it can be removed afterwards.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> rows = pl.DataFrame({"item_id": ["a", "b", "a"]})
        >>> places = pl.DataFrame({FILE: [0, 0, 0], LINE: [1, 2, 3]})
        >>> with TemporaryDirectory() as folder:
        ...     finder = RepeatFinder(Path(folder))
        ...     finder.add(rows, rows, places)
        ...     finder.find().rows()
        [(2, 0, 3, True)]
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows = 0

    def add(self, keys: pl.DataFrame, contents: pl.DataFrame, places: pl.DataFrame) -> None:
        """Add rows.

        Args:
            keys: the columns by which rows are the same.
            contents: all columns.
            places: file and line of each row.
        """
        records = np.empty(len(keys), dtype=_RECORD)
        records["key"] = keys.hash_rows(seed=1).to_numpy()
        records["key2"] = keys.hash_rows(seed=2).to_numpy()
        records["content"] = contents.hash_rows(seed=3).to_numpy()
        records["row"] = np.arange(self.rows, self.rows + len(keys))
        records["line"], records["file"] = places[LINE].to_numpy(), places[FILE].to_numpy()
        self.rows += len(keys)
        bucket = records["key"] % BUCKETS
        records = records[np.argsort(bucket, kind="stable")]
        ends = np.cumsum(np.bincount(bucket.astype(np.int64), minlength=BUCKETS))
        for number, part in enumerate(np.split(records, ends[:-1])):
            if len(part):
                with (self.folder / str(number)).open("ab") as file:
                    part.tofile(file)

    def find(self) -> pl.DataFrame:
        """Return ``row``, file, line of the repeated rows, and whether all of a row is repeated."""
        found = [self._find_in(path) for path in self.folder.iterdir()]
        records = np.concatenate([np.empty(0, dtype=_RECORD), *(part for part, _ in found)])
        same = np.concatenate([np.empty(0, dtype=bool), *(same for _, same in found)])
        return pl.DataFrame(
            {
                "row": records["row"].astype(np.int64),
                FILE: records["file"].astype(np.int32),
                LINE: records["line"].astype(np.int64),
                "same": same,
            }
        ).sort("row")

    def _find_in(self, path: Path) -> tuple[np.ndarray, np.ndarray]:
        records = np.fromfile(path, dtype=_RECORD)
        records = records[np.lexsort((records["row"], records["key2"], records["key"]))]
        again = np.zeros(len(records), dtype=bool)
        for name in ("key", "key2"):
            equal = records[name][1:] == records[name][:-1]
            again[1:] = equal if name == "key" else again[1:] & equal
        first = np.maximum.accumulate(np.where(again, 0, np.arange(len(records))))
        same = records["content"] == records["content"][first]
        return records[again], same[again]
