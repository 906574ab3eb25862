"""Parquet tables that are written piece by piece, without repeated rows."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from mmrec.data.loaders.lines import FILE, LINE, DType
from mmrec.data.loaders.repeats import RepeatFinder
from mmrec.data.loaders.report import FileCounts

if TYPE_CHECKING:
    import pyarrow as pa

COMPRESSION = "zstd"


class TableWriter:
    """Writes frames into one Parquet file, and drops the rows that occur again.

    The columns are those of the first frame. A column that a later frame lacks is null there.

    Args:
        path: the file.
        key: the columns by which rows are the same; without them, all columns.
        work: an empty folder for temporary files.
        keep_repeats: keep repeated rows; they are counted only.
    """

    def __init__(
        self, path: Path, work: Path, *, key: Sequence[str] = (), keep_repeats: bool = False
    ) -> None:
        from pyarrow.parquet import ParquetWriter  # slow to import

        work.mkdir(parents=True)
        self.path, self.key, self.keep_repeats = path, list(key), keep_repeats
        self.rows = 0
        self.schema: pl.Schema | None = None
        self._finder = RepeatFinder(work)
        self._open = ParquetWriter
        self._writer: ParquetWriter | None = None

    def write(self, frame: pl.DataFrame) -> None:
        """Add rows, with the file and the line that each is from.

        Raises:
            ValueError: a column is new, or has another type than before.
        """
        places, frame = frame.select(FILE, LINE), frame.drop(FILE, LINE)
        if self.schema is None:
            self.schema = frame.schema
        frame = self._aligned(frame, self.schema)
        if frame.is_empty() and self._writer is not None:
            return
        table = _to_arrow(frame)
        if self._writer is None:
            self._writer = self._open(self.path, table.schema, compression=COMPRESSION)
        self._writer.write_table(table)
        self._finder.add(frame.select(self.key) if self.key else frame, frame, places)
        self.rows += len(frame)

    def close(self, files: Sequence[FileCounts]) -> int:
        """Complete the file, count repeated rows in ``files`` and return how many there are."""
        if self._writer is None:
            return 0
        self._writer.close()
        repeated = self._finder.find()
        if not self.keep_repeats and len(repeated):
            self._rewrite(repeated["row"])
            self.rows -= len(repeated)
            for same, why in ((True, "duplicate"), (False, f"{'+'.join(self.key)} again")):
                rows = repeated.filter(pl.col("same") == same)
                for (number,), lines in rows.group_by(FILE):
                    files[int(str(number))].drop(why, lines[LINE], fault=False)
        return len(repeated)

    def abort(self) -> None:
        """Close the file as it is, after an error."""
        if self._writer is not None:
            self._writer.close()

    def _aligned(self, frame: pl.DataFrame, schema: Mapping[str, DType]) -> pl.DataFrame:
        different = {
            name: dtype for name, dtype in frame.schema.items() if schema.get(name) != dtype
        }
        if different:
            raise ValueError(
                f"{self.path.name}: expected columns of {dict(schema)}; got {different}"
            )
        return frame.select(
            pl.col(name) if name in frame.columns else pl.lit(None, dtype).alias(name)
            for name, dtype in schema.items()
        )

    def _rewrite(self, dropped: pl.Series) -> None:
        from pyarrow.parquet import ParquetFile

        fresh = self.path.with_suffix(".new")
        start = 0
        with (
            ParquetFile(self.path) as file,
            self._open(fresh, file.schema_arrow, compression=COMPRESSION) as writer,
        ):
            for group in range(file.num_row_groups):
                table = file.read_row_group(group)
                rows = pl.int_range(start, start + len(table), dtype=pl.Int64, eager=True)
                start += len(table)
                writer.write_table(table.filter((~rows.is_in(dropped.implode())).to_arrow()))
        fresh.replace(self.path)


def _to_arrow(frame: pl.DataFrame) -> "pa.Table":
    return frame.to_arrow(compat_level=pl.CompatLevel.oldest())
