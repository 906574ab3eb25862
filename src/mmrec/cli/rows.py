"""Tables that are written block by block: Parquet, CSV or JSON Lines, by the name of the file."""

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import polars as pl

from mmrec.data.private import private_file

FORMATS = (".parquet", ".csv", ".jsonl")


def check_suffix(path: Path) -> None:
    """Raise a ``ValueError`` unless the name of a file has the ending of a known format."""
    if path.suffix.lower() not in FORMATS:
        raise ValueError(f"expected a file that ends in {', '.join(FORMATS)}; got {path.name}")


def write_rows(blocks: Iterable[pl.DataFrame], path: Path) -> int:
    """Write blocks of rows to a file that only its owner can read; return how many rows.

    One block is in memory at a time.

    Args:
        blocks: at least one frame; all have the columns of the first.
        path: the file; one that exists is replaced at the end.

    Raises:
        ValueError: the format is unknown.
        OSError: the file can't be written; a file that exists stays.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder, "rows.csv")
        ...     count = write_rows([pl.DataFrame({"a": [1]}), pl.DataFrame({"a": [2]})], path)
        ...     count, path.read_text().split()
        (2, ['a', '1', '2'])
    """
    check_suffix(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"no folder {path.parent} to write {path.name} to")
    with private_file(path) as file:
        if path.suffix.lower() == ".parquet":
            return _write_parquet(blocks, file)
        count = 0
        for block in blocks:
            if path.suffix.lower() == ".csv":
                block.write_csv(file, include_header=file.tell() == 0)
            else:
                block.write_ndjson(file)
            count += len(block)
        return count


def _write_parquet(blocks: Iterable[pl.DataFrame], file: BinaryIO) -> int:
    from pyarrow.parquet import ParquetWriter  # slow to import

    writer, count = None, 0
    try:
        for block in blocks:
            table = block.to_arrow()
            if writer is None:
                writer = ParquetWriter(file, table.schema)
            writer.write_table(table)
            count += len(block)
    finally:
        if writer is not None:
            writer.close()
    return count
