from mmrec.data import EventReader, EventRules
from mmrec.realtime.log.event_types import types_of

READER = EventReader(EventRules(negative=("watched < 0.3",)), ("look", "view", "view:negative"))


def test_each_event_has_its_own_type_or_error():
    events = [
        ("view", {"watched": 0.1}),
        ("view", {"seen": 1}),
        ("view", {}),
        ("view", {"watched": "much"}),
        ("", {"watched": 0.1}),
        ("v" * 250, {"watched": 0.1}),
        ("v" * 250, {"watched": 0.9}),
    ]
    found = types_of(events, READER)
    assert [found[n] for n in (0, 2, 6)] == ["view:negative", "view", "v" * 250]
    refused = {n: str(kind) for n, kind in enumerate(found) if isinstance(kind, ValueError)}
    assert list(refused) == [1, 3, 4, 5]
    assert "got ['seen']" in refused[1]
    assert "'much'" in refused[3]
    assert "must have a type" in refused[4]
    assert "at most 247 characters" in refused[5]
