import logging

from mmrec.data import EventReader, EventRules

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
        "counts as of unknown type; the RUN knows ['cart', 'view', 'watch:negative']"
    )
    assert caplog.messages == [said]
    assert "3 events have types" in str(reader.warn_of_unknown(["crat", "x", "y", "view"]))
    assert len(caplog.messages) == 2
