import shutil
import socket
import subprocess
import time

import pytest
import torch
from safetensors.torch import save

from mmrec.realtime.log.memory_log import MemoryLog
from mmrec.realtime.recommender import RealtimeRecommender
from mmrec.realtime.redis_sessions import PREFIX, RedisSessions
from mmrec.realtime.sessions import Session, SessionStore

redis = pytest.importorskip("redis")


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """A Redis server of this test alone, on loopback."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("needs redis-server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("redis")
    command = [program, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", folder]
    server = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)
    try:
        client = redis.Redis(port=port)
        for _ in range(100):
            try:
                client.ping()
                break
            except redis.exceptions.ConnectionError:
                time.sleep(0.1)
        client.close()
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait()


@pytest.fixture
def store(url):
    store = RedisSessions.from_url(url)
    store.client.flushdb()
    yield store
    store.client.close()


def session(offset=3):
    state = (torch.randn(2, 1, 4), torch.randn(1, 4, dtype=torch.complex64))
    return Session("v1", offset, state, ((5, 1), (9, 0), (7, 2)), 12.5, 3, True)


def test_what_is_put_comes_back(store):
    kept = session()
    store.put("ann", kept)
    found = store.get("ann")
    assert (found.version, found.offset, found.item) == ("v1", 3, 7)
    assert (found.time, found.events, found.recent) == (12.5, 3, kept.recent)
    for a, b in zip(kept.state, found.state, strict=True):
        assert torch.equal(a, b)
    assert len(store) == 1
    assert store.client.ttl(f"{PREFIX}ann") > 0
    store.delete("ann")
    assert store.get("ann") is None
    assert isinstance(store, SessionStore)


def test_what_is_damaged_counts_as_lost(store):
    store.client.set(f"{PREFIX}ann", b"nothing of ours")
    assert store.get("ann") is None
    store.client.set(f"{PREFIX}ann", b'["v", 1, [], 0.0, 1]\nbroken')
    assert store.get("ann") is None
    earlier = b'["v", 1, 2, 0.0, 1, 0]'  # the item in place of the last events
    for line in (
        b"5",
        b'["v", 1, 2, 0.0]',
        b'["v", 1, 2, 0.0, 1]',
        b'["v", 1, [2], 0.0, 1]',
        earlier,
    ):
        store.client.set(f"{PREFIX}ann", line + b"\n" + save({"0": torch.ones(1)}))
        assert store.get("ann") is None


def test_a_silent_server_is_left_alone_for_a_while(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and never answers
        monkeypatch.setattr("mmrec.realtime.redis_sessions.TIMEOUT", 0.05)
        with pytest.raises(ConnectionError, match="no Redis server answers"):
            RedisSessions.from_url(f"redis://127.0.0.1:{silent.getsockname()[1]}")
        client = redis.Redis(port=silent.getsockname()[1], socket_timeout=0.05)
        calls = []
        ask = client.get
        monkeypatch.setattr(client, "get", lambda name: calls.append(name) or ask(name))
        store = RedisSessions(client)
        assert [store.get("ann") for _ in range(5)] == [None] * 5
        assert len(calls) == 1
        client.close()


def test_two_servers_share_what_they_know(by_id, url, store):
    log = MemoryLog()
    stores = [RedisSessions.from_url(url), store]
    one, other = (RealtimeRecommender(by_id, log=log, sessions=kept) for kept in stores)
    items = by_id.catalog.ids
    for n in range(6):
        (one, other)[n % 2].observe("ann", items[n], time=10.0 * n)
    assert one.recommend("ann") == other.recommend("ann")
    alone = RealtimeRecommender(by_id, log=log)
    assert alone.recommend("ann") == one.recommend("ann")
    assert torch.equal(alone.sessions.get("ann").state[0], store.get("ann").state[0])
    one.forget("ann")
    assert store.client.keys("*") == []
    stores[0].client.close()


def test_without_an_answer_sessions_are_computed_from_the_log(by_id, url, caplog):
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    at_once = Retry(NoBackoff(), 0)  # it gives up; by default it tries for seconds
    lost = RedisSessions(redis.Redis(port=1, retry=at_once))
    live = RealtimeRecommender(by_id, sessions=lost)
    for item in by_id.catalog.ids[:3]:
        live.observe("ann", item)
    assert live.recommend("ann")[0].reason == "interest"
    assert len(lost) == 0
    assert "doesn't answer" in caplog.text
    with pytest.raises(ConnectionError, match="doesn't answer"):
        live.forget("ann")
    lost.client.close()


def test_wrong_settings():
    with pytest.raises(ValueError, match="ttl of 1 second or more; got 0"):
        RedisSessions(None, ttl=0)
    with pytest.raises(ConnectionError, match="no Redis server answers"):
        RedisSessions.from_url("redis://127.0.0.1:1/0")
