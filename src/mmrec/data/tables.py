"""Reading a table from whatever a user has at hand."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

Table = pl.DataFrame | str | Path | Mapping[str, Sequence[Any]] | Any
"""A polars or pandas frame, a pyarrow table, a mapping of columns, or a CSV or Parquet path."""


def read_table(source: Table, what: str) -> pl.DataFrame:
    """Return ``source`` as a polars frame; every value of a CSV file stays text, as written.

    Args:
        source: polars or pandas frame, pyarrow table, mapping of columns, CSV or Parquet path.
        what: what the rows are, for the error message (``"interactions"``).

    Raises:
        FileNotFoundError: the path is not there.
        ValueError: the file or object can't be read as a table, or it has no rows.

    Example:
        >>> read_table({"item_id": ["007"]}, "items").row(0)
        ('007',)
    """
    if isinstance(source, str | Path):
        frame = _read_path(Path(source), what)
    elif isinstance(source, pl.DataFrame):
        frame = source
    else:
        try:
            # `pl.DataFrame` takes mappings, pandas frames and pyarrow tables alike.
            frame = pl.DataFrame(source)
        except Exception as error:
            raise ValueError(
                f"{what} must be a polars, pandas or pyarrow table, a mapping of columns, or a CSV "
                f"or Parquet path; got {type(source).__name__} ({_first_line(error)})"
            ) from error
    if frame.is_empty():
        raise ValueError(f"{what} must have at least one row; got none")
    return frame


def find_table(directory: Path, stem: str) -> Path:
    """Return ``stem.csv`` or ``stem.parquet`` in ``directory``.

    Raises:
        FileNotFoundError: neither, or both, are there.
    """
    found = [path for suffix in (".csv", ".parquet") if (path := directory / (stem + suffix)).is_file()]
    if len(found) != 1:
        names = [path.name for path in found] or "neither"
        raise FileNotFoundError(
            f"{directory} must hold either {stem}.csv or {stem}.parquet; it holds {names}"
        )
    return found[0]


def require_columns(frame: pl.DataFrame, columns: Sequence[str], what: str) -> None:
    """Raise a ``ValueError`` that names the columns which ``frame`` lacks."""
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise ValueError(f"{what} must have the columns {missing}; got {frame.columns}")


def check_ids(frame: pl.DataFrame, column: str, what: str) -> pl.DataFrame:
    """Return ``frame`` with ``column`` as text or 64-bit integers, and no value missing.

    Raises:
        ValueError: an id is missing or empty, or ids are neither text nor integers.
    """
    series = frame[column]
    if series.dtype in (pl.Categorical, pl.Enum):
        series = series.cast(pl.String)
    if series.dtype.is_integer():
        series = series.cast(pl.Int64)
    elif series.dtype != pl.String:
        raise ValueError(f"{what}: {column} must be text or integers; got {series.dtype}")
    bad = series.is_null() if series.dtype == pl.Int64 else series.fill_null("").str.strip_chars() == ""
    if bad.any():
        rows = bad.arg_true().head(3).to_list()
        raise ValueError(f"{what}: {column} must not be empty; it is in rows {rows} (counted from 0)")
    return frame.with_columns(series)


def _read_path(path: Path, what: str) -> pl.DataFrame:
    if not path.is_file():
        raise FileNotFoundError(f"{what}: no file at {path}")
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        if path.suffix == ".csv":
            return pl.read_csv(path, infer_schema=False)
    except Exception as error:
        raise ValueError(
            f"{what}: {path.name} can't be read as a table: {_first_line(error)}"
        ) from error
    raise ValueError(f"{what} must be a .csv or .parquet file; got {path.name}")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
