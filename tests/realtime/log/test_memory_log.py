import pytest

from mmrec.realtime.log.events import EventLog, NewEvent
from mmrec.realtime.log.memory_log import MemoryLog
from mmrec.realtime.log.sqlite_log import SqliteLog


@pytest.fixture(params=["memory", "sqlite"])
def log(request, tmp_path):
    log = MemoryLog() if request.param == "memory" else SqliteLog(tmp_path / "events.db")
    yield log
    log.close()


def fill(log):
    return [log.append(user, item, time=1.0) for user, item in zip("aabab", "vwxyz", strict=True)]


def test_both_logs_read_alike(log):
    assert isinstance(log, EventLog)
    assert fill(log) == [1, 2, 3, 4, 5]
    assert [event.offset for event in log.read(after=2)] == [3, 4, 5]
    assert [event.offset for event in log.read(limit=2)] == [1, 2]
    assert [event.item for event in log.of_user("a")] == ["v", "w", "y"]
    assert [event.item for event in log.of_user("a", after=1)] == ["w", "y"]
    assert [event.item for event in log.of_user("a", last=1)] == ["y"]
    assert log.of_user("a", last=0) == log.of_user("nobody") == []
    assert sorted(log.items_of("b")) == ["x", "z"]
    assert log.last_offset == 5


def test_what_came_before_an_event(log):
    fill(log)
    assert [event.item for event in log.before(4)] == ["v", "w"]
    assert [event.item for event in log.before(4, last=1)] == ["w"]
    assert log.before(1) == log.before(99) == []


def test_keys_stand_for_users_until_they_are_forgotten(log):
    fill(log)
    key = log.key_at(1)
    assert key == log.key_at(4) != log.key_at(3)
    assert log.known_keys([key, log.key_at(3), 5]) == {key, log.key_at(3)}
    assert log.forget("a") == 3
    assert log.key_at(1) == 0
    assert log.known_keys([key]) == set()
    assert [event.offset for event in log.read()] == [3, 5]
    assert log.append("a", "v", time=1.0) == 6
    assert log.key_at(6) != key


def test_an_id_is_one_event(log):
    assert log.append("a", "v", id="e", time=1.0) == log.append("a", "v", id="e") == 1
    with pytest.raises(ValueError, match="id"):
        log.append("a", "w", id="e")
    with pytest.raises(ValueError, match="id"):
        log.append_many([NewEvent("a", "w"), NewEvent("a", "x", id="e")])
    assert log.last_offset == 1
    assert log.name_of("a") == "a"
    with pytest.raises(ValueError, match="1 to 256"):
        log.name_of("")


def test_looking_back_does_not_bring_a_forgotten_user_back():
    log = MemoryLog()
    offset = log.append("ann", "lamp")
    key = log.key_at(offset)
    log.forget("ann")
    assert log.before(offset) == []
    assert log.key_at(offset) == 0
    assert log.known_keys([key]) == set()
    assert log.items_of("ann") == []
