import itertools
import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.affinities import LAST, CoOccurrence, EaseWeights, Returns, Successors, counted_from
from mmrec.affinities.kinds import PRIOR, SHRINK
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
    events = [item for items in log for item in items]
    pairs = [p for items in log for p in itertools.pairwise(items)]
    share = (events.count(j) + 1) / (len(events) + ITEMS)
    return math.log(1 + pairs.count((i, j)) / (PRIOR * share)) if i != j else 0.0


@settings(max_examples=40, deadline=None)
@given(log=LOGS, history=st.lists(st.integers(1, ITEMS), max_size=5))
def test_scores_are_those_of_a_loop(log, history):
    for made, of, decay, relative in (
        (CoOccurrence, in_common, 0.9, True),
        (Successors, successors, 0.0, False),
        (Returns, lambda log, i, j: float(i == j), 0.8, True),
    ):
        expected = torch.zeros(ITEMS + 1)
        for age, i in enumerate(reversed(history)):
            for j in range(1, ITEMS + 1):
                expected[j] += decay**age * of(log, i, j)
        if relative:
            expected /= max(float(expected.max()), 1e-12)
        found = made.of(sequences(log), ITEMS).bonus(Histories.of_items([history]), ITEMS)
        torch.testing.assert_close(found[0], expected, atol=1e-5, rtol=1e-5)


@settings(max_examples=20, deadline=None)
@given(log=LOGS, history=st.lists(st.integers(1, ITEMS), min_size=1, max_size=5))
def test_weights_are_those_of_ease(log, history):
    histories = Histories.of_items([history])
    expected = EASE().fit(sequences(log), ITEMS).scores(histories)
    expected = expected / expected.amax(1, keepdim=True).clamp(min=1e-12)
    expected[:, 0] = 0
    found = EaseWeights.of(sequences(log), ITEMS).bonus(histories, ITEMS)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_items_without_counts_have_none():
    near = CoOccurrence.of(sequences([[1, 2], [1, 2]]), ITEMS)
    found = near.bonus(Histories.of_items([[9, 1]]), 9)  # items 7 to 9 came later
    assert found.shape == (1, 10)
    assert found[0].tolist() == [0, 0, 1, 0, 0, 0, 0, 0, 0, 0]


def test_items_of_negative_events_are_passed_over():
    near = CoOccurrence.of(sequences([[1, 2], [3, 4]]), ITEMS, negative_types=(2,))
    histories = Histories.of_items([[1, 3]])
    histories = replace(histories, event_type=torch.tensor([[1, 2]]))
    assert near.bonus(histories, ITEMS)[0].tolist() == [0, 0, 1, 0, 0, 0, 0]


def test_the_last_items_alone_are_read():
    near = CoOccurrence.of(sequences([[1, 2]]), ITEMS)
    assert not near.bonus(Histories.of_items([[1, *[6] * LAST]]), ITEMS).any()
    assert near.bonus(Histories.of_items([[1, *[6] * (LAST - 1)]]), ITEMS).any()


@pytest.mark.parametrize("kind", [CoOccurrence, Successors, EaseWeights, Returns])
def test_what_is_written_is_read(kind):
    near = kind.of(sequences([[1, 2, 3], [1, 3]]), ITEMS, (4,)).weighted(2.5)
    again = counted_from(near.to_dict(), near.tensors())
    assert type(again) is kind
    histories = Histories.of_items([[1]])
    assert torch.equal(near.bonus(histories, ITEMS), again.bonus(histories, ITEMS))
    assert again.to_dict() == near.to_dict()
