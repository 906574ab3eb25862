import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.affinities import LiveNeighbours, Neighbours
from mmrec.affinities.live import KEPT, ROOM
from mmrec.data import Catalog, Histories, Interactions, to_sequences

SIZE = 9
EVENTS = st.lists(st.tuples(st.integers(0, 3), st.integers(1, SIZE)), min_size=1, max_size=40)


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


@settings(max_examples=60, deadline=None)
@given(EVENTS, st.floats(0, 1), st.sampled_from(["of_users", "of_successors"]))
def test_counts_of_a_part_and_the_rest_are_those_of_all(events, share, kind):
    count = getattr(Neighbours, kind)
    cut = max(1, int(share * len(events)))
    live = LiveNeighbours(count(sequences(events[:cut]), SIZE))
    counted(live, events, cut, len(events))
    whole = count(sequences(events), SIZE)
    asked = Histories.of_items([[1, 2], [3], [4, 5, 6], [SIZE, 1]])
    expected = whole.bonus(asked, SIZE)
    assert torch.allclose(live.bonus(asked, SIZE), expected, atol=1e-6)
    kept = live.neighbours
    assert torch.allclose(kept.bonus(asked, SIZE), expected, atol=1e-6)
    assert kept.until == whole.until
    again = Neighbours.from_dict(kept.to_dict(), kept.tensors())
    assert torch.equal(again.bonus(asked, SIZE), kept.bonus(asked, SIZE))


def test_without_new_events_nothing_changes():
    table = Neighbours.of_users(sequences([(0, 1), (0, 2), (1, 1), (1, 3)]), SIZE).weighted(0.7)
    live = LiveNeighbours(table)
    asked = Histories.of_items([[1, 2], [3]])
    assert torch.equal(live.bonus(asked, SIZE), table.bonus(asked, SIZE))
    assert torch.equal(live.neighbours.items, table.items)


def test_the_table_of_the_training_stays_as_it_is():
    table = Neighbours.of_users(sequences([(0, 1), (0, 2)]), SIZE)
    before = {name: value.clone() for name, value in table.tensors().items()}
    live = LiveNeighbours(table)
    live.add(3, [1, 2], 9.0)
    _ = live.neighbours
    for name, value in table.tensors().items():
        assert torch.equal(value, before[name])


@pytest.mark.parametrize("kind", ["of_users", "of_successors"])
def test_new_items_have_neighbours(kind):
    live = LiveNeighbours(getattr(Neighbours, kind)(sequences([(0, 1), (0, 2)]), SIZE))
    live.add_items(2)
    for _ in range(30):
        live.add(SIZE + 2, [SIZE + 1], 9.0)
    asked = Histories.of_items([[SIZE + 1]])
    for found in (live.bonus(asked, SIZE + 2), live.neighbours.bonus(asked, SIZE + 2)):
        assert int(found[0].argmax()) == SIZE + 2
    assert live.bonus(asked, SIZE).shape == (1, SIZE + 1)  # of a catalogue from before


def test_an_item_that_is_taken_again_counts_no_user_again():
    live = LiveNeighbours(Neighbours.of_users(sequences([(0, 1), (0, 2)]), SIZE))
    before = live.neighbours
    live.add(1, [1, 2], 9.0)
    assert torch.equal(live.neighbours.totals, before.totals)
    assert torch.equal(live.neighbours.counts, before.counts)


def test_new_neighbours_of_an_item_have_a_limit():
    size = 3 * ROOM
    nothing = Neighbours(
        torch.zeros(size + 1, 1, dtype=torch.long),
        torch.zeros(size + 1, 1),
        torch.zeros(size + 1),
        0.0,
        "successors",
    )
    live = LiveNeighbours(nothing)
    for _ in range(3):
        live.add(2, [1], 1.0)
    for other in np.arange(3, size):
        live.add(int(other), [1], 1.0)
    found = live.bonus(Histories.of_items([[1]]), size)[0]
    assert int(found.argmax()) == 2
    assert KEPT <= int((found > 0).sum()) <= ROOM
    assert live.neighbours.items.shape[1] == KEPT
