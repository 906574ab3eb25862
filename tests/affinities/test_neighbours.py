import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.affinities import Neighbours
from mmrec.affinities.neighbours import LAST, SHRINK
from mmrec.baselines import EASE
from mmrec.data import Catalog, Histories, Interactions, to_sequences

ITEMS = 6
LOGS = st.lists(st.lists(st.integers(1, ITEMS), min_size=1, max_size=8), min_size=1, max_size=6)


def sequences(log):
    rows = [(f"u{u}", item, t) for u, items in enumerate(log) for t, item in enumerate(items)]
    users, items, places = zip(*rows, strict=True)
    table = {"user_id": list(users), "item_id": list(items), "position": list(places)}
    catalog = Catalog({"item_id": list(range(1, ITEMS + 1))})
    return to_sequences(Interactions(table), catalog)


def in_common(log, i, j):
    def users(item):
        return {u for u, items in enumerate(log) if item in items}

    both = len(users(i) & users(j))
    return both / (math.sqrt(len(users(i)) * len(users(j))) + SHRINK) if i != j and both else 0.0


def successors(log, i, j):
    pairs = [p for items in log for p in itertools.pairwise(items)]
    return float(pairs.count((i, j))) if i != j else 0.0


@settings(max_examples=40, deadline=None)
@given(log=LOGS, history=st.lists(st.integers(1, ITEMS), max_size=5))
def test_scores_are_those_of_a_loop(log, history):
    for made, of, decay in (
        (Neighbours.of_users, in_common, 0.9),
        (Neighbours.of_successors, successors, 0.0),
    ):
        expected = torch.zeros(ITEMS + 1)
        for age, i in enumerate(reversed(history)):
            for j in range(1, ITEMS + 1):
                expected[j] += decay**age * of(log, i, j)
        expected /= max(float(expected.max()), 1e-12)
        found = made(sequences(log), ITEMS).bonus(Histories.of_items([history]), ITEMS)
        torch.testing.assert_close(found[0], expected, atol=1e-5, rtol=1e-5)


@settings(max_examples=20, deadline=None)
@given(log=LOGS, history=st.lists(st.integers(1, ITEMS), min_size=1, max_size=5))
def test_weights_are_those_of_ease(log, history):
    histories = Histories.of_items([history])
    expected = EASE().fit(sequences(log), ITEMS).scores(histories)
    expected = expected / expected.amax(1, keepdim=True).clamp(min=1e-12)
    expected[:, 0] = 0
    found = Neighbours.of_weights(sequences(log), ITEMS).bonus(histories, ITEMS)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_items_without_events_have_one():
    near = Neighbours.of_unseen(sequences([[1, 2], [4]]), ITEMS).weighted(2.0)
    found = near.bonus(Histories.of_items([[1], [4]]), ITEMS + 1)  # one item came later
    assert found.tolist() == [[0, 0, 0, 2, 0, 2, 2, 2]] * 2


def test_items_without_counts_have_none():
    near = Neighbours.of_users(sequences([[1, 2], [1, 2]]), ITEMS)
    found = near.bonus(Histories.of_items([[9, 1]]), 9)  # items 7 to 9 came later
    assert found.shape == (1, 10)
    assert found[0].tolist() == [0, 0, 1, 0, 0, 0, 0, 0, 0, 0]


def test_items_of_negative_events_are_passed_over():
    from dataclasses import replace

    near = replace(Neighbours.of_users(sequences([[1, 2], [3, 4]]), ITEMS), negative_types=(2,))
    histories = Histories.of_items([[1, 3]])
    histories = replace(histories, event_type=torch.tensor([[1, 2]]))
    assert near.bonus(histories, ITEMS)[0].tolist() == [0, 0, 1, 0, 0, 0, 0]


def test_the_last_items_alone_are_read():
    near = Neighbours.of_users(sequences([[1, 2]]), ITEMS)
    assert not near.bonus(Histories.of_items([[1, *[6] * LAST]]), ITEMS).any()
    assert near.bonus(Histories.of_items([[1, *[6] * (LAST - 1)]]), ITEMS).any()


MADE = [
    Neighbours.of_users,
    Neighbours.of_successors,
    Neighbours.of_weights,
    Neighbours.of_unseen,
]


@pytest.mark.parametrize("made", MADE)
def test_what_is_written_is_read(made):
    near = made(sequences([[1, 2, 3], [1, 3]]), ITEMS).weighted(2.5)
    again = Neighbours.from_dict(near.to_dict(), near.tensors())
    histories = Histories.of_items([[1]])
    assert torch.equal(near.bonus(histories, ITEMS), again.bonus(histories, ITEMS))
    assert again.to_dict() == near.to_dict()
