import json
import sys

import polars as pl
import pytest

from mmrec.cli import main
from mmrec.cli.reading import as_columns, reading

QUICK = ["--dim", "8", "--epochs", "1", "--modalities", "id", "--negatives", "full"]
QUICK += ["--refit", "none", "--devices", "1"]


@pytest.fixture
def command(monkeypatch, capfd):
    """Run the command in this process; return exit status, stdout and stderr."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["mmrec", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main()
        output = capfd.readouterr()
        return exit_.value.code or 0, output.out, output.err

    return run


def test_columns_are_pairs():
    assert as_columns(" movieId = item_id ,a=b=c,") == {"movieId": "item_id", "a=b": "c"}


@pytest.mark.parametrize("text", ["", ",", "movieId", "=item_id", "movieId=", "a=b,a=c"])
def test_bad_columns(text):
    with pytest.raises(ValueError, match="--columns must be theirs=ours, separated by commas"):
        as_columns(text)


def test_what_is_given():
    assert reading(None, None) == {"columns": None, "time_unit": None}
    assert reading("c=d", "s") == {"columns": {"c": "d"}, "time_unit": "s"}


@pytest.fixture
def theirs(chain, tmp_path):
    """A folder of tables as others write them: their names, types, units and formats."""
    events, items = (pl.DataFrame(table) for table in chain(users=20, steps=10))
    number = pl.col("item_id").str.strip_prefix("i").cast(pl.Int64)
    names = {"item_id": "movieId", "user_id": "userId"}
    folder = tmp_path / "theirs"
    folder.mkdir()
    events.with_columns(number, (pl.col("timestamp") + 1_700_000_000) * 1000).rename(
        names
    ).write_parquet(folder / "interactions.parquet")
    items.with_columns(number).drop("image").rename({"item_id": "movieId"}).write_csv(
        folder / "items.csv"
    )
    return folder


def test_a_folder_as_people_have_it(command, theirs, tmp_path):
    columns = ["--columns", "movieId=item_id,userId=user_id"]
    status, _, err = command("fit", theirs, "--out", tmp_path / "run", *columns, *QUICK)
    assert status == 0, err
    for line in (
        "interactions: timestamp looks like milliseconds and is read as such (time_unit='ms')",
        "interactions: 12 item ids are read as text, as in items",
    ):
        assert err.splitlines().count(line) == 1, err

    unit = ["--time-unit", "ms"]
    status, text, err = command("evaluate", tmp_path / "run", *unit, "--json")
    assert status == 0, err  # with the columns of the training
    assert json.loads(text.splitlines()[-1])["same_split"]
    assert "looks like" not in err
    taken = "read as for the training: movieId is item_id, userId is user_id"
    status, _, err = command("evaluate", tmp_path / "run", "--data", theirs)
    assert status == 0, err
    assert taken in err.splitlines()
    status, _, err = command("evaluate", tmp_path / "run", "--data", theirs, *columns)
    assert status == 0, err
    assert taken not in err
    ours = tmp_path / "ours"
    ours.mkdir()
    events = pl.read_parquet(theirs / "interactions.parquet")
    events.rename({"userId": "user_id", "movieId": "item_id"}).write_csv(ours / "interactions.csv")
    (ours / "items.csv").write_bytes((theirs / "items.csv").read_bytes())  # the names of before
    status, text, err = command("evaluate", tmp_path / "run", "--data", ours, "--json")
    assert status == 0, err
    assert json.loads(text.splitlines()[-1])["same_split"]
    assert "read as for the training: movieId is item_id" in err.splitlines()
    events.rename({"userId": "client"}).write_csv(ours / "interactions.csv")
    status, _, err = command("evaluate", tmp_path / "run", "--data", ours)
    assert status == 2
    assert "expected the columns of the training, ['userId'], or our names for them" in err

    status, text, err = command("recommend", tmp_path / "run", "--history", "3,4", "--json")
    assert status == 0, err
    assert json.loads(text.splitlines()[-1])["history"] == ["3", "4"]

    out = tmp_path / "later"
    for some in ([], [*columns, *unit]):
        more = [*some, "--epochs", 1]
        status, _, err = command("update", tmp_path / "run", theirs, "--out", out, *more)
        assert status == 0, err
        assert (taken in err.splitlines()) == (not some)
        status, text, err = command("evaluate", out, "--json")
        assert status == 0, err
        assert json.loads(text.splitlines()[-1])["same_split"]
        assert taken not in err  # it is the data set of the training


@pytest.mark.usefixtures("unchecked")
def test_wrong_columns_and_units_are_one_sentence(command, theirs, tmp_path):
    for given, message in (
        (["--columns", "film=item_id"], "['film'] are not in"),
        (["--columns", "movieId"], "--columns must be theirs=ours"),
        (["--columns", "movieId=title"], "two would be ['title']"),
        (["--columns", "movieId=item_id,userId=user_id", "--time-unit", "h"], "time_unit must be"),
    ):
        status, _, err = command("fit", theirs, "--out", tmp_path / "run", *given, *QUICK)
        assert status == 2
        assert message in err
        assert err.splitlines()[-1].startswith("mmrec: ")
        assert "Traceback" not in err
