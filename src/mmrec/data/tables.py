"""Reading tables from frames, mappings and files."""

import json
import os
from collections.abc import Collection, Mapping, Sequence, Sized
from pathlib import Path
from typing import Any

import polars as pl

from mmrec.data.csv_files import read_csv
from mmrec.data.file_lines import note_file
from mmrec.data.given_columns import renamed
from mmrec.data.json_lines import read_json_lines
from mmrec.data.wording import did_you_mean, shortened, some_meant

Table = pl.DataFrame | pl.LazyFrame | str | Path | Mapping[str, Sequence[Any]] | Any
"""A polars or pandas frame, a pyarrow table, a mapping of columns, or the path of a file."""

IDS = ("user_id", "item_id")
"""Columns that a table of events needs."""

SUFFIXES = (
    ".csv",
    ".csv.gz",
    ".tsv",
    ".tsv.gz",
    ".parquet",
    ".jsonl",
    ".jsonl.gz",
    ".ndjson",
    ".ndjson.gz",
)
"""Ends of the names of files that are tables."""


def read_table(source: Table, what: str, rows: int | None = None) -> pl.DataFrame:
    """Return ``source`` as a polars frame.

    The values of a CSV file stay text. JSON lines keep numbers, lists and objects; a field that
    some lines lack is null there.

    Args:
        source: polars or pandas frame, pyarrow table, mapping of columns, or the path of a CSV,
            TSV, Parquet or JSON lines file, which may be compressed with gzip.
        what: name of the rows for error messages, such as ``"interactions"``.
        rows: how many rows of a CSV, TSV or Parquet file are read; None for all.

    Raises:
        FileNotFoundError: the path does not exist.
        ValueError: the file or object can't be read as a table, or has no rows.

    Example:
        >>> read_table({"item_id": ["007"]}, "items").row(0)
        ('007',)
    """
    if isinstance(source, str | Path):
        frame = _read_path(Path(source), what, rows)
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
            if mixed := _mixture(source):
                raise ValueError(f"{what}: {mixed}") from error
            raise ValueError(
                f"{what} must be a polars, pandas or pyarrow table, a mapping of columns, or the "
                f"path of a file; got {type(source).__name__} ({first_line(error)})"
            ) from error
    if frame.is_empty():
        raise ValueError(f"{what} must have at least one row; got none")
    return frame


def find_table(directory: Path, stem: str) -> Path:
    """Return the table ``stem`` in ``directory``, which has one of the :data:`SUFFIXES`.

    Raises:
        FileNotFoundError: there is none, or there are several.
    """
    path = find_optional(directory, stem)
    if path is None:
        others = sorted(one.name for one in directory.glob("*") if one.name.endswith(SUFFIXES))
        shown = f", but {others[:10]}{' and others' if len(others) > 10 else ''}" if others else ""
        raise FileNotFoundError(
            f"{directory} must hold one table {stem}, with an ending among {list(SUFFIXES)}; got "
            f"none{shown}"
        )
    return path


def find_optional(directory: Path, stem: str) -> Path | None:
    """Return the table ``stem`` in ``directory`` if there is one.

    Raises:
        FileNotFoundError: there are several.
    """
    paths = [directory / (stem + suffix) for suffix in SUFFIXES]
    found = [path for path in paths if path.is_file()]
    if len(found) > 1:
        raise FileNotFoundError(
            f"{directory} must hold one table {stem}; got {[path.name for path in found]}"
        )
    return found[0] if found else None


def rename_columns(
    tables: Mapping[str, pl.DataFrame], columns: Mapping[str, str]
) -> dict[str, pl.DataFrame]:
    """Return tables with columns renamed, each in all tables that have it.

    Args:
        tables: the tables by name.
        columns: the new names by the present names.

    Raises:
        ValueError: no table has a column of a given name, or a table has a column of the new name
            already.

    Example:
        >>> tables = {"items": pl.DataFrame({"movieId": [1]})}
        >>> rename_columns(tables, {"movieId": "item_id"})["items"].columns
        ['item_id']
    """
    there = {name: frame.columns for name, frame in tables.items()}
    known = {column for names in there.values() for column in names}
    unknown = [old for old in columns if old not in known]
    if unknown:
        meant = did_you_mean(unknown[0], known)
        if columns[unknown[0]] in known:  # ours=theirs
            pair = f"{columns[unknown[0]]}={unknown[0]}"
            meant = f" (did you mean {pair}? The name in the table comes first)"
        raise ValueError(
            f"columns must name columns of the tables; {unknown} are not in {there}{meant}"
        )
    if "interactions" in tables:
        _check_ids(columns, known)
    made = {}
    for name, frame in tables.items():
        after = [columns.get(column, column) for column in frame.columns]
        twice = sorted({column for column in after if after.count(column) > 1})
        if twice:
            raise ValueError(
                f"{name}: columns must give each column another name; two would be {twice}, of "
                f"{frame.columns}"
            )
        made[name] = frame.rename(dict(zip(frame.columns, after, strict=True)))
    return made


def _check_ids(columns: Mapping[str, str], known: Collection[str]) -> None:
    """Refuse a new name that is nearly that of ids, if events will have no ids."""
    after = {columns.get(name, name) for name in known}
    for old, new in columns.items():
        meant = did_you_mean(new, [name for name in IDS if name not in after])
        if meant:
            raise ValueError(f"columns must name user_id and item_id; got {old}={new}{meant}")


def require_columns(frame: pl.DataFrame, columns: Sequence[str], what: str) -> None:
    """Raise a ``ValueError`` with the names of the missing columns if ``frame`` lacks some."""
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        meant = "".join(renamed(name, frame.columns) for name in missing[:1])
        meant = meant or some_meant(missing, [one for one in frame.columns if one not in columns])
        raise ValueError(f"{what} must have the columns {missing}{meant}; got {frame.columns}")


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


def _read_path(path: Path, what: str, rows: int | None) -> pl.DataFrame:
    if os.path.isdir(path):  # noqa: PTH112  # Path.is_dir raises if a name is too long
        raise ValueError(
            f"{what} must be rows, or a file; {path} is a folder, which mmrec.data.read_folder "
            f"reads"
        )
    if not os.path.isfile(path):  # noqa: PTH113  # Path.is_file raises if a name is too long
        raise FileNotFoundError(f"{what}: no file at {shortened(str(path))}")
    kind = path.name.lower().removesuffix(".gz").rpartition(".")[2]
    if not path.name.lower().endswith(SUFFIXES):
        endings = ", ".join(SUFFIXES)
        raise ValueError(f"{what} must be a file that ends in {endings}; got {path.name}")
    try:
        if kind == "parquet":
            return _read_parquet(path, rows)
        note_file(what, path)
        if "sv" not in kind:
            return read_json_lines(path, what)
        return read_csv(path, "\t" if kind == "tsv" else ",", what, rows)
    except (Exception, pl.exceptions.PanicException) as error:  # a panic is not an Exception
        raise ValueError(
            f"{what}: {path.name} can't be read as a table: {first_line(error)}"
        ) from error


def _read_parquet(path: Path, rows: int | None) -> pl.DataFrame:
    from pyarrow.parquet import ParquetFile  # slow to import

    # Not with polars: some damaged files make it abort the process.
    with ParquetFile(path) as file:
        if rows is None or file.metadata.num_rows <= rows:
            table = file.read()
        else:
            table = next(file.iter_batches(rows))
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


def _mixture(source: Any) -> str:
    """Return which column of a mapping or pandas frame mixes texts with others; empty if none."""
    if not hasattr(source, "items"):
        return ""
    for name, values in source.items():
        if isinstance(values, str) or not hasattr(values, "__iter__"):
            continue
        first: dict[bool, Any] = {}
        for value in values:
            if value is not None and value == value:  # NaN stands for a gap in pandas
                first.setdefault(isinstance(value, str), value)
        if len(first) == 2:
            return (
                f"column {name} mixes texts such as {first[True]!r} with others such as "
                f"{first[False]!r}: make all of them text"
            )
    return ""


def _collect(source: pl.LazyFrame, what: str) -> pl.DataFrame:
    try:
        return source.collect()
    except Exception as error:
        raise ValueError(f"{what} can't be collected: {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    """Return the first line of an error message, shortened, for another message."""
    return shortened(str(error).strip() or type(error).__name__)
