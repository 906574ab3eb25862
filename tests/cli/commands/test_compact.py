import pytest
from typer.testing import CliRunner

from mmrec.cli.app import app
from mmrec.realtime import RealtimeRecommender, SqliteLog


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def log(saved, tmp_path):
    """A log in which the kind of an item has changed many times, and another was removed."""
    path = tmp_path / "events.db"
    events = SqliteLog(path)
    live = RealtimeRecommender.load(saved, log=events)
    for n in range(20):
        live.update_items({"item_id": ["i1"], "kind": [f"kind {n}"]})
    live.remove_items(["i2"])
    events.close()
    return path


def test_a_log_and_a_run_with_the_items_as_they_are(saved, log, tmp_path):
    result = call("compact", log, "--run", saved, "--out", tmp_path / "run2")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        f"RUN written to {tmp_path / 'run2'}",
        "the log has 2 changes of items in place of 21: earlier values that later ones replace are "
        "gone",
    ]
    events = SqliteLog(log)
    for run in (saved, tmp_path / "run2"):
        live = RealtimeRecommender.load(run, log=events)
        assert live.catalog.row("i1")["kind"] == "kind 19"
        assert not live.available[live.catalog.find("i2")]
    events.close()
    alone = RealtimeRecommender.load(tmp_path / "run2")
    assert alone.catalog.row("i1")["kind"] == "kind 19"
    assert call("compact", log).stdout == (
        "no change of items in the log is made void by a later one\n"
    )


def test_bad_arguments(saved, log, tmp_path):
    for arguments, message in (
        ((log, "--run", saved), "--run and --out together"),
        ((tmp_path / "nothing.db",), "no event log at"),
    ):
        result = call("compact", *arguments)
        assert message in str(result.exception)
    assert not (tmp_path / "nothing.db").exists()
