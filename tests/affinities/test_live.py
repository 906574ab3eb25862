import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.affinities import (
    COUNTED,
    CoOccurrence,
    EaseWeights,
    Popularity,
    Returns,
    Successors,
    Unseen,
    counted_from,
)
from mmrec.affinities.live import ROOM, NewNeighbours
from mmrec.affinities.neighbours import KEPT
from mmrec.data import Catalog, Histories, Interactions, to_sequences

SIZE = 9
EVENTS = st.lists(st.tuples(st.integers(0, 3), st.integers(1, SIZE)), min_size=1, max_size=40)
ASKED = ([1, 2], [3], [4, 5, 6], [SIZE, 1], [2, 2, 7], [])


def sequences(events):
    """Events (user, item) in their order."""
    rows = {
        "user_id": [f"u{user}" for user, _ in events],
        "item_id": [f"i{item}" for _, item in events],
        "timestamp": list(range(1, len(events) + 1)),
    }
    return to_sequences(
        Interactions(rows), Catalog({"item_id": [f"i{n + 1}" for n in range(SIZE)]})
    )


def counted(live, events, start, end):
    """Count the events from one place to another, after those before them."""
    past = {}
    for place, (user, item) in enumerate(events[:end]):
        last = past.setdefault(user, [])
        if place >= start:
            live.add(item, last[-20:], float(place + 1))
        last.append(item)


def rows(live):
    """The term for each history of ``ASKED``."""
    return torch.tensor(np.stack([live.bonus([(item, 0) for item in items]) for items in ASKED]))


@settings(max_examples=60, deadline=None)
@given(
    EVENTS,
    st.floats(0, 1),
    st.sampled_from([CoOccurrence, Successors, Returns, Popularity, Unseen]),
)
def test_counts_of_a_part_and_the_rest_are_those_of_all(events, share, kind):
    cut = max(1, int(share * len(events)))
    live = kind.of(sequences(events[:cut]), SIZE).live()
    counted(live, events, cut, len(events))
    whole = kind.of(sequences(events), SIZE)
    asked = Histories.of_items(ASKED)
    expected = whole.bonus(asked, SIZE)
    assert torch.allclose(rows(live), expected, atol=1e-6)
    kept = live.counted
    assert torch.allclose(kept.bonus(asked, SIZE), expected, atol=1e-6)
    assert kept.until == whole.until
    again = counted_from(kept.to_dict(), kept.tensors())
    assert torch.equal(again.bonus(asked, SIZE), kept.bonus(asked, SIZE))


@pytest.mark.parametrize("kind", COUNTED.values())
def test_without_new_events_nothing_changes(kind):
    made = kind.of(sequences([(0, 1), (0, 2), (1, 1), (1, 3)]), SIZE).weighted(0.7)
    live = made.live()
    asked = Histories.of_items(ASKED)
    assert torch.allclose(rows(live), made.bonus(asked, SIZE), atol=1e-7)
    for name, value in live.counted.tensors().items():
        assert torch.equal(value, made.tensors()[name])


@pytest.mark.parametrize("kind", COUNTED.values())
def test_the_counts_of_the_training_stay_as_they_are(kind):
    made = kind.of(sequences([(0, 1), (0, 2)]), SIZE)
    before = {name: value.clone() for name, value in made.tensors().items()}
    live = made.live()
    live.add(3, [1, 2], 9.0)
    _ = live.counted, rows(live)
    for name, value in made.tensors().items():
        assert torch.equal(value, before[name])


def test_weights_of_ease_stay_as_they_are():
    made = EaseWeights.of(sequences([(0, 1), (0, 2), (1, 1), (1, 3)]), SIZE)
    live = made.live()
    expected = rows(live)
    live.add(3, [1, 2], 9.0)
    assert torch.equal(rows(live), expected)
    assert live.counted.until == 9.0


@pytest.mark.parametrize("kind", [CoOccurrence, Successors])
def test_new_items_have_neighbours(kind):
    live = kind.of(sequences([(0, 1), (0, 2)]), SIZE).live()
    live.add_items(2)
    for _ in range(30):
        live.add(SIZE + 2, [SIZE + 1], 9.0)
    kept = live.counted.bonus(Histories.of_items([[SIZE + 1]]), SIZE + 2)[0]
    for found in (torch.from_numpy(live.bonus([(SIZE + 1, 0)])), kept):
        assert int(found.argmax()) == SIZE + 2


def test_a_new_item_may_be_met_again():
    live = Returns.of(sequences([(0, 1), (0, 2)]), SIZE).live()
    live.add_items(2)
    kept = live.counted.bonus(Histories.of_items([[1, SIZE + 1]]), SIZE + 2)[0]
    for found in (torch.from_numpy(live.bonus([(1, 0), (SIZE + 1, 0)])), kept):
        assert found.nonzero().flatten().tolist() == [1, SIZE + 1]
        assert found[SIZE + 1] == 1


def test_items_of_negative_events_are_passed_over():
    live = CoOccurrence.of(sequences([(0, 1), (0, 2), (1, 3), (1, 4)]), SIZE, (2,)).live()
    found = live.bonus([(1, 1), (3, 2)])
    assert found.tolist() == [0, 0, 1, 0, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("again", [False, True])
def test_an_item_that_is_taken_again_counts_no_user_again(again):
    live = CoOccurrence.of(sequences([(0, 1), (0, 2)]), SIZE).live()
    before = live.counted
    live.add(1, [2] if again else [1, 2], 9.0, again=again)
    assert torch.equal(live.counted.totals, before.totals)
    assert torch.equal(live.counted.counts, before.counts)


def test_new_neighbours_of_an_item_have_a_limit():
    size = 3 * ROOM
    nothing = Successors(
        torch.zeros(size + 1, 1, dtype=torch.long),
        torch.zeros(size + 1, 1),
        torch.zeros(size + 1),
        0.0,
    )
    live = nothing.live()
    for _ in range(3):
        live.add(2, [1], 1.0)
    for other in range(3, size):
        live.add(other, [1], 1.0)
    found = live.bonus([(1, 0)])
    assert int(found.argmax()) == 2
    assert KEPT <= int((found > 0).sum()) <= ROOM
    assert live.counted.items.shape[1] == KEPT


@given(st.lists(st.integers(1, 30), max_size=200))
def test_new_neighbours_are_counted_as_by_a_loop(others):
    row = NewNeighbours()
    for other in others:
        row.meet(other)
    found = dict(zip(row.near[: len(row)].tolist(), row.counts.tolist(), strict=False))
    assert found == {other: others.count(other) for other in others}
    assert not row.near[len(row) :].any()
    assert not row.counts[len(row) :].any()
    assert len(row) == len(np.unique(others))
