import pytest

from mmrec.realtime.log.events import EventLog, NewEvent
from mmrec.realtime.log.memory_log import MemoryLog
from mmrec.realtime.log.sqlite_log import SqliteLog


@pytest.fixture(params=["memory", "sqlite", "keyed"])
def log(request, tmp_path):
    key = b"sixteen bytes at least" if request.param == "keyed" else None
    path = tmp_path / "events.db"
    log = MemoryLog() if request.param == "memory" else SqliteLog(path, user_key=key)
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


def test_merged_users_are_one(log):
    fill(log)
    keys = [log.key_of(user) for user in "ab"]
    assert keys == [log.key_at(1), log.key_at(3)]
    assert log.merge_users("b", "a") == 2
    assert [event.offset for event in log.of_user("a")] == [1, 2, 3, 4, 5]
    assert {event.user for event in log.read()} == {log.name_of("a")}
    assert (log.of_user("b"), log.items_of("b"), log.key_of("b")) == ([], [], 0)
    assert [event.item for event in log.before(5)] == ["v", "w", "x", "y"]
    assert log.key_at(1) == log.key_at(3) == log.key_of("a") not in keys
    assert log.known_keys([*keys, log.key_of("a")]) == {log.key_of("a")}
    assert log.merge_users("b", "a") == 0  # there are no new events
    assert log.append("b", "v", time=2.0) == 6  # a new user
    assert [event.item for event in log.of_user("b")] == ["v"]
    assert log.merge_users("b", "a") == 1  # the events since then
    assert log.append("new", "v", time=3.0) == 7
    assert log.merge_users("a", "new") == 6
    assert log.forget("new") == 7
    assert [log.was_forgotten(user) for user in ("a", "b", "new")] == [True] * 3
    assert log.import_many([NewEvent(user, "v") for user in ("a", "b", "new")]).offsets == [0] * 3


def test_who_was_merged_into_a_user_is_merged_into_no_other(log):
    log.append("visitor", "v", time=1.0, id="e")
    log.merge_users("visitor", "ann")
    log.append("visitor", "w", time=2.0)
    log.append("guest", "x", time=0.5)
    log.merge_users("guest", "visitor")  # the visitor's first event stays that of ann
    said = "visitor was merged into another user; give a visitor who logs out a new id"
    with pytest.raises(ValueError, match=f"^{said}$"):
        log.merge_users("visitor", "bob")
    assert [event.item for event in log.of_user("visitor")] == ["w", "x"]
    assert log.import_many([NewEvent("visitor", "v", time=1.0, id="e")]).offsets == [1]
    assert log.merge_users("visitor", "ann") == 2
    log.merge_users("ann", "eve")
    for target in ("ann", "bob"):
        with pytest.raises(ValueError, match="merged into another user"):
            log.merge_users("visitor", target)
    assert log.forget("eve") == 3
    log.append("visitor", "y", time=3.0)
    assert log.merge_users("visitor", "bob") == 1  # nothing is left of what was before
    assert log.import_many([NewEvent("visitor", "v", time=1.0, id="e")]).offsets == [0]
    assert [event.item for event in log.of_user("bob")] == ["y"]


def test_who_is_merged_back_may_be_merged_again(log):
    log.append("visitor", "v", time=1.0)
    log.merge_users("visitor", "ann")
    log.append("visitor", "w", time=2.0)
    assert log.merge_users("ann", "visitor") == 1
    assert log.merge_users("visitor", "bob") == 2
    log.import_many([NewEvent("visitor", "x", time=2.0), NewEvent("ann", "y", time=1.0)])
    assert [event.item for event in log.of_user("bob")] == [*"vwxy"]


def test_forgotten_events_are_not_imported_after_a_merge(log):
    log.append("visitor", "v", time=1.0)
    log.forget("visitor")
    log.append("visitor", "w", time=2.0)
    log.merge_users("visitor", "ann")
    old = [NewEvent("visitor", "v", time=1.0), NewEvent("guest", "x", time=1.0)]
    assert log.import_many(old).offsets == [0, 3]
    assert [event.item for event in log.of_user("ann")] == ["w"]


def test_who_is_forgotten_after_a_merge_is_imported_no_more(log):
    log.append("visitor", "v", time=1.0)
    log.append("visitor", "w", time=2.0)
    log.merge_users("visitor", "ann")
    assert log.forget("visitor") == 0
    assert log.was_forgotten("visitor")
    assert not log.was_forgotten("ann")
    assert log.import_many([NewEvent("visitor", "x", time=1.0)]).offsets == [0]
    assert [event.item for event in log.of_user("ann")] == ["v", "w"]
    assert log.of_user("visitor", merged=True) == []


def test_users_that_cannot_be_merged(log):
    fill(log)
    for source, target, said in (
        ("a", "a", "target: expected another user than the source; got the same"),
        ("", "a", "source: expected a text of 1 to 256 characters; got 0 characters"),
        ("a", "u" * 257, "target: expected a text of 1 to 256 characters; got 257 characters"),
    ):
        with pytest.raises(ValueError, match=said):
            log.merge_users(source, target)
    assert [event.user for event in log.read()] == [log.name_of(user) for user in "aabab"]


def test_an_event_that_is_sent_again_after_a_merge_is_known(log):
    assert log.append("visitor", "v", id="e", time=1.0) == 1
    log.merge_users("visitor", "ann")
    assert log.append("visitor", "v", id="e") == log.append("ann", "v", id="e") == 1
    for user, item in (("visitor", "w"), ("bob", "v")):
        with pytest.raises(ValueError, match="id"):
            log.append(user, item, id="e")
    assert log.merge_users("ann", "eve") == 1
    assert log.append("visitor", "v", id="e") == 1
    assert (log.last_offset, log.of_user("visitor")) == (1, [])


def test_imported_events_of_a_merged_user_are_those_of_the_other(log):
    log.append("visitor", "v", time=1.0)
    log.merge_users("visitor", "ann")
    log.append("visitor", "w", time=2.0)
    assert [event.item for event in log.of_user("visitor", merged=True)] == ["v", "w"]
    assert [event.item for event in log.of_user("visitor", merged=True, last=1)] == ["w"]
    log.append("ann", "u", time=3.0)  # none of the visitor's
    assert [event.item for event in log.of_user("visitor", merged=True)] == ["v", "w"]
    times = [0.5, 1.0, 1.5]  # the last one is later than the visitor's last moved event
    log.import_many([NewEvent("visitor", "x", time=time) for time in times])
    assert [event.time for event in log.of_user("ann")] == [1.0, 3.0, 0.5, 1.0]
    assert [event.time for event in log.of_user("visitor")] == [2.0, 1.5]
    log.merge_users("visitor", "ann")
    log.import_many([NewEvent("visitor", "x", time=2.0)])
    assert [event.time for event in log.of_user("ann")] == [1.0, 2.0, 3.0, 0.5, 1.0, 1.5, 2.0]


def test_an_id_is_one_event(log, request):
    assert log.append("a", "v", id="e", time=1.0) == log.append("a", "v", id="e") == 1
    with pytest.raises(ValueError, match="id"):
        log.append("a", "w", id="e")
    with pytest.raises(ValueError, match="id"):
        log.append_many([NewEvent("a", "w"), NewEvent("a", "x", id="e")])
    assert log.last_offset == 1
    assert (log.name_of("a") == "a") is (request.node.callspec.id != "keyed")
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


def test_imported_events_are_marked(log):
    fill(log)
    found = log.import_many([NewEvent("a", "v", time=0.0, id="1"), NewEvent("c", "w", time=1.0)])
    assert found == ([6, 7], range(6, 8))
    assert log.append("a", "x", time=3.0) == 8
    again = log.import_many(
        [NewEvent("a", "v", time=0.0, id="1"), NewEvent("b", "v", time=0.0, id="2")]
    )
    assert again == ([6, 9], range(9, 10))
    assert log.import_many([]) == ([], range(10, 10))
    assert log.imported == [range(6, 8), range(9, 10)]
    log.import_many([NewEvent("b", "w")])
    assert [n for span in log.imported for n in span] == [6, 7, 9, 10]


def test_an_import_is_stored_as_a_whole_or_not_at_all(log):
    fill(log)
    with pytest.raises(ValueError, match="user"):
        log.import_many([NewEvent("c", "w"), NewEvent("", "w")])
    with pytest.raises(ValueError, match="id"):
        log.import_many([NewEvent("c", "w", id="1"), NewEvent("c", "v", id="1")])
    assert (log.last_offset, log.imported) == (5, [])


def test_imports_leave_out_who_was_forgotten(log):
    fill(log)
    log.forget("a")
    found = log.import_many([NewEvent("a", "v"), NewEvent("b", "w"), NewEvent("a", "v")])
    assert found == ([0, 6, 0], range(6, 7))
    assert log.of_user("a") == []
    assert log.append("a", "v") == 7


def test_texts_are_remembered(log):
    assert log.recall("n") is None
    log.remember("n", "one")
    log.remember("n", "two")
    assert log.recall("n") == "two"
