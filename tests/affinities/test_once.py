import pytest
import torch

from mmrec.affinities import COUNTED, continued, counted_in, counting_once, once
from mmrec.data import Catalog, Interactions, to_sequences


def sequences(items="abcab", users="uuuvv", start=0):
    times = range(start, start + len(items))
    log = Interactions({"user_id": [*users], "item_id": [*items], "timestamp": times})
    return to_sequences(log, Catalog({"item_id": [*"abc"]}))


@pytest.mark.parametrize("kind", COUNTED)
def test_the_same_events_are_counted_once(kind):
    expected = COUNTED[kind].of(sequences(), 3)
    with counting_once():
        first = counted_in(kind, sequences(), 3)
        assert counted_in(kind, sequences(), 3) is first
        for other in (sequences("abcba"), sequences(users="uuvvv"), sequences(start=9)):
            assert counted_in(kind, other, 3) is not first
        assert counted_in(kind, sequences(), 3, (1,)) is not first
    assert counted_in(kind, sequences(), 3) is not first
    for name, value in expected.tensors().items():
        assert torch.equal(first.tensors()[name], value)


@pytest.mark.parametrize("kind", COUNTED)
def test_earlier_counts_go_on(kind):
    before = COUNTED[kind].of(sequences(), 3).weighted(4.0)
    expected = continued(before, sequences("bca", "www", 9), 3)
    with counting_once():
        made = counted_in(kind, sequences("bca", "www", 9), 3, before=before)
        # The counts before an update carry those before it as a copy.
        assert counted_in(kind, sequences("bca", "www", 9), 3, before=made.before) is made
        assert counted_in(kind, sequences("bca", "www", 9), 3) is not made
    assert made.weight == 1
    for name, value in expected.tensors().items():
        assert torch.equal(made.tensors()[name], value)


def test_what_is_remembered_has_a_limit(monkeypatch):
    monkeypatch.setattr(once, "ROOM", 20)  # a table of four numbers takes 16 bytes
    with counting_once():
        first = counted_in("unseen", sequences(), 3)
        assert counted_in("unseen", sequences(), 3) is first
        counted_in("unseen", sequences("abcba"), 3)
        assert counted_in("unseen", sequences(), 3) is not first
