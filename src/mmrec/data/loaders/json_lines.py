"""Lines of JSON objects as columns of declared types."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from mmrec.data.loaders.lines import FILE, LINE, TEXT, DType, kind_of
from mmrec.data.loaders.report import FileCounts

ROWS = 50_000
"""Objects that are held at a time."""

OTHER = "other"
"""Column of the fields that a layout does not declare, as JSON text."""


@dataclass(frozen=True)
class Field:
    """A column that is made of a field of each object.

    Args:
        dtype: type of the column.
        of: name of the field; by default that of the column.
        convert: makes the value of the column of the field's value, which is not None. It raises
            ``TypeError``, ``KeyError`` or ``ValueError`` for a value that it can't convert.
    """

    dtype: DType
    of: str | None = None
    convert: Callable[[Any], Any] | None = None


def to_json(value: Any) -> str | None:
    """Return a nested value as JSON text; None if it is empty."""
    return json.dumps(value, ensure_ascii=False) if value not in ({}, [], "") else None


def split_json(
    blocks: Iterable[pl.DataFrame],
    fields: Mapping[str, Field],
    counts: FileCounts,
    *,
    keep_others: bool = False,
) -> Iterator[pl.DataFrame]:
    """Yield the declared fields of JSON objects, one in each line.

    A field that is missing is null. A line is dropped if it is no JSON object, or if a field has
    another type than declared.

    Args:
        blocks: lines from :func:`~mmrec.data.loaders.lines.read_lines`.
        fields: the columns.
        counts: where lines that don't fit are counted.
        keep_others: keep all other fields as JSON text in the column :data:`OTHER`.
    """
    known = {field.of or name for name, field in fields.items()}
    for block in blocks:
        for piece in block.iter_slices(ROWS):
            numbers, objects = _parse(piece, counts)
            yield _columns(numbers, objects, fields, known if keep_others else None, counts)


def _parse(block: pl.DataFrame, counts: FileCounts) -> tuple[list[int], list[dict[str, Any]]]:
    numbers: list[int] = []
    objects: list[dict[str, Any]] = []
    bad: list[int] = []
    for number, text in zip(block[LINE].to_list(), block[TEXT].to_list(), strict=True):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            numbers.append(number)
            objects.append(value)
        else:
            bad.append(number)
    counts.drop("expected a JSON object", bad)
    return numbers, objects


def _columns(
    numbers: list[int],
    objects: list[dict[str, Any]],
    fields: Mapping[str, Field],
    known: set[str] | None,
    counts: FileCounts,
) -> pl.DataFrame:
    bad: set[int] = set()
    columns: dict[str, pl.Series] = {}
    for name, field in fields.items():
        values = [row.get(field.of or name) for row in objects]
        columns[name], wrong = _column(values, field)
        if wrong:
            reason = f"{field.of or name} must be {kind_of(field.dtype)}"
            counts.drop(reason, [numbers[i] for i in wrong if i not in bad])
            bad.update(wrong)
    if known is not None:
        others = [{k: row[k] for k in row.keys() - known} for row in objects]
        texts = [to_json(dict(sorted(rest.items()))) for rest in others]
        columns[OTHER] = _column(texts, Field(pl.String()))[0]
    frame = pl.DataFrame(columns).with_columns(
        pl.lit(counts.number, pl.Int32).alias(FILE), pl.Series(LINE, numbers, dtype=pl.Int64)
    )
    return frame.filter([i not in bad for i in range(len(numbers))]) if bad else frame


def _column(values: list[Any], field: Field) -> tuple[pl.Series, list[int]]:
    """Return a column, and the places of values that don't fit, which are null in it."""
    try:
        return _series(values, field), []
    except (TypeError, KeyError, ValueError, OverflowError, pl.exceptions.PolarsError):
        pass
    wrong: list[int] = []
    kept = list(values)
    for place, value in enumerate(values):
        try:
            _series([value], field)
        except (TypeError, KeyError, ValueError, OverflowError, pl.exceptions.PolarsError):
            wrong.append(place)
            kept[place] = None
    return _series(kept, field), wrong


def _series(values: list[Any], field: Field) -> pl.Series:
    if field.convert is not None:
        values = [None if value is None else field.convert(value) for value in values]
    return pl.Series(values, dtype=field.dtype, strict=True)
