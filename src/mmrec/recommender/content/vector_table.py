"""Vectors by item: of a column of lists, a Parquet file or a ``.npy`` file."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float32, Int

from mmrec.data import Catalog
from mmrec.data.ids import check_ids
from mmrec.data.tables import first_line, read_table
from mmrec.data.wording import verb

log = logging.getLogger(__name__)

_LISTS = pl.List | pl.Array


@dataclass(frozen=True)
class VectorTable:
    """The vectors of a file.

    Attributes:
        name: of the file, for messages.
        ids: the row of each item id, as text: those of a CSV file are text where others are
            integers.
        vectors: ``(rows, width)``, memory-mapped if the file allows it.
    """

    name: str
    ids: dict[str, int]
    vectors: Float32[np.ndarray, "rows width"]

    def rows_of(self, items: Sequence[Any]) -> Int[np.ndarray, " N"]:
        """Return the row of each item, -1 if the file lacks it."""
        return np.array([self.ids.get(str(item), -1) for item in items], dtype=np.int64)

    def check_items(self, catalog: Catalog) -> None:
        """Warn of rows whose items are not in the catalogue.

        Raises:
            ValueError: no item is.
        """
        known = set(map(str, catalog.ids))
        unknown = [item for item in self.ids if item not in known]
        if len(unknown) == len(self.ids):
            raise ValueError(
                f"{self.name} must have vectors of items in the catalogue; got {unknown[:3]!r}, "
                f"and the catalogue has {catalog.ids[:3]!r}"
            )
        if unknown:
            log.warning(
                "%s: %d of %d vectors %s of items that are not in the catalogue, first %r",
                self.name,
                len(unknown),
                len(self.ids),
                verb(len(unknown), "is", "are"),
                unknown[:3],
            )

    @staticmethod
    def of_column(
        column: pl.Series, width: int
    ) -> tuple[Float32[np.ndarray, "rows width"], Int[np.ndarray, " V"], dict[int, str]]:
        """Return the vectors of a column, the row of each item (-1 = none), and wrong ones.

        Raises:
            ValueError: the column does not hold lists of numbers.
        """
        lists = as_lists(column)
        lengths = lists.list.len().fill_null(0)
        good = lengths == width
        given, fits = (lengths > 0).to_numpy(), good.to_numpy()
        wrong = {
            int(row): f"it has {lengths[int(row)]} numbers, not {width}"
            for row in np.flatnonzero(given & ~fits)
        }
        flat = lists.filter(good).explode(empty_as_null=True).fill_null(np.nan)
        values = flat.to_numpy().reshape(-1, width).astype(np.float32, copy=False)
        return values, np.where(fits, np.cumsum(fits) - 1, -1), wrong


def as_lists(column: pl.Series) -> pl.Series:
    """Return a column of lists of numbers as lists of float32.

    Raises:
        ValueError: it holds something else.
    """
    dtype = column.dtype
    if dtype == pl.Null:
        return column.cast(pl.List(pl.Float32))
    inner = dtype.inner if isinstance(dtype, _LISTS) else None
    if inner is None or not (inner.is_numeric() or inner == pl.Null):
        raise ValueError(
            f"modality 'vectors': {column.name} must hold lists of numbers; got {dtype}"
        )
    return column.cast(pl.List(pl.Float32))


def usual_width(column: pl.Series, table: VectorTable | None) -> int:
    """Return the width of the vectors: that of the file, or else of most lists of a column.

    Raises:
        ValueError: there is no vector.
    """
    if table is not None:
        return int(table.vectors.shape[1])
    widths = as_lists(column).list.len().drop_nulls()
    widths = widths.filter(widths > 0)
    if not len(widths):
        raise ValueError(f"modality 'vectors': no item has a vector in {column.name!r}")
    counts = widths.value_counts().sort("count", column.name, descending=[True, False])
    return int(counts[column.name][0])


def read_vectors(path: Path) -> VectorTable:
    """Read the vectors of a file; see :class:`VectorsModality` for its format.

    Raises:
        FileNotFoundError: the file, or the ids of a ``.npy`` file, are missing.
        ValueError: it can't be read, has no vectors, or an id is empty or occurs twice.
    """
    if not path.is_file():
        raise FileNotFoundError(f"vectors: no file at {path}")
    files = [file for file in (path, _names(path)) if file.is_file()]
    return _read(path, tuple((f.stat().st_mtime_ns, f.stat().st_size) for f in files))


@lru_cache(maxsize=4)  # live items come one at a time
def _read(path: Path, stamp: object) -> VectorTable:
    ids, vectors = _read_npy(path) if path.suffix.lower() == ".npy" else _read_parquet(path)
    rows = {str(item): row for row, item in enumerate(ids)}
    if len(rows) < len(ids):
        raise ValueError(
            f"{path.name} must have one vector an item; got {len(ids) - len(rows)} "
            f"item ids more than once"
        )
    return VectorTable(path.name, rows, vectors)


def _names(path: Path) -> Path:
    return path.with_suffix(".ids.txt")


def _read_npy(path: Path) -> tuple[list[Any], np.ndarray]:
    names = _names(path)
    if not names.is_file():
        raise FileNotFoundError(
            f"{path.name} needs {names.name} beside it, with an item id a line in the order of its "
            f"rows; or use a Parquet file with item_id"
        )
    try:
        vectors = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(f"{path.name} can't be read: {first_line(error)}") from error
    ids = names.read_text(encoding="utf-8").splitlines()
    if vectors.ndim != 2 or vectors.dtype.kind not in "fiu" or 0 in vectors.shape:
        raise ValueError(
            f"{path.name} must be numbers of one row an item; got {vectors.dtype} of shape "
            f"{vectors.shape}"
        )
    if len(ids) != len(vectors):
        raise ValueError(f"{names.name} must have {len(vectors)} ids; got {len(ids)}")
    return [name.strip() for name in ids], np.asarray(vectors, dtype=np.float32)


def _read_parquet(path: Path) -> tuple[list[Any], np.ndarray]:
    frame = read_table(path, "vectors")
    columns = [name for name in frame.columns if name != "item_id"]
    kinds = [frame[name].dtype for name in columns]
    lists = [isinstance(kind, _LISTS) for kind in kinds]
    if "item_id" not in frame.columns or not (
        lists == [True] or (columns and all(kind.is_numeric() for kind in kinds))
    ):
        raise ValueError(
            f"{path.name} must have item_id, and either one column of lists or columns of numbers; "
            f"got {dict(list(frame.schema.items())[:5])}"
        )
    ids = check_ids(frame, "item_id", "vectors")["item_id"].to_list()
    if lists != [True]:
        return ids, frame.select(columns).cast(pl.Float32).fill_null(np.nan).to_numpy()
    width = usual_width(frame[columns[0]], None)
    vectors, rows, wrong = VectorTable.of_column(frame[columns[0]], width)
    if wrong:
        log.warning(
            "%s: %d of %d vectors %s not %d wide and left out, first %r",
            path.name,
            len(wrong),
            len(frame),
            verb(len(wrong), "is", "are"),
            width,
            [ids[row] for row in list(wrong)[:3]],
        )
    return [item for item, row in zip(ids, rows, strict=True) if row >= 0], vectors
