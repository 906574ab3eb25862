from types import SimpleNamespace

import pytest

from mmrec.data import EventReader, EventRules
from mmrec.realtime import MemoryLog, followed_log
from mmrec.realtime.followed_log import FollowedLog


class Served:
    """What a followed log reads of a snapshot: the items, and the roles of events."""

    def __init__(self, items):
        self.catalog = SimpleNamespace(
            find=lambda item: items.index(item) + 1 if item in items else 0
        )
        self.updater = SimpleNamespace(reader=EventReader(EventRules(negative=("hide",))))


@pytest.fixture
def followed(unchecked):
    counted = []
    log = MemoryLog()
    return log, counted, FollowedLog(log, 2, lambda event, item: counted.append((event.user, item)))


def test_each_event_that_counts_is_handed_over_once(followed):
    log, counted, one = followed
    log.append("ann", "a", time=1.0)
    log.append("ann", "b", event_type="hide", time=2.0)
    one.follow(Served("ab"), 2)
    log.append("bob", "b", time=1.0)
    one.follow(Served("ab"), 2)
    one.follow(Served("ab"), 2)
    assert counted == [("ann", 1), ("bob", 2)]


def test_an_event_waits_for_its_item(followed):
    log, counted, one = followed
    log.append("ann", "c", time=1.0)
    log.append("ann", "a", time=2.0)
    one.follow(Served("ab"), 2)
    assert counted == [("ann", 1)]
    one.follow(Served("abc"), 2)  # the counts don't know it yet
    assert counted == [("ann", 1)]
    one.follow(Served("abc"), 3)
    one.follow(Served("abc"), 3)
    assert counted == [("ann", 1), ("ann", 3)]


def test_few_events_wait(unchecked, monkeypatch):
    monkeypatch.setattr(followed_log, "WAITING", 2)
    counted, log = [], MemoryLog()
    one = FollowedLog(log, 1, lambda event, item: counted.append(event.offset))
    for time in range(4):
        log.append("ann", "b", time=float(time))
    one.follow(Served("a"), 1)
    one.follow(Served("ab"), 2)
    assert counted == [3, 4]  # the older ones are not counted
