"""``mmrec import-log``, and ``mmrec serve --history``, which imports the same."""

import json

import polars as pl
import pytest

from mmrec.realtime import SqliteLog

TAKEN = "read as for the training: who is user_id, timestamps are in ms\n"


def stored(path):
    log = SqliteLog(path)
    try:
        return [(event.user, event.item, event.time) for event in log.read()]
    finally:
        log.close()


@pytest.fixture
def expected(command, run, data, tmp_path):
    """The events of the data set as a log has them."""
    status, _, err = command("import-log", run, data, "--log", tmp_path / "expected.db")
    assert (status, err) == (0, "")
    return stored(tmp_path / "expected.db")


def test_a_table_is_read_as_for_the_training(
    command, expected, run, run_of_renamed, renamed, tmp_path
):
    log = tmp_path / "a.db"
    status, out, err = command("import-log", run_of_renamed, renamed, "--log", log, "--json")
    assert (status, err) == (0, TAKEN)
    assert json.loads(out.splitlines()[-1])["new"] == len(expected)
    assert stored(log) == expected
    given = ["--columns", "who=user_id", "--time-unit", "ms", "--log", tmp_path / "b.db"]
    assert command("import-log", run, renamed, *given)[::2] == (0, "")
    assert stored(tmp_path / "b.db") == expected


def test_a_table_with_our_names_and_dates(command, expected, run_of_renamed, data, tmp_path):
    table, log = tmp_path / "later.csv", tmp_path / "c.db"
    dates = (pl.col("timestamp") * 1000).cast(pl.Datetime("ms")).dt.strftime("%Y-%m-%d %H:%M:%S")
    pl.read_csv(data / "interactions.csv").with_columns(dates).write_csv(table)
    assert command("import-log", run_of_renamed, table, "--log", log)[::2] == (0, "")
    assert stored(log) == expected


def test_a_table_with_other_names_is_refused(refusal, run_of_renamed, data, tmp_path):
    table = tmp_path / "later.csv"
    pl.read_csv(data / "interactions.csv").rename({"user_id": "client"}).write_csv(table)
    said = refusal("import-log", run_of_renamed, table, "--log", tmp_path / "d.db")
    assert "expected the columns of the training, ['who'], or our names for them" in said
    assert "--columns" in said
    assert not (tmp_path / "d.db").exists()


def test_a_file_that_is_read_otherwise_is_imported_again(command, run, renamed, tmp_path):
    given = ["import-log", run, renamed, "--columns", "who=user_id", "--log", tmp_path / "e.db"]
    first, second, again = (command(*given, "--time-unit", unit)[1] for unit in ("ms", "us", "us"))
    assert "(the file is unchanged)" not in first + second
    assert "(the file is unchanged)" in again


def test_a_server_reads_its_history_so(
    command, refusal, expected, run, run_of_renamed, renamed, tmp_path, monkeypatch
):
    monkeypatch.setattr("uvicorn.run", lambda app, **_: None)
    log = tmp_path / "f.db"
    status, _, err = command("serve", run_of_renamed, "--log", log, "--history", renamed)
    assert (status, err.startswith(TAKEN)) == (0, True), err
    assert stored(log) == expected
    given, log = ["--columns", "who=user_id", "--time-unit", "ms"], tmp_path / "g.db"
    status, _, err = command("serve", run, "--log", log, "--history", renamed, *given)
    assert (status, TAKEN in err) == (0, False), err
    assert stored(log) == expected
    assert "got no --history" in refusal("serve", run, "--log", log, *given)


def test_tables_that_name_the_item_differently_are_history(
    command, expected, made, data, tmp_path, monkeypatch
):
    monkeypatch.setattr("uvicorn.run", lambda app, **_: None)
    folder, run = tmp_path / "shop", tmp_path / "run"
    folder.mkdir()
    for name, theirs in (("interactions", "sku"), ("items", "Artikelnummer")):
        table = pl.read_csv(data / f"{name}.csv")
        table.rename({"item_id": theirs}).write_csv(folder / f"{name}.csv")
    made.save(run, columns={"sku": "item_id", "Artikelnummer": "item_id"}, time_unit="s")
    logs = [tmp_path / f"{name}.db" for name in "hij"]
    status, _, err = command("serve", run, "--log", logs[0], "--history", folder)
    assert status == 0, err
    status, _, err = command("import-log", run, folder, "--log", logs[1])
    assert (status, err) == (
        0,
        "read as for the training: sku is item_id, timestamps are in s\n",
    )
    given = ["--columns", "sku=item_id,Artikelnummer=item_id"]
    status, _, err = command("import-log", run, folder, "--log", logs[2], *given)
    assert status == 0, err
    assert [stored(log) for log in logs] == [expected] * 3


def test_a_condition_of_a_server_is_checked_at_its_start(
    command, refusal, run, tmp_path, monkeypatch
):
    monkeypatch.setattr("uvicorn.run", lambda app, **_: None)
    given = ["serve", run, "--log", tmp_path / "k.db", "--where"]
    assert "there is no column 'stock'" in refusal(*given, "stock > 0")
    assert not (tmp_path / "k.db").exists()
    status, _, err = command(*given, "price < 3")
    assert status == 0, err
