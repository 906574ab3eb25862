import logging

import pytest

from mmrec.data import EventReader, EventRules, PastEvent

TYPES = ("cart", "view", "watch:negative")


def test_types_that_were_not_in_training_are_counted():
    reader = EventReader(EventRules(negative=("hide", "watched < 0.3")), TYPES)
    types = ["view", "crat", "buy", "hide", "crat", None, "watch:negative", "impression"]
    assert dict(reader.unknown(types)) == {"crat": 2, "buy": 1}
    for trained in ((), ("negative",)):  # on events without types, but for those of conditions
        assert not EventReader(event_types=trained).unknown(types)


def test_a_type_is_warned_of_once(caplog):
    reader = EventReader(event_types=TYPES)
    assert reader.warn_of_unknown(["view"]) is None
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            said = reader.warn_of_unknown(["crat"])
    assert said == (
        "1 event has a type that was not in training, first 'crat' (did you mean 'cart'?), and "
        "counts as of unknown type, so that lists leave its item out; the RUN knows "
        "['cart', 'view', 'watch:negative']"
    )
    assert caplog.messages == [said]
    assert "3 events have types" in str(reader.warn_of_unknown(["crat", "x", "y", "view"]))
    assert len(caplog.messages) == 2


PLAYS = EventReader(
    EventRules(targets=("like", "share > 0.5"), negative=("skip", "share < 0.1")),
    ("like", "play", "play:negative", "play:target", "skip"),
)
KINDS = ("play", "play:target", "play:negative", "like", "skip", None)
"""The types of events on the items 1, 2 and so on."""


@pytest.mark.parametrize(
    ("which", "left_out"),
    [
        (True, [2, 3, 4, 5, 6]),
        (False, [3, 5]),
        ([], [3, 5, 6]),
        (["like"], [3, 4, 5, 6]),
        (["play"], [1, 2, 3, 5, 6]),
        (["play:target"], [2, 3, 5, 6]),
        (["play", "like", "skip"], [1, 2, 3, 4, 5, 6]),
    ],
)
def test_a_type_has_all_its_roles_and_a_no_is_left_out(which, left_out):
    past = [PastEvent(item, kind) for item, kind in enumerate(KINDS, 1)]
    assert PLAYS.seen(iter(past), which).tolist() == left_out


@pytest.mark.parametrize("which", [True, ["purchase"], False])
def test_the_item_of_an_event_of_unknown_type_is_left_out_as_that_of_a_plain_id(which):
    reader = EventReader(EventRules(targets=("purchase",)), ("purchase", "view"))
    plain, wrong = (
        reader.seen([PastEvent(1, kind), PastEvent(2, "view")], which).tolist()
        for kind in (None, "purchas")
    )
    assert plain == wrong == ([1] if which else [])


def test_a_later_target_takes_a_no_back():
    past = [PastEvent(1, "skip"), PastEvent(1, "like"), PastEvent(2, "like"), PastEvent(2, "skip")]
    assert PLAYS.seen(past, False).tolist() == [2]
    assert PLAYS.seen([PastEvent(1, "skip"), PastEvent(1, "play")], False).tolist() == [1]
    assert PLAYS.seen(past, True).tolist() == [1, 2]


def test_roles_are_types_where_events_had_none():
    reader = EventReader(EventRules(negative=("share < 0.1",)), ("negative", "target"))
    past = [PastEvent(1, "play:target"), PastEvent(2, "play:negative"), PastEvent(3, "target")]
    assert reader.seen(past, ["target"]).tolist() == [1, 2, 3]
