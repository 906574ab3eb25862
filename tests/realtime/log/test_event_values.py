import json

import pytest

from mmrec.data import Catalog, EventRules
from mmrec.realtime import MemoryLog, SqliteLog, import_events
from mmrec.realtime.log import event_values
from mmrec.realtime.log.event_values import StoredValues
from mmrec.realtime.log.events import NewEvent


@pytest.fixture(params=[True, False])
def log(request, tmp_path):
    log = SqliteLog(tmp_path / "e.db", user_key=b"k" * 16) if request.param else MemoryLog()
    yield log
    log.close()


def test_no_value_names_the_user_the_item_the_type_or_the_time(log, tmp_path):
    fields = {"user_id": "secret", "item_id": "a", "event": "x", "timestamp": 1, "position": 2}
    log.append("ann", "a", values=fields | {"watched": 0.5})
    log.append("ann", "a", values=fields)
    assert [event.values for event in log.read()] == [{"watched": 0.5}, None]
    rules = EventRules(ignored=("user_id = u3",), negative=("watched < 0.3 and timestamp > 1",))
    table = {"user_id": ["secret"], "item_id": ["a"], "timestamp": [5], "watched": [0.1]}
    import_events(table, log, Catalog({"item_id": ["a"]}), rules=rules)
    assert [event.values for event in log.read()][2:] == [{"watched": 0.1}]
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"secret" not in stored


def test_a_text_has_a_limit(log):
    log.append("ann", "a", values={"place": "x" * 1000, "day": ""})
    said = "values: expected texts of at most 1,000 characters; got 1,001 characters of place"
    for store in (log.append_many, log.import_many):
        with pytest.raises(ValueError, match=said):
            store([NewEvent("ann", "a", values={"place": "x" * 1001})])
    with pytest.raises(ValueError, match="got one of place that can't be encoded as UTF-8"):
        log.append("ann", "a", values={"place": "\ud83d"})
    assert log.last_offset == 1


def test_an_import_keeps_no_long_text(log):
    rules = EventRules(negative=("place = a",))
    places = ["a", "x" * 1001]
    table = {"user_id": [*"uv"], "item_id": [*"aa"], "timestamp": [1, 2], "place": places}
    assert import_events(table, log, Catalog({"item_id": ["a"]}), rules=rules).new == 2
    assert [event.values for event in log.read()] == [{"place": "a"}, {"place": None}]


def test_stored_values_are_parsed_when_they_are_read(monkeypatch):
    parsed = []
    monkeypatch.setattr(event_values.json, "loads", lambda text: parsed.append(text) or {"a": 1})
    values = StoredValues(json.dumps({"a": 1}))
    assert not parsed
    assert (dict(values), values, len(values)) == ({"a": 1}, {"a": 1}, 1)
    assert len(parsed) == 1
