from types import SimpleNamespace

import pytest

from mmrec.data import EventReader, EventRules
from mmrec.realtime import MemoryLog, followed_log
from mmrec.realtime.followed_log import FollowedLog


class Served:
    """What a followed log reads of a snapshot: the items, and the roles of events."""

    def __init__(self, items, types=("like", "share"), **rules):
        self.catalog = SimpleNamespace(
            find=lambda item: items.index(item) + 1 if item in items else 0
        )
        reader = EventReader(EventRules(negative=("hide",), **rules), types)
        self.updater = SimpleNamespace(reader=reader)


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
        log.append(f"u{time}", "b", time=float(time))
    one.follow(Served("a"), 1)
    one.follow(Served("ab"), 2)
    assert counted == [3, 4]  # the older ones are not counted


LIKES = [  # type and item of the events of one user, and whether they count
    ("like", "a", True),
    ("like", "a", False),
    ("impression", "b", False),
    ("like", "a", False),  # what was shown is no event of the user
    ("share", "a", True),
    ("like", "a", True),
    ("hide", "a", False),
    ("like", "a", True),  # a negative event is one
    ("like", "c", True),  # an item that this process does not know yet
    ("like", "c", False),
    ("like", "a", True),
]


@pytest.mark.parametrize("at_once", [True, False])
def test_an_event_as_the_one_before_counts_once(followed, at_once):
    log, counted, one = followed
    for kind, item, _ in LIKES:
        log.append("ann", item, event_type=kind, time=1.0)
        log.append("bob", "b", event_type="like", time=1.0)
        if not at_once:
            one.follow(Served("ab"), 2)
    one.follow(Served("ab"), 2)
    one.follow(Served("abc"), 3)
    number = {"a": 1, "c": 3}
    expected = [number[item] for _, item, counts in LIKES if counts]
    assert sorted(item for user, item in counted if user == "ann") == sorted(expected)
    assert counted.count(("bob", 2)) == 1


@pytest.mark.parametrize("change", ["merge", "forget"])
def test_the_first_event_after_a_change_of_another_process_is_no_repeat(followed, change):
    log, counted, one = followed
    log.append("visitor", "a", time=1.0)
    one.follow(Served("ab"), 2)
    if change == "merge":
        log.merge_users("visitor", "ann")
    else:
        log.forget("visitor")
    for time in (2.0, 3.0):  # the last one is a repeat
        log.append("visitor", "a", time=time)
        one.follow(Served("ab"), 2)
    assert counted == [("visitor", 1)] * 2


def test_all_types_are_one_where_the_training_had_none(followed):
    log, counted, one = followed
    for kind in ("view", "cart", "purchase", "hide", "view"):
        log.append("ann", "a", event_type=kind, time=1.0)
    one.follow(Served("ab", types=()), 2)
    assert counted == [("ann", 1)]


def test_repeats_count_if_the_rules_keep_them(followed):
    log, counted, one = followed
    for time in range(3):
        log.append("ann", "a", time=float(time))
    one.follow(Served("ab", drop_repeats=False), 2)
    assert counted == [("ann", 1)] * 3


def test_one_item_may_be_written_in_two_ways(followed):
    log, counted, one = followed
    now = Served("ab")
    now.catalog.find = lambda item: {7: 1, "7": 1, 8: 2}.get(item, 0)
    for item in (7, "7", 8, 7, "9", "9", "07"):  # the last ones are unknown
        log.append("ann", item, time=1.0)
    one.follow(now, 2)
    assert [item for _, item in counted] == [1, 2, 1]


def test_a_user_who_is_not_remembered_has_no_event_before(followed, monkeypatch):
    monkeypatch.setattr(followed_log, "USERS", 2)
    log, counted, one = followed
    for user in ("ann", "bob", "ann", "cat", "ann", "bob"):
        log.append(user, "a", time=1.0)
    one.follow(Served("ab"), 2)
    assert [user for user, _ in counted] == ["ann", "bob", "cat", "bob"]
    one.forget("bob")
    for user in ("ann", "bob"):
        log.append(user, "a", time=1.0)
    one.follow(Served("ab"), 2)
    assert [user for user, _ in counted][4:] == ["bob"]
