import json
from pathlib import Path

import polars as pl

from mmrec.data.loaders import json_lines
from mmrec.data.loaders.json_lines import OTHER, Field, split_json
from mmrec.data.loaders.lines import FILE, LINE, TEXT
from mmrec.data.loaders.report import FileCounts

FIELDS = {
    "item_id": Field(pl.String(), of="asin"),
    "price": Field(pl.Float64()),
    "tags": Field(pl.List(pl.String())),
    "length": Field(pl.Int64(), of="tags", convert=len),
}


def parse(*rows, **options):
    texts = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    schema = {FILE: pl.Int32, LINE: pl.Int64, TEXT: pl.String}
    block = pl.DataFrame(
        [(0, n, text) for n, text in enumerate(texts, 1)], schema=schema, orient="row"
    )
    counts = FileCounts(Path("file.jsonl"), 0)
    frame = pl.concat(split_json([block], FIELDS, counts, **options))
    return frame, {why: entry.lines for why, entry in counts.dropped.items()}


def test_fields_have_types_and_missing_ones_are_null():
    frame, dropped = parse({"asin": "a", "price": 3, "tags": ["x", "y"], "more": 1}, {"asin": "b"})
    assert frame.drop(FILE, LINE).rows() == [("a", 3.0, ["x", "y"], 2), ("b", None, None, None)]
    assert dropped == {}


def test_a_line_is_dropped_once():
    bad = {"asin": 7, "price": "x", "tags": [1]}
    frame, dropped = parse({"asin": "a"}, bad, {"asin": "b", "price": "x"}, "[]", "nul", '{"asin":')
    assert frame["item_id"].to_list() == ["a"]
    assert dropped == {
        "asin must be text": [2],
        "price must be a number": [3],
        "expected a JSON object": [4, 5, 6],
    }


def test_deep_nesting_and_half_characters_are_bad_lines():
    frame, dropped = parse('{"asin": ' + "[" * 100_000, '{"asin": "\\ud800"}', {"asin": "a"})
    assert frame["item_id"].to_list() == ["a"]
    assert dropped == {"expected a JSON object": [1], "asin must be text": [2]}


def test_other_fields_are_kept_as_json(monkeypatch):
    monkeypatch.setattr(json_lines, "ROWS", 1)
    frame, _ = parse({"asin": "a", "z": {"é": 1}, "b": None}, {"asin": "b"}, keep_others=True)
    assert frame[OTHER].to_list() == ['{"b": null, "z": {"é": 1}}', None]
