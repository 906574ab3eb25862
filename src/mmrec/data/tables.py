"""Reading tables from frames, mappings and files."""

import json
import os
from collections.abc import Mapping, Sequence, Sized
from pathlib import Path
from typing import Any

import polars as pl

Table = pl.DataFrame | pl.LazyFrame | str | Path | Mapping[str, Sequence[Any]] | Any
"""A polars or pandas frame, a pyarrow table, a mapping of columns, or a CSV or Parquet path."""


def read_table(source: Table, what: str) -> pl.DataFrame:
    """Return ``source`` as a polars frame; the values of a CSV file stay text.

    Args:
        source: polars or pandas frame, pyarrow table, mapping of columns, CSV or Parquet path.
        what: name of the rows for error messages, such as ``"interactions"``.

    Raises:
        FileNotFoundError: the path does not exist.
        ValueError: the file or object can't be read as a table, or has no rows.

    Example:
        >>> read_table({"item_id": ["007"]}, "items").row(0)
        ('007',)
    """
    if isinstance(source, str | Path):
        frame = _read_path(Path(source), what)
    elif isinstance(source, pl.DataFrame):
        frame = source
    elif isinstance(source, pl.LazyFrame):
        frame = _collect(source, what)
    else:
        try:
            if source is None:  # polars would return an empty frame
                raise TypeError("no table was given")
            if isinstance(source, Mapping):
                _check_lengths(source)
                source = {name: _unmixed(values) for name, values in source.items()}
            # `pl.DataFrame` accepts mappings, pandas frames and pyarrow tables.
            frame = pl.DataFrame(source)
        except Exception as error:
            raise ValueError(
                f"{what} must be a polars, pandas or pyarrow table, a mapping of columns, or a CSV "
                f"or Parquet path; got {type(source).__name__} ({first_line(error)})"
            ) from error
    if frame.is_empty():
        raise ValueError(f"{what} must have at least one row; got none")
    return frame


def find_table(directory: Path, stem: str) -> Path:
    """Return ``stem.csv`` or ``stem.parquet`` in ``directory``.

    Raises:
        FileNotFoundError: neither or both exist.
    """
    paths = [directory / (stem + suffix) for suffix in (".csv", ".parquet")]
    found = [path for path in paths if path.is_file()]
    if len(found) != 1:
        names = [path.name for path in found] or "neither"
        raise FileNotFoundError(
            f"{directory} must hold either {stem}.csv or {stem}.parquet; got {names}"
        )
    return found[0]


def require_columns(frame: pl.DataFrame, columns: Sequence[str], what: str) -> None:
    """Raise a ``ValueError`` with the names of the missing columns if ``frame`` lacks some."""
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise ValueError(f"{what} must have the columns {missing}; got {frame.columns}")


def check_ids(frame: pl.DataFrame, column: str, what: str) -> pl.DataFrame:
    """Return ``frame`` with ``column`` converted to text or 64-bit integers.

    Raises:
        ValueError: an id is missing or empty, or ids are neither text nor integers.
    """
    series = frame[column]
    if series.dtype in (pl.Categorical, pl.Enum):
        series = series.cast(pl.String)
    if series.dtype.is_integer():
        largest = series.max()
        if isinstance(largest, int) and largest >= 2**63:
            raise ValueError(f"{what}: {column} must be below 2**63; got {largest}")
        series = series.cast(pl.Int64)
    elif series.dtype != pl.String:
        raise ValueError(f"{what}: {column} must be text or integers; got {series.dtype}")
    bad = series.is_null()
    if series.dtype == pl.String:
        bad |= series.fill_null("").str.strip_chars() == ""
    if bad.any():
        rows = bad.arg_true().head(3).to_list()
        raise ValueError(
            f"{what}: {column} must not be empty; got empty ones in rows {rows} (counted from 0)"
        )
    return frame.with_columns(series)


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises:
        ValueError: the file can't be read, or doesn't hold a JSON object.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path} must hold a JSON object; got {type(values).__name__}")
    return values


def _read_path(path: Path, what: str) -> pl.DataFrame:
    if not os.path.isfile(path):  # noqa: PTH113  # Path.is_file raises if a name is too long
        raise FileNotFoundError(f"{what}: no file at {_shorten(str(path))}")
    suffix = path.suffix.lower()
    try:
        if suffix == ".parquet":
            return _read_parquet(path)
        if suffix == ".csv":
            check_header(path)
            # Without `glob=False` a name with [ or * would match other files.
            frame = pl.read_csv(path, infer_schema=False, glob=False)
            return frame.filter(~pl.all_horizontal(pl.all().is_null()))  # blank lines
    except (Exception, pl.exceptions.PanicException) as error:  # a panic is not an Exception
        raise ValueError(
            f"{what}: {path.name} can't be read as a table: {first_line(error)}"
        ) from error
    raise ValueError(f"{what} must be a .csv or .parquet file; got {path.name}")


def check_header(path: Path) -> None:
    """Raise if a CSV file has a column twice; polars would rename the second one."""
    first = pl.read_csv(path, has_header=False, n_rows=1, infer_schema=False, glob=False)
    names = [name for name in first.row(0) if name is not None]
    again = sorted({name for name in names if names.count(name) > 1})
    if again:
        raise ValueError(f"its header has {again} more than once")


def _read_parquet(path: Path) -> pl.DataFrame:
    from pyarrow.parquet import ParquetFile  # slow to import

    # Not with polars: some damaged files make it abort the process.
    with ParquetFile(path) as file:
        table = file.read()
    table.validate(full=True)
    return pl.DataFrame(table)


def _check_lengths(columns: Mapping[str, Any]) -> None:
    lengths = {
        name: len(values)
        for name, values in columns.items()
        if isinstance(values, Sized) and not isinstance(values, str)
    }
    if len(set(lengths.values())) > 1:
        raise ValueError(f"columns differ in length: {lengths}")


def _unmixed(values: Any) -> Any:
    """Return a list of mixed ints and floats as floats, since polars rejects a mixture."""
    if not isinstance(values, list | tuple):
        return values
    if {type(value) for value in values if value is not None} != {int, float}:
        return values
    return [None if value is None else float(value) for value in values]


def _collect(source: pl.LazyFrame, what: str) -> pl.DataFrame:
    try:
        return source.collect()
    except Exception as error:
        raise ValueError(f"{what} can't be collected: {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    """Return the first line of an error message, shortened, for another message."""
    return _shorten(str(error).strip() or type(error).__name__)


def _shorten(text: str) -> str:
    line = (text.splitlines() or [""])[0]
    return line if len(line) <= 200 else line[:200] + "…"
