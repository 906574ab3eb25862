import logging

import polars as pl
import pytest

from mmrec.data.inherited import HEAD, TableReading

TRAINED = TableReading({"who": "user_id", "film": "item_id", "naam": "title"}, "ms")
THEIRS = {"who": ["u"], "film": ["a"], "timestamp": [5000]}
OURS = {"user_id": ["u"], "item_id": ["a"], "timestamp": [5000]}
ITEMS = {"film": ["a"], "naam": ["Alien"]}
OUR_ITEMS = {"item_id": ["a"], "title": ["Alien"]}


def test_the_first_fact_that_says_something_counts():
    assert TableReading.of({}, {"columns": None}) == TableReading()
    facts = {"columns": {"a": "b"}}, {"columns": {"c": "d"}, "time_unit": "s", "data": "x"}
    assert TableReading.of(*facts) == TableReading({"a": "b"}, "s")


@pytest.mark.parametrize(
    ("events", "items", "columns"),
    [
        (THEIRS, ITEMS, TRAINED.columns),
        (OURS, OUR_ITEMS, {}),
        (THEIRS, OUR_ITEMS, {"who": "user_id", "film": "item_id"}),
        (OURS, ITEMS, {"film": "item_id", "naam": "title"}),
    ],
)
def test_names_of_the_training_are_taken_where_they_are(events, items, columns, caplog):
    caplog.set_level(logging.INFO)
    made = TRAINED.fitted({"interactions": events, "items": items})
    assert made == TableReading(columns, "ms")
    names = [f"{theirs} is {ours}" for theirs, ours in columns.items()]
    [line] = caplog.messages
    assert line == f"read as for the training: {', '.join([*names, 'timestamps are in ms'])}"


def test_nothing_is_said_of_what_was_not_taken(caplog):
    caplog.set_level(logging.INFO)
    tables = {"interactions": THEIRS, "items": ITEMS}
    assert TRAINED.fitted(tables, say=False).time_unit == "ms"
    given = TRAINED.fitted({"interactions": OURS}, {"timestamp": "position"}, "s")
    assert given == TableReading({"timestamp": "position"}, "s")
    assert TableReading().fitted({"interactions": "is not read"}, None, "s").time_unit == "s"
    assert not caplog.messages


def test_a_name_that_is_missing_with_ours_is_refused():
    with pytest.raises(ValueError, match=r"expected the columns of the training, \['film'\], or"):
        TRAINED.fitted({"interactions": {"who": ["u"], "movie": ["a"]}}, needed={"item_id"})
    with pytest.raises(ValueError, match=r"our names for them, \['title'\]; got .*--columns"):
        TRAINED.fitted({"interactions": THEIRS, "items": {"film": ["a"]}})
    lone = TRAINED.fitted({"interactions": THEIRS}, needed={"item_id"})  # items are elsewhere
    assert lone.columns == {"who": "user_id", "film": "item_id"}


def test_names_of_columns_of_items_are_not_asked_of_events():
    assert TRAINED.fitted({"interactions": THEIRS}).columns == {
        "who": "user_id",
        "film": "item_id",
    }
    assert TRAINED.fitted({"interactions": OURS}).columns == {}
    with pytest.raises(ValueError, match=r"\['film'\], or our names for them, \['item_id'\]"):
        TRAINED.fitted({"interactions": {"who": ["u"], "movie": ["a"]}})


def test_tables_may_name_one_thing_differently():
    trained = TableReading({"sku": "item_id", "artikel": "item_id", "naam": "title"})
    events, items = {"user_id": ["u"], "sku": ["a"]}, {"artikel": ["a"], "naam": ["Alien"]}
    needed = {"user_id", "item_id"}
    for given in (None, trained.columns):
        made = trained.fitted({"interactions": events}, given, needed=needed)
        assert made.columns == {"sku": "item_id"}
    both = {"interactions": events, "items": items}
    assert trained.fitted(both).columns == trained.columns
    with pytest.raises(ValueError, match=r"\['sku', 'artikel'\], or our names for them"):
        trained.fitted({"interactions": {"user_id": ["u"], "movie": ["a"]}}, needed=needed)


def test_both_names_are_refused_and_options_replace_them():
    both = {"interactions": {**THEIRS, "user_id": ["u"]}}
    with pytest.raises(ValueError, match=r"two would be \['user_id'\].*are those of the training"):
        TRAINED.fitted(both, needed={"item_id"})
    assert TRAINED.fitted(both, {"film": "item_id"}).columns == {"film": "item_id"}


def test_names_that_are_given_must_be_there():
    with pytest.raises(ValueError, match=r"\['film'\] are not in") as caught:
        TRAINED.fitted({"interactions": OURS}, {"film": "item_id"})
    assert "training" not in str(caught.value)
    given = {"film": "item_id", "who": "user_id", "naam": "title"}
    made = TRAINED.fitted({"interactions": THEIRS}, given, needed={"user_id", "item_id"})
    assert made.columns == {"film": "item_id", "who": "user_id"}


@pytest.mark.parametrize(
    ("times", "unit"),
    [
        ({"timestamp": [5000]}, "ms"),
        ({"timestamp": ["5000"]}, "ms"),
        ({"timestamp": ["2024-05-01T10:00:00"]}, None),
        ({"position": [1]}, None),
        ({}, None),
    ],
)
def test_the_unit_is_for_numbers(times, unit):
    tables = {"interactions": {"user_id": ["u"], "item_id": ["a"], **times}}
    assert TableReading({}, "ms").fitted(tables).time_unit == unit
    assert TableReading({}, "ms").fitted(tables, time_unit="us").time_unit == "us"
    renamed = {"interactions": {"at" if n == "timestamp" else n: v for n, v in times.items()}}
    if "timestamp" in times:
        assert TableReading({"at": "timestamp"}, "ms").fitted(renamed).time_unit == unit


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_the_head_of_a_large_file_is_enough(suffix, tmp_path):
    path = tmp_path / f"log.{suffix}"
    frame = pl.DataFrame({"who": [f"u{n}" for n in range(3 * HEAD)]}).with_columns(
        item_id=pl.lit("a"), timestamp=pl.lit(1)
    )
    frame.write_csv(path) if suffix == "csv" else frame.write_parquet(path)
    made = TableReading({"who": "user_id"}).fitted({"interactions": path})
    assert made.columns == {"who": "user_id"}
