from dataclasses import replace

import polars as pl
import pytest

from mmrec.data import Catalog, Interactions
from mmrec.recommender import Options, Recommender

COLUMNS = {"who": "user_id", "film": "item_id"}
ITEMS = [*"abcd"]
OPTIONS = Options(modalities=("id",), split="leave-one-out", epochs=1, dim=4, refit="none")


def theirs(users="uv", start=1_700_000_000):
    """A log with other names of columns, in milliseconds."""
    return {
        "who": [user for user in users for _ in range(4)],
        "film": ITEMS * len(users),
        "timestamp": [1000 * (start + place) for place in range(4 * len(users))],
    }


def ours(log):
    """The same log with our names, in seconds."""
    frame = pl.DataFrame(log).rename(COLUMNS, strict=False)
    return frame.with_columns(pl.col("timestamp") / 1000)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    fitted = Recommender.fit(
        theirs(), {"film": ITEMS}, columns=COLUMNS, time_unit="ms", options=OPTIONS
    )
    run = tmp_path_factory.mktemp("run") / "RUN"
    fitted.save(run)
    return Recommender.load(run)


def test_a_log_is_measured_as_it_was_read(made, caplog):
    expected = made.evaluate(Interactions(ours(theirs())))
    assert made.evaluate(theirs()) == expected
    assert made.evaluate(ours(theirs()), time_unit="s") == expected
    assert made.evaluate(pl.DataFrame(theirs())) == expected
    mixed = pl.DataFrame(theirs()).rename({"who": "user_id"})
    assert made.evaluate(mixed) == expected
    assert made.degradation(theirs())["share"].len()
    with pytest.raises(ValueError, match=r"columns must name columns of the tables; \['x'\]"):
        made.evaluate(theirs(), columns={"x": "user_id"})
    with pytest.raises(ValueError, match=r"expected the columns of the training, \['film'\], or"):
        made.evaluate(pl.DataFrame(theirs()).drop("film"))


def test_a_log_needs_no_columns_of_items():
    items = {"film": ITEMS, "titel": ["One", "Two", "Three", "Four"]}
    columns = {**COLUMNS, "titel": "title"}
    made = Recommender.fit(theirs(), items, columns=columns, time_unit="ms", options=OPTIONS)
    made = Recommender(replace(made.state, given={"columns": columns, "time_unit": "ms"}))
    assert made.evaluate(theirs())["events"]["test"] == 2


def test_dates_have_no_unit(made):
    seconds = pl.from_epoch(pl.col("timestamp"), time_unit="ms")
    dated = pl.DataFrame(theirs()).with_columns(seconds)
    assert made.evaluate(dated) == made.evaluate(theirs())


def test_an_update_reads_so_and_keeps_it(made, tmp_path):
    later, items = theirs("wx", start=1_700_001_000), {"film": [*"abcde"]}
    again = made.update(later, items, options={"epochs": 1})
    assert again.catalog.ids == [*"abcde"]
    read = Interactions(ours(later))
    for given in ((read, Catalog({"item_id": [*"abcde"]})), (read, items)):
        assert made.update(*given, options={"epochs": 1}).report["test"] == again.report["test"]
    again.save(tmp_path / "RUN2")
    loaded = Recommender.load(tmp_path / "RUN2")
    assert loaded.evaluate(later)["test"] == again.evaluate(read)["test"]
    other = {"users": "user_id", "item": "item_id"}
    renamed = pl.DataFrame(later).rename({"who": "users", "film": "item"})
    third = made.update(renamed, {"item": [*"abcde"]}, columns=other, options={"epochs": 1})
    assert third.evaluate(renamed)["test"] == again.evaluate(read)["test"]
