import os
import socket
import time
import traceback
from threading import Event

import pytest

from mmrec.realtime import ExactIndex, MemorySessions, RealtimeRecommender, SqliteLog
from mmrec.serving import Limits, Settings
from mmrec.serving.server import make_app, serve, worker


@pytest.fixture(autouse=True)
def variables(monkeypatch):
    """The environment as a dictionary of its own, without variables of mmrec."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("MMREC_")}
    monkeypatch.setattr(os, "environ", own)
    return own


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"index": "ivf"}, "^index: expected 'exact' or 'hnsw'; got 'ivf'$"),
        ({"workers": 0}, "^workers: expected 1 or more; got 0$"),
        ({"readers": 0}, "^readers: expected 1 or more; got 0$"),
        ({"port": 65536}, "^port: expected at most 65535; got 65536$"),
        ({"limits": {"k": 0}}, r"^limits\.k: expected 1 or more; got 0$"),
        ({"colum": {}}, r"^expected the fields run, .*; got 'colum' \(did you mean 'columns'\?\)$"),
        ({"limits": {"kk": 0}}, r"^limits: expected the fields body, k, rate; got 'kk'"),
        ({"token": ""}, "^token: expected at least 1 character; got 0 characters$"),
        ({"workers": 2}, "2 workers need a Redis server"),
        ({"host": "0.0.0.0"}, "needs a token"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        Settings(run="run", log="log.db", **wrong)


def test_a_missing_setting_is_named():
    with pytest.raises(ValueError, match=r"^log: expected a value; got none$"):
        Settings(run="run")


def test_settings_do_not_change():
    with pytest.raises(ValueError, match="frozen"):
        Settings(run="run", log="log.db").port = 9


def test_a_token_comes_from_the_environment_and_goes_nowhere_else(variables):
    variables["MMREC_TOKEN"] = "s3cret"
    settings = Settings(run="run", log="log.db", host="0.0.0.0")
    assert settings.token == "s3cret"
    settings.to_environment()
    assert [name for name, value in variables.items() if "s3cret" in value] == ["MMREC_TOKEN"]
    assert "s3cret" not in repr(settings) + str(settings)


def test_an_error_does_not_repeat_secrets(variables):
    variables["MMREC_TOKEN"] = "s3cret"
    with pytest.raises(ValueError, match=r"^port: ") as caught:
        Settings(run="run", log="log.db", port=-1)
    shown = "".join(traceback.format_exception(caught.value))
    assert "s3cret" not in shown


def test_what_is_given_comes_before_the_environment(variables):
    variables |= {"MMREC_RUN": "run", "MMREC_LOG": "log.db", "MMREC_PORT": "81", "MMREC_REDIS": ""}
    assert (Settings().port, Settings(port=82).port, Settings().redis) == (81, 82, None)


def test_workers_get_the_same_settings(variables):
    variables["MMREC_VERSIONS"] = "not these"
    settings = Settings(
        run="run",
        log="log.db",
        versions=None,
        redis="redis://r",
        workers=3,
        readers=2,
        where="kind = even",
        at_most={"kind": 2},
        columns={"who": "user_id"},
        time_unit="ms",
        limits=Limits(body=9, k=8, rate=7),
        token="t",
        user_key="k" * 16,
    )
    settings.to_environment()
    assert Settings() == settings


def test_settings_open_what_they_name(saved, tmp_path):
    live = Settings(run=str(saved), log=str(tmp_path / "events.db")).open()
    assert isinstance(live.sessions, MemorySessions)
    assert isinstance(live.snapshots.now.index, ExactIndex)
    live.observe("ann", "i7")
    live.log.close()
    assert (tmp_path / "events.db").is_file()


def test_settings_open_a_graph_index(saved, tmp_path):
    hnsw = pytest.importorskip("mmrec.realtime.index.hnsw_index")
    pytest.importorskip("usearch", reason="needs the extra hnsw")
    live = Settings(run=str(saved), log=str(tmp_path / "events.db"), index="hnsw").open()
    assert isinstance(live.snapshots.now.index, hnsw.HnswIndex)
    live.log.close()


def test_a_worker_serves_the_log_and_closes_it(saved, tmp_path):
    from starlette.testclient import TestClient

    settings = Settings(run=str(saved), log=str(tmp_path / "events.db"), limits=Limits(k=7))
    settings.to_environment()
    with TestClient(worker(), base_url="http://127.0.0.1") as client:
        assert client.post("/observe", json={"user": "ann", "item": "i7"}).json() == {"offset": 1}
        assert client.get("/recommend?user=ann&k=8").status_code == 422
    with TestClient(make_app(settings), base_url="http://127.0.0.1") as client:
        past = client.get("/history?user=ann").json()["items"]
        assert [event["item"] for event in past] == ["i7"]


@pytest.mark.parametrize("fails", [False, True])
def test_encoders_are_loaded_after_the_start_unless_told_otherwise(
    saved, tmp_path, monkeypatch, caplog, fails
):
    from starlette.testclient import TestClient

    begun, go, ended = Event(), Event(), Event()

    def warm_up(live):
        begun.set()
        assert go.wait(30)
        ended.set()
        if fails:
            raise OSError("no weights")

    monkeypatch.setattr(RealtimeRecommender, "warm_up", warm_up)
    given = {"run": saved, "log": tmp_path / "events.db"}
    with TestClient(make_app(Settings(**given, warm_up=False)), base_url="http://127.0.0.1"):
        assert not begun.is_set()
    with TestClient(make_app(Settings(**given)), base_url="http://127.0.0.1") as client:
        assert begun.wait(30)
        assert client.get("/health").status_code == 200  # meanwhile
        go.set()
        assert ended.wait(30)
        assert client.get("/recommend?user=ann").status_code == 200
    for _ in range(300):
        if fails == ("encoders of new items can't be loaded now: no weights" in caplog.text):
            break
        time.sleep(0.1)
    else:
        pytest.fail(caplog.text)


def test_a_run_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        Settings(run=str(tmp_path / "nowhere"), log=str(tmp_path / "events.db")).open()


def test_without_a_run_no_log_is_begun(tmp_path):
    with pytest.raises(FileNotFoundError, match="no RUN at"):
        Settings(run=str(tmp_path / "no"), log=str(tmp_path / "events.db")).open()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("more", [{}, {"workers": 2, "redis": "redis://nowhere"}])
def test_ready_is_called_when_the_run_has_been_read(saved, tmp_path, monkeypatch, more):
    order = []
    monkeypatch.setattr("uvicorn.run", lambda *_, **__: order.append("run"))
    log = str(tmp_path / "events.db")
    serve(Settings(run=str(saved), log=log, **more), ready=lambda: order.append("ready"))
    assert order == ["ready", "run"]
    with pytest.raises(FileNotFoundError, match="no RUN at"):
        serve(
            Settings(run=str(tmp_path / "no"), log=log, **more),
            ready=lambda: order.append("ready"),
        )
    assert order == ["ready", "run"]


@pytest.mark.parametrize("more", [{}, {"workers": 2, "redis": "redis://nowhere"}])
def test_what_holds_for_every_list_is_checked_before_anything_is_written(
    saved, tmp_path, monkeypatch, more
):
    monkeypatch.setattr("uvicorn.run", lambda *_, **__: None)
    log = tmp_path / "events.db"
    (tmp_path / "events.csv").write_text("user_id,item_id,timestamp\nann,i7,5\n")
    more |= {"history": tmp_path / "events.csv"}
    with pytest.raises(ValueError, match=r"no column 'kid' \(did you mean 'kind'\?\)"):
        serve(Settings(run=str(saved), log=str(log), where="kid = even", **more))
    with pytest.raises(ValueError, match=r"must have the columns \['kid'\]"):
        serve(Settings(run=str(saved), log=str(log), at_most={"kid": 2}, **more))
    assert not log.exists()
    serve(Settings(run=str(saved), log=str(log), where="kind = even", **more))
    assert log.exists()


def test_a_server_has_its_condition_from_the_environment(saved, tmp_path, variables):
    variables |= {"MMREC_RUN": str(saved), "MMREC_LOG": str(tmp_path / "events.db")}
    variables["MMREC_WHERE"] = "item_id in (i3, i4, i6)"
    live = Settings().open()
    assert {line.item for line in live.recommend("ann", k=30)} == {"i3", "i4", "i6"}
    live.log.close()
    variables["MMREC_AT_MOST"] = '{"kind": 1}'
    live = Settings().open()
    assert len(live.recommend("ann", k=30)) == 2
    live.log.close()


@pytest.mark.parametrize("more", [{}, {"workers": 2, "redis": "redis://nowhere"}])
def test_a_history_is_imported_once_and_known_after_a_restart(saved, tmp_path, monkeypatch, more):
    monkeypatch.setattr("uvicorn.run", lambda *_, **__: None)
    (tmp_path / "events.csv").write_text("user_id,item_id,timestamp\nann,i7,5\nann,i3,4\n")
    log, lines = tmp_path / "events.db", []
    settings = Settings(
        run=saved, log=log, history=tmp_path / "events.csv", user_key="k" * 16, **more
    )
    for _ in range(2):
        serve(settings, say=lines.append)
    assert "2 events of 1 user imported; 0 known;" in lines[0]
    assert "0 events of 0 users imported; 2 known (the file is unchanged)" in lines[1]
    events = SqliteLog(log, user_key=b"k" * 16)
    assert [event.item for event in events.of_user("ann")] == ["i3", "i7"]
    events.close()


def test_a_port_in_use_is_refused_before_a_history_is_imported(saved, tmp_path):
    (tmp_path / "events.csv").write_text("user_id,item_id,timestamp\nann,i7,5\n")
    log = tmp_path / "events.db"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = Settings(run=saved, log=log, history=tmp_path / "events.csv", port=port)
        with pytest.raises(ValueError, match=f"port {port} of 127.0.0.1 must be free"):
            serve(settings)
    assert not log.exists()
