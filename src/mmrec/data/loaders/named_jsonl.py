"""JSON lines with mmrec's own names: events, items and users of any origin."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from mmrec.data.loaders.json_lines import Field, to_json
from mmrec.data.loaders.lines import TEXT, read_lines
from mmrec.data.loaders.report import FileCounts
from mmrec.data.loaders.source import Frames, Source, Tables

_TYPES: dict[frozenset[type], Field] = {
    frozenset({bool}): Field(pl.Boolean()),
    frozenset({int}): Field(pl.Int64()),
    frozenset({float}): Field(pl.Float64()),
    frozenset({int, float}): Field(pl.Float64()),
    frozenset({str}): Field(pl.String()),
}


def read_jsonl(source: Source) -> Tables:
    """Read ``events.jsonl`` or ``interactions.jsonl``, ``items.jsonl`` and maybe ``users.jsonl``.

    Times are seconds or ISO dates and times. The columns are all fields that occur, each with the
    type of its values: numbers, texts, or lists of texts. Other values are kept as JSON text.
    Images are in ``images/``.
    """
    events = source.find("events.jsonl") or source.find("interactions.jsonl")
    items = source.find("items.jsonl")
    missing = [] if events else ["events.jsonl or interactions.jsonl"]
    missing += [] if items else ["items.jsonl"]
    if events is None or items is None:
        raise source.lacks(missing)
    users = source.find("users.jsonl")
    images = source.folder / "images"
    return Tables(
        events=_events(source, events),
        items=_read(source, items, {"item_id"}),
        users=None if users is None else _read(source, users, {"user_id"}),
        images=images if images.is_dir() else None,
    )


def _events(source: Source, path: Path) -> Iterator[pl.DataFrame]:
    for frame in _read(source, path, {"user_id", "item_id"}):
        if frame.schema.get("timestamp") == pl.String:
            frame = frame.with_columns(_seconds(frame["timestamp"]))
        yield frame


def _seconds(texts: pl.Series) -> pl.Series:
    """Return seconds of numbers and of ISO dates and times, UTC by default; else null."""
    # One form for all, since a column is parsed by one format.
    whole = (
        texts.str.strip_chars()
        .str.replace(r"^(\d{4}-\d\d-\d\d)$", "${1}T00:00:00")
        .str.replace(r"^(\d{4}-\d\d-\d\d) ", "${1}T")
        .str.replace(r"(T\d\d:\d\d)($|[Z+-])", "${1}:00${2}")
        .str.replace(r"(T\d\d:\d\d:\d\d(?:\.\d+)?)$", "${1}Z")
        .str.replace(r"([+-]\d\d):?(\d\d)$", "${1}:${2}")
    )
    times = whole.str.to_datetime("%+", time_zone="UTC", time_unit="us", strict=False)
    return texts.cast(pl.Float64, strict=False).fill_null(times.dt.epoch("us") / 1e6)


def _read(source: Source, path: Path, ids: set[str]) -> Frames:
    fields = _fields(path, ids)
    missing = sorted(ids - fields.keys())
    if missing:
        raise ValueError(f"{path} must have the fields {missing}; got {sorted(fields)}")
    return source.json(path, fields, keep_others=False)


def _fields(path: Path, ids: set[str]) -> dict[str, Field]:
    """Return the fields of a file in the order in which they occur first.

    Ids have the type that most lines have: 7 and "7" are different ids.
    """
    types: dict[str, Counter[type]] = {}
    for block in read_lines(path, FileCounts(path, 0)):
        for text in block[TEXT].to_list():
            try:
                row = json.loads(text)
            except (ValueError, RecursionError):
                continue
            for name, value in row.items() if isinstance(row, dict) else ():
                found = types.setdefault(name, Counter())
                if value is not None:
                    found[_kind(value)] += 1
    return {
        name: _field(name, set(dict(found.most_common(1)) if name in ids else found))
        for name, found in types.items()
    }


def _kind(value: Any) -> type:
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return list
    return dict if isinstance(value, dict | list) else type(value)


def _field(name: str, found: set[type]) -> Field:
    if name == "timestamp" and str in found:
        return Field(pl.String(), convert=str)
    if found == {list}:
        return Field(pl.List(pl.String))
    return _TYPES.get(frozenset(found), Field(pl.String(), convert=_text))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else to_json(value)
