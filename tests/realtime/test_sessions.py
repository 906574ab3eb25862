from concurrent.futures import ThreadPoolExecutor

import pytest

from mmrec.realtime.sessions import MemorySessions, Session, SessionStore


def session(offset=1):
    return Session("v", offset, (), ((3, 0),), 0.0, 1, True)


def test_the_longest_unused_makes_room():
    store = MemorySessions(capacity=2)
    store.put("a", session())
    store.put("b", session())
    assert store.get("a") is not None
    store.put("c", session())
    assert store.get("b") is None
    assert store.get("a") is not None
    assert len(store) == 2


def test_put_replaces_and_delete_drops():
    store = MemorySessions()
    store.put("a", session(1))
    store.put("a", session(2))
    assert store.get("a").offset == 2
    store.delete("a")
    store.delete("a")
    assert store.get("a") is None
    assert isinstance(store, SessionStore)


def test_threads():
    store = MemorySessions(capacity=10)

    def work(number):
        for i in range(200):
            store.put(f"{number}-{i % 5}", session(i))
            store.get(f"{number}-{(i + 1) % 5}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert len(store) == 10


def test_capacity():
    with pytest.raises(ValueError, match="capacity of 1 or more; got 0"):
        MemorySessions(0)
