import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from mmrec.affinities import Unseen
from mmrec.cli.app import app
from mmrec.realtime import RealtimeRecommender, SqliteLog, Versions
from mmrec.recommender import Recommender
from mmrec.trends import TrendWeights


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def log(saved, tmp_path):
    """A log of events on the items of a RUN."""
    path = tmp_path / "events.db"
    events = SqliteLog(path)
    live = RealtimeRecommender.load(saved, log=events)
    for n in range(20):
        live.observe(f"u{n % 3}", live.catalog.ids[n % 10], time=10.0 * n)
    events.close()
    return path


def test_learn_and_roll_back(saved, log, tmp_path):
    versions = tmp_path / "versions"
    result = call("learn", saved, "--log", log, "--versions", versions, "--once", "--json")
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout.splitlines()[-1])
    assert said["offset"] == said["events"] == 20
    again = call("learn", saved, "--log", log, "--versions", versions, "--once", "--json")
    assert json.loads(again.stdout.splitlines()[-1]) == said
    assert Versions(versions).names() == [said["version"]]  # nothing new, no new version
    assert call("rollback", versions).exit_code == 0
    assert Versions(versions).current() is None
    assert call("rollback", versions, "--release").stdout == f"serving {said['version']}\n"
    both = call("rollback", versions, "--release", "--to", said["version"])
    assert "--to or --release; got both" in str(both.exception)
    refused = call("rollback", versions, "--to", "nothing")
    assert isinstance(refused.exception, ValueError)
    assert isinstance(call("rollback", tmp_path / "no").exception, FileNotFoundError)


def test_learn_says_what_its_figures_lack(saved, log, tmp_path):
    made = Recommender.load(saved)
    trend = replace(made.state.trend, weights=TrendWeights(now=1.0))
    unseen = Unseen(made.state.counts.float())
    for name, neighbours, end in (
        ("without", (), "\n"),
        ("with", (unseen,), "; neither has counted affinities\n"),
    ):
        state = replace(made.state, trend=trend, neighbours=neighbours)
        Recommender(state).save(tmp_path / "run")
        learn = ["--log", log, "--versions", tmp_path / name, "--once"]
        said = call("learn", tmp_path / "run", *learn).stdout
        assert re.search(r"without learning 0\.\d{4}" + end, said), said


def test_learn_from_an_empty_log(saved, tmp_path):
    SqliteLog(tmp_path / "empty.db").close()
    versions = tmp_path / "versions"
    result = call(
        "learn", saved, "--log", tmp_path / "empty.db", "--versions", versions, "--once", "--json"
    )
    assert result.stdout.startswith("offset 0: no event to learn from yet")
    said = json.loads(result.stdout.splitlines()[-1])
    assert (said["online"], said["version"]) == (None, None)


def test_imported_events_are_history_and_not_learned(saved, log, tmp_path, monkeypatch):
    table = tmp_path / "past.csv"
    pl.DataFrame(
        {"user_id": [*"aab"], "item_id": ["i1", "i2", "x"], "timestamp": [1, 2, 3]}
    ).write_csv(table)
    result = call("import-log", saved, table, "--log", log)
    assert result.stdout == (
        f"{log}: 2 events of 1 user imported; 0 known; 1 on items that are not in the "
        "catalogue left out, first ['x']; mmrec fit refuses a table with such events; mmrec learn "
        "passes imported events over unless --imported is given\n"
    )
    again = call("import-log", saved, table, "--log", log, "--json")
    assert "0 events of 0 users imported; 2 known (the file is unchanged)" in again.stdout
    assert json.loads(again.stdout.splitlines()[-1])["unknown_items"] == ["x"]
    learn = ["learn", saved, "--log", log, "--once", "--json", "--versions"]
    result = call(*learn, tmp_path / "a")
    assert result.stdout.startswith("2 imported events are passed over; --imported learns them")
    assert json.loads(result.stdout.splitlines()[-1])["events"] == 20
    result = call(*learn, tmp_path / "b", "--imported")
    assert json.loads(result.stdout.splitlines()[-1])["events"] == 22
    missing = call("import-log", saved, tmp_path / "no.csv")
    assert "no table of events" in str(missing.exception)
    assert not list(saved.parent.glob("*.events.db"))
    monkeypatch.setenv("MMREC_USER_KEY", "sixteen bytes at least")
    assert "made with (no user_key)" in str(
        call("import-log", saved, table, "--log", log).exception
    )


def test_update(saved, tmp_path, caplog):
    folder = tmp_path / "new"
    folder.mkdir()
    known = Recommender.load(saved).catalog.ids[:8]
    walks = (np.arange(12)[:, None] + np.arange(8)) % 9
    items = [*known, "brand-new"]
    events = {
        "user_id": np.repeat([f"n{n}" for n in range(12)], 8),
        "item_id": [items[n] for n in walks.ravel()],
        "timestamp": np.arange(walks.size),
    }
    pl.DataFrame(events).write_csv(folder / "interactions.csv")
    pl.DataFrame({"item_id": items, "title": items}).write_csv(folder / "items.csv")
    out = tmp_path / "RUN2"
    result = call("update", saved, folder, "--out", out, "--epochs", "1", "--json")
    assert result.exit_code == 0, (result.output, result.exception)
    report = json.loads(result.stdout.splitlines()[-1])
    assert report["test"]["targets"] > 0
    assert set(report["before"]) == {"ndcg@10", "hr@10", "mrr@10", "coverage@10"}
    [row] = [
        line for line in result.stdout.splitlines() if line.startswith("RUN before the update")
    ]
    assert row.split()[4] == f"{report['before']['ndcg@10']:.4f}"
    assert "brand-new" in Recommender.load(out).catalog
    lists = tmp_path / "lists.csv"
    for arguments in (
        ("recommend", out, "--all-users", "--out", lists),
        ("recommend", out, "--user", "n3"),
        ("export", out, "--users", "--out", tmp_path / "vectors"),
    ):
        caplog.clear()
        assert call(*arguments).exit_code == 0
        said = f"histories are of the 96 events of 12 users in {folder} alone: "
        assert sum(line.startswith(said) for line in caplog.messages) == 1
    assert len(pl.read_csv(lists)["user_id"].unique()) == 12


def test_an_update_needs_a_folder_of_its_own(saved, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(saved)
    for out in (saved, saved.parent / "other" / ".." / saved.name, link):
        found = call("update", saved, tmp_path / "not read", "--out", out).exception
        assert f"--out expects another folder than that of the RUN; got {out} for both" in str(
            found
        )


def test_serve_until_it_is_told_to_stop(saved, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = "from mmrec.cli import main; main()"
    arguments = ["serve", saved, "--port", port, "--log", tmp_path / "events.db"]
    server = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )

    def ask(path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}{path}", data, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    try:
        for _ in range(600):
            try:
                assert ask("/health")["status"] == "ok"
                break
            except OSError:
                assert server.poll() is None
                time.sleep(0.2)
        item = ask("/recommend?user=ann&k=1")["items"][0]["item"]
        assert ask("/observe", {"user": "ann", "item": item}) == {"offset": 1}
        assert [past["item"] for past in ask("/history?user=ann")["items"]] == [item]
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) in (0, -signal.SIGTERM)
    events = SqliteLog(tmp_path / "events.db")
    assert [event.user for event in events.read()] == ["ann"]
    events.close()


def test_wrong_settings(saved, tmp_path, monkeypatch):
    monkeypatch.delenv("MMREC_TOKEN", raising=False)
    for arguments, message in (
        (["--host", "0.0.0.0"], "needs a token"),
        (["--index", "best"], "index: expected 'exact' or 'hnsw'; got 'best'"),
        (["--workers", "2"], "need a Redis server"),
    ):
        error = call("serve", saved, "--log", tmp_path / "e.db", *arguments).exception
        assert isinstance(error, ValueError)
        assert message in str(error)
    assert isinstance(call("serve", tmp_path / "no").exception, FileNotFoundError)


def test_a_server_has_the_parts_of_the_flag_or_of_the_environment(tmp_path, monkeypatch):
    served = []
    monkeypatch.setattr("mmrec.serving.serve", lambda settings, **_: served.append(settings.parts))
    monkeypatch.setenv("MMREC_PARTS", '["lab.fusion"]')
    assert call("serve", tmp_path).exit_code == 0
    assert call("serve", tmp_path, "--part", "lab.rest", "--part", "lab.One").exit_code == 0
    assert served == [("lab.fusion",), ("lab.rest", "lab.One")]


def test_a_server_loads_encoders_ahead_unless_told_otherwise(tmp_path, monkeypatch):
    served = []
    monkeypatch.setattr(
        "mmrec.serving.serve", lambda settings, **_: served.append(settings.warm_up)
    )
    for given in ([], ["--no-warm-up"]):
        assert call("serve", tmp_path, *given).exit_code == 0
    assert served == [True, False]
