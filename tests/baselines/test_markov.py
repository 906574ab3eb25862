from collections import Counter, defaultdict
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.baselines import Markov
from mmrec.data import Catalog, Histories, Interactions, to_sequences

V = 6
CATALOG = Catalog({"item_id": range(1, V + 1)})


def log_of(histories):
    rows = [(u, i, t) for u, items in enumerate(histories) for t, i in enumerate(items)]
    users, items, times = zip(*rows, strict=True)
    return Interactions({"user_id": users, "item_id": items, "position": times})


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.lists(st.integers(1, V), min_size=1, max_size=8), min_size=1, max_size=8),
    st.lists(st.lists(st.integers(1, V), max_size=4), min_size=1, max_size=4),
)
def test_scores_are_transitions_then_popularity(histories, queries):
    following: dict[int, Counter] = defaultdict(Counter)
    for items in histories:
        for before, after in pairwise(items):
            following[before][after] += 1
    popularity = Counter(item for items in histories for item in items)
    most = max(popularity.values())
    markov = Markov().fit(to_sequences(log_of(histories), CATALOG), V)
    scores = markov.scores(Histories.of_items(queries))
    for query, row in zip(queries, scores.tolist(), strict=True):
        count = following[query[-1]] if query else Counter()
        expected = [count[item] + popularity[item] / (most + 1) for item in range(V + 1)]
        assert row == pytest.approx(expected, abs=1e-5)


def test_more_transitions_always_beat_popularity():
    events = to_sequences(log_of([[1, 2], *[[3]] * 50]), CATALOG)
    scores = Markov().fit(events, V).scores(Histories.of_items([[1], [4, 1], [2]]))
    assert scores.argmax(1).tolist() == [2, 2, 3]


def test_one_users_last_item_does_not_lead_to_the_next_users_first():
    events = to_sequences(log_of([[1, 2], [3, 4]]), CATALOG)
    scores = Markov().fit(events, V).scores(Histories.of_items([[2]]))
    assert (scores < 1).all()


def test_padding_does_not_matter():
    events = to_sequences(log_of([[1, 2], [2, 3], [3, 1]]), CATALOG)
    markov = Markov().fit(events, V)
    alone = markov.scores(Histories.of_items([[1, 2]]))
    padded = markov.scores(Histories.of_items([[1, 2], [1, 1, 1, 1, 1]]))
    assert torch.equal(alone[0], padded[0])
