import json

import pytest

from mmrec.realtime import ExactIndex, MemorySessions
from mmrec.serving import Limits, Settings
from mmrec.serving.server import make_app, serve, worker
from mmrec.serving.settings import VARIABLE


@pytest.fixture(autouse=True)
def no_token(monkeypatch):
    monkeypatch.delenv("MMREC_TOKEN", raising=False)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"index": "ivf"}, "index must be one of"),
        ({"workers": 0}, "workers must be 1 or more; got 0"),
        ({"readers": 0}, "readers must be 1 or more; got 0"),
        ({"workers": 2}, "2 workers need a Redis server"),
        ({"host": "0.0.0.0"}, "needs a token"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        Settings(run="run", log="log.db", **wrong)


def test_a_token_comes_from_the_environment_and_goes_nowhere_else(monkeypatch):
    monkeypatch.setenv("MMREC_TOKEN", "s3cret")
    monkeypatch.delenv(VARIABLE, raising=False)
    settings = Settings(run="run", log="log.db", host="0.0.0.0")
    assert settings.token == "s3cret"
    settings.to_environment()
    import os

    assert "s3cret" not in os.environ[VARIABLE] + repr(settings)


def test_workers_get_the_same_settings(monkeypatch):
    monkeypatch.setenv(VARIABLE, "")
    settings = Settings(
        run="run",
        log="log.db",
        redis="redis://r",
        workers=3,
        readers=2,
        limits=Limits(body=9, k=8, rate=7),
    )
    settings.to_environment()
    assert Settings.from_environment() == settings


def test_settings_open_what_they_name(saved, tmp_path):
    live = Settings(run=str(saved), log=str(tmp_path / "events.db")).open()
    assert isinstance(live.sessions, MemorySessions)
    assert isinstance(live._store.now.index, ExactIndex)
    live.observe("ann", "i7")
    live.log.close()
    assert (tmp_path / "events.db").is_file()


def test_settings_open_a_graph_index(saved, tmp_path):
    hnsw = pytest.importorskip("mmrec.realtime.index.hnsw_index")
    pytest.importorskip("usearch", reason="needs the extra hnsw")
    live = Settings(run=str(saved), log=str(tmp_path / "events.db"), index="hnsw").open()
    assert isinstance(live._store.now.index, hnsw.HnswIndex)
    live.log.close()


def test_a_worker_serves_the_log_and_closes_it(saved, tmp_path, monkeypatch):
    from starlette.testclient import TestClient

    settings = Settings(run=str(saved), log=str(tmp_path / "events.db"), limits=Limits(k=7))
    monkeypatch.setenv(VARIABLE, "")
    settings.to_environment()
    assert json.loads(__import__("os").environ[VARIABLE])["limits"]["k"] == 7
    with TestClient(worker(), base_url="http://127.0.0.1") as client:
        assert client.post("/observe", json={"user": "ann", "item": "i7"}).json() == {"offset": 1}
        assert client.get("/recommend?user=ann&k=8").status_code == 422
    with TestClient(make_app(settings), base_url="http://127.0.0.1") as client:
        past = client.get("/history?user=ann").json()["items"]
        assert [event["item"] for event in past] == ["i7"]


def test_a_run_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        Settings(run=str(tmp_path / "nowhere"), log=str(tmp_path / "events.db")).open()


def test_without_a_run_no_log_is_begun(tmp_path):
    with pytest.raises(FileNotFoundError, match="no RUN at"):
        Settings(run=str(tmp_path / "no"), log=str(tmp_path / "events.db")).open()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("more", [{}, {"workers": 2, "redis": "redis://nowhere"}])
def test_serving_is_said_once_the_run_could_be_read(saved, tmp_path, monkeypatch, more):
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
