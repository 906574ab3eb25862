"""Lines of separated fields: plain ones and CSV with quotes, with typed columns."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence

import polars as pl

from mmrec.data.loaders.lines import FILE, LINE, TEXT, DType, kind_of
from mmrec.data.loaders.report import FileCounts

Types = Mapping[str, DType]

MOST_LINES = 100
"""A quoted field may contain line ends; a record has at most so many lines."""


def split_plain(
    blocks: Iterable[pl.DataFrame], types: Types, separator: str, counts: FileCounts
) -> Iterator[pl.DataFrame]:
    """Yield the fields of lines without quotes and header, such as ``1::1193::5``.

    Args:
        blocks: lines from :func:`~mmrec.data.loaders.lines.read_lines`.
        types: name and type of each field.
        separator: what separates the fields.
        counts: where lines that don't fit are counted.
    """
    for block in blocks:
        yield _typed(_split(block, list(types), separator, counts), types, counts)


def split_csv(
    blocks: Iterable[pl.DataFrame],
    types: Types,
    counts: FileCounts,
    *,
    header: Sequence[str] | None = None,
) -> Iterator[pl.DataFrame]:
    """Yield the records of a CSV file; columns without a type are text.

    A field may be quoted, and a quoted field may contain separators, quotes (doubled) and line
    ends. If a record can't be read, its first line is dropped and reading continues at the next
    line, so that one stray quote loses one line.

    Args:
        blocks: lines from :func:`~mmrec.data.loaders.lines.read_lines`.
        types: the columns that must be there, and their types.
        counts: where lines that don't fit are counted.
        header: names of the columns of a file without a header.

    Raises:
        ValueError: the header lacks a column.
    """
    names = None if header is None else list(header)
    pending: list[tuple[int, str]] = []
    for block in blocks:
        if names is None and len(block):
            names, block = _header(block[TEXT][0], types, counts), block[1:]
        if names is None:
            continue
        if pending or block[TEXT].str.contains('"', literal=True).any():
            pending += zip(block[LINE].to_list(), block[TEXT].to_list(), strict=True)
            frame, pending = _split_quoted(pending, names, counts)
        else:
            frame = _split(block, names, ",", counts)
        yield _typed(frame, types, counts)
    if names is not None and pending:
        yield _typed(_split_quoted(pending, names, counts, end=True)[0], types, counts)


def _header(line: str, types: Types, counts: FileCounts) -> list[str]:
    counts.read -= 1  # the header is no row
    names = next(csv.reader([line]))
    missing = [name for name in types if name not in names]
    if missing or len(set(names)) < len(names):
        raise ValueError(f"{counts.path} must have the columns {list(types)}; got {names}")
    return names


def _split(
    block: pl.DataFrame, names: list[str], separator: str, counts: FileCounts
) -> pl.DataFrame:
    fields = block[TEXT].str.split_exact(separator, len(names)).struct.unnest()
    frame = fields.hstack(block.select(FILE, LINE))
    last, more = f"field_{len(names) - 1}", f"field_{len(names)}"
    fits = pl.col(last).is_not_null() & pl.col(more).is_null()
    counts.drop(_expected(names), frame.filter(~fits)[LINE])
    kept = frame.filter(fits).drop(more)
    return kept.rename({f"field_{place}": name for place, name in enumerate(names)})


def _split_quoted(
    lines: list[tuple[int, str]], names: list[str], counts: FileCounts, *, end: bool = False
) -> tuple[pl.DataFrame, list[tuple[int, str]]]:
    """Return the records of some lines, and the lines whose record is not complete."""
    rows: list[list[str]] = []
    numbers: list[int] = []
    bad: list[int] = []
    place = 0
    while place < len(lines):
        number, text = lines[place]
        stop, row = place + 1, _record(text)
        if row is None:  # a quote is open; the record may end in a later line
            closed, stop = _until_closed(lines, place)
            if closed is None and not end and len(lines) - place < MOST_LINES:
                break
            row = None if closed is None else _record(closed)
        if row is None or len(row) != len(names):
            bad.append(number)
            place += 1
            continue
        # The further lines of a record are no rows.
        counts.read -= stop - place - 1
        rows.append(row)
        numbers.append(number)
        place = stop
    counts.drop(_expected(names), bad)
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    frame = pl.DataFrame(
        {
            name: pl.Series(values, dtype=pl.String)
            for name, values in zip(names, columns, strict=True)
        }
    ).with_columns(
        pl.lit(counts.number, pl.Int32).alias(FILE), pl.Series(LINE, numbers, dtype=pl.Int64)
    )
    return frame, lines[place:]


def _until_closed(lines: list[tuple[int, str]], place: int) -> tuple[str | None, int]:
    """Return a record that may have several lines, and where the next one starts."""
    text = ""
    for stop in range(place, min(len(lines), place + MOST_LINES)):
        text += ("\n" if text else "") + lines[stop][1]
        if text.count('"') % 2 == 0:
            return text, stop + 1
    return None, place + 1


def _record(text: str) -> list[str] | None:
    """Return the fields of one record, or None if its quotes are wrong."""
    try:
        records = list(csv.reader((line + "\n" for line in text.split("\n")), strict=True))
    except csv.Error:
        return None
    return records[0] if len(records) == 1 else None


def _typed(frame: pl.DataFrame, types: Types, counts: FileCounts) -> pl.DataFrame:
    """Convert text to the types of the columns; empty text is null."""
    texts = [name for name in frame.columns if name not in (FILE, LINE)]
    frame = frame.with_columns(
        pl.when(pl.col(name).str.strip_chars() != "").then(pl.col(name)).alias(name)
        for name in texts
    )
    for name, dtype in types.items():
        if dtype == pl.String:
            continue
        values = frame[name].str.strip_chars().cast(dtype, strict=False)
        wrong = values.is_null() & frame[name].is_not_null()
        if wrong.any():
            counts.drop(f"{name} must be {kind_of(dtype)}", frame.filter(wrong)[LINE])
            frame, values = frame.filter(~wrong), values.filter(~wrong)
        frame = frame.with_columns(values.alias(name))
    return frame


def _expected(names: Sequence[str]) -> str:
    return f"expected {len(names)} fields"
