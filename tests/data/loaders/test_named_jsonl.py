import json

import pytest


def test_jsonl(named, load, dropped):
    report, events, items, users, _ = load("jsonl", named)
    assert dropped(report, "events.jsonl") == {
        "expected a JSON object": [7],
        "no item_id": [6],
        "no timestamp": [4],
        "timestamp is not from 0 to the year 2200": [5],
        "duplicate": [2],
    }
    assert events["timestamp"].to_list() == [5.0, 1714557600.0, 5.0]
    assert events["n"].to_list() == [1.0, 2.5, 1.0]
    assert events["where"].to_list() == [None, '{"a": 1}', None]
    assert items.rows() == [(7, "A lamp", ["x", "y"]), (9, None, None)]
    assert users.rows() == [("u", 30)]


def test_jsonl_reads_all_iso_forms(named, load, dropped):
    texts = [
        "2024-05-01",
        "2024-05-01 00:00",
        "2024-05-01T00:00:00.5Z",
        "2024-05-01T02:00+02:00",
        "2024-05-01T00:00:00+0000",
        "1714521600",
        "2024-05-41",
        "",
        "2024-05-01T00:00:00Zz",
    ]
    rows = [{"user_id": str(n), "item_id": 7, "timestamp": text} for n, text in enumerate(texts)]
    (named / "events.jsonl").write_text("\n".join(map(json.dumps, rows)))
    report, events, *_ = load("jsonl", named)
    assert events["timestamp"].to_list() == [1714521600.0] * 2 + [1714521600.5] + [1714521600.0] * 3
    assert dropped(report, "events.jsonl") == {"no timestamp": [7, 8, 9]}


def test_jsonl_ids_have_the_type_of_most_lines(named, load, dropped):
    rows = [{"user_id": user, "item_id": 7, "timestamp": 1} for user in ("a", 5, "b")]
    (named / "events.jsonl").write_text("\n".join(map(json.dumps, rows)))
    report, events, *_ = load("jsonl", named)
    assert events["user_id"].to_list() == ["a", "b"]
    assert dropped(report, "events.jsonl") == {"user_id must be text": [2]}
    (named / "items.jsonl").write_text('{"item_id": "7"}')
    with pytest.raises(ValueError, match="same type in events and items; got Int64 and String"):
        load("jsonl", named)
