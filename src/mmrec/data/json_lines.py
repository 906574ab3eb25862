"""JSON lines: a table with an object a line."""

import codecs
import gzip
import io
import json
import logging
from pathlib import Path
from typing import Any

import polars as pl

from mmrec.data.wording import counted, shortened, verb

log = logging.getLogger(__name__)


def read_json_lines(path: Path, what: str) -> pl.DataFrame:
    """Return a file of JSON lines as a table; a field that some lines lack is null there.

    Where most lines have a list and some a text, the text is a list of one; a warning says so.

    Args:
        path: the file, which may be compressed with gzip.
        what: name of the rows for messages.

    Raises:
        ValueError: a line is not a JSON object; the message has its number.
    """
    content = path.read_bytes()
    if path.suffix.lower() == ".gz":
        content = gzip.decompress(content)
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        # The type of a column depends on all lines.
        frame = pl.read_ndjson(io.BytesIO(content), infer_schema_length=None)
    except (Exception, pl.exceptions.PanicException):
        _check_lines(content)
        raise
    if not frame.columns:
        raise ValueError("its lines must be JSON objects with fields")
    if names := [name for name in frame.columns if _may_mix_lists(frame[name])]:
        rows = [json.loads(line) for line in content.splitlines() if line.strip()]
        columns = [_as_lists(frame[name], [row.get(name) for row in rows], what) for name in names]
        frame = frame.with_columns(columns)
    return frame


def _check_lines(content: bytes) -> None:
    """Raise a ``ValueError`` that names the first line that is not a JSON object."""
    for number, line in enumerate(content.splitlines(), 1):
        try:
            fits = not line.strip() or isinstance(json.loads(line), dict)
        except ValueError:
            fits = False
        if not fits:
            raise ValueError(f"line {number} must be a JSON object; got {shortened(repr(line))}")


def _may_mix_lists(column: pl.Series) -> bool:
    """Return whether a column of text may have been one of lists; polars writes them as JSON."""
    if column.dtype != pl.String:
        return False
    listed = column.str.starts_with("[") & column.str.ends_with("]")
    return bool(listed.any() and not listed.all())


def _as_lists(column: pl.Series, values: list[Any], what: str) -> pl.Series:
    """Return a column as lists if most of its values are, each text as a list of one."""
    lists = sum(isinstance(value, list) for value in values)
    others = [value for value in values if not isinstance(value, list) and value not in (None, "")]
    if not lists or not others:
        listed = None if not lists else _listed(column.name, values)
        return column if listed is None else listed
    listed = _listed(column.name, values) if lists > len(others) else None
    log.warning(
        "%s: %s holds lists, but %s of %s %s, first %.100r: %s",
        *(what, column.name, f"{len(others):,}", counted(lists + len(others), "value")),
        *(verb(len(others), "is a text", "are texts"), others[0]),
        "all of them are read as text; write lists"
        if listed is None
        else f"{verb(len(others), 'it is', 'each is')} read as a list of one",
    )
    return column if listed is None else listed


def _listed(name: str, values: list[Any]) -> pl.Series | None:
    """Return values as lists; None if they have no common type."""
    lists = [
        None if value in (None, "") else value if isinstance(value, list) else [value]
        for value in values
    ]
    try:
        return pl.Series(name, lists)
    except (TypeError, pl.exceptions.PolarsError):
        return None
