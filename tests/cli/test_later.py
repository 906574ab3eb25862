from pathlib import Path

import numpy as np
import polars as pl
import pytest

from mmrec import Options, Recommender
from mmrec.cli.later import log_of_run
from mmrec.data import Catalog, Dataset, Interactions


def dataset(items):
    events = {"user_id": [*"uuv"], "item_id": [*"abb"], "position": [0, 1, 0]}
    return Dataset(Interactions(events), Catalog({"item_id": items}))


def test_a_log_of_known_items_is_returned():
    data = dataset([*"abc"])
    assert log_of_run(data, Catalog({"item_id": [*"ba"]}), Path("later")) is data.interactions


def test_items_that_the_run_lacks_are_said():
    said = (
        r"2 events of later are of 1 item that is not in the catalogue of the RUN \(2 items\), "
        r"first \['b'\]; the items of later have it: mmrec update trains on with it, and add_items"
    )
    with pytest.raises(ValueError, match=said):
        log_of_run(dataset([*"abc"]), Catalog({"item_id": [*"ac"]}), Path("later"))


def test_events_that_a_split_leaves_out_are_not_asked_for():
    events = {"user_id": [*"uuuvvv"], "item_id": [*"abcabx"], "position": [0, 1, 2] * 2}
    events["event"] = ["view"] * 5 + ["noise"]
    later = Dataset(Interactions(events), Catalog({"item_id": [*"abcx"]}))
    catalog, options = Catalog({"item_id": [*"abc"]}), Options(split="leave-one-out")
    ignored = options.replace(ignored=("noise",))
    assert log_of_run(later, catalog, Path("later"), ignored) is later.interactions
    with pytest.raises(ValueError, match="not in the catalogue of the RUN"):
        log_of_run(later, catalog, Path("later"), options)


@pytest.mark.parametrize(
    "arguments", [("evaluate",), ("degrade",), ("recommend", "--all-users", "--out", "lists.csv")]
)
def test_commands_refuse_events_of_items_that_the_run_lacks(
    by_id, command, tmp_path, monkeypatch, arguments
):
    monkeypatch.chdir(tmp_path)
    by_id.save("RUN")
    folder = tmp_path / "later"
    folder.mkdir()
    items = [*Recommender.load("RUN").catalog.ids[:4], "x"]
    walk = {"user_id": np.repeat([*"uv"], 5), "item_id": items * 2, "timestamp": np.arange(10)}
    pl.DataFrame(walk).write_csv(folder / "interactions.csv")
    pl.DataFrame({"item_id": items}).write_csv(folder / "items.csv")
    name, *more = arguments
    status, _, errors = command(name, "RUN", "--data", folder, *more)
    assert status == 2
    assert "2 events of" in errors
    assert "not in the catalogue of the RUN (30 items), first ['x']" in errors
