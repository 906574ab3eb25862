import json

import polars as pl
import pytest

import mmrec
from mmrec.data import Interactions


@pytest.fixture(scope="session")
def data(chain, tmp_path_factory):
    """A data set folder; don't change it."""
    folder = tmp_path_factory.mktemp("data")
    events, items = chain(users=20, steps=6)
    pl.DataFrame(events).write_csv(folder / "interactions.csv")
    items = {name: values for name, values in items.items() if name != "image"}
    prices = {"price": [f"{n}.50" for n in range(len(items["item_id"]))]}
    pl.DataFrame(items | prices).write_csv(folder / "items.csv")
    return folder


@pytest.fixture(scope="session")
def made(data, options):
    """A recommender of that data; don't change it."""
    log, items = data / "interactions.csv", data / "items.csv"
    return mmrec.Recommender.fit(log, items, options=options(epochs=1), negatives="full")


@pytest.fixture(scope="session")
def run(made, data, tmp_path_factory):
    """Its RUN; don't change it."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    made.save(folder, data=str(data))
    return folder


@pytest.fixture(scope="session")
def log(data):
    return Interactions(data / "interactions.csv")


@pytest.fixture
def answer(command):
    """Run a command that succeeds; return the object of --json and what was printed."""

    def ask(*arguments):
        status, out, err = command(*arguments, "--json")
        assert (status, err) == (0, "")
        return json.loads(out.splitlines()[-1]), out

    return ask


@pytest.fixture
def refusal(command):
    """Run a command that is refused; return its one sentence."""

    def ask(*arguments):
        status, _, err = command(*arguments)
        assert status == 2, err
        assert err.startswith("mmrec: ")
        assert err.count("\n") == 1
        return err

    return ask


@pytest.fixture(scope="session")
def renamed(data, tmp_path_factory):
    """The data set folder with another name of a column, in milliseconds; don't change it."""
    folder = tmp_path_factory.mktemp("renamed")
    (folder / "items.csv").write_bytes((data / "items.csv").read_bytes())
    events = pl.read_csv(data / "interactions.csv").rename({"user_id": "who"})
    events.with_columns(pl.col("timestamp") * 1000).write_csv(folder / "interactions.csv")
    return folder


@pytest.fixture(scope="session")
def run_of_renamed(made, renamed, tmp_path_factory):
    """The RUN of that folder; don't change it."""
    folder = tmp_path_factory.mktemp("renamed_runs") / "run"
    made.save(folder, data=str(renamed), columns={"who": "user_id"}, time_unit="ms")
    return folder
