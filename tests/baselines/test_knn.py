from math import sqrt

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.baselines import ItemKNN, pairs
from mmrec.baselines.decayed import with_decay
from mmrec.data import Catalog, Histories, Interactions, to_sequences

V = 6
HISTORIES = st.lists(st.lists(st.integers(1, V), min_size=1, max_size=8), min_size=1, max_size=8)


def sequences_of(histories):
    rows = [(u, i, t) for u, items in enumerate(histories) for t, i in enumerate(items)]
    users, items, times = zip(*rows, strict=True)
    log = Interactions({"user_id": users, "item_id": items, "position": times})
    return to_sequences(log, Catalog({"item_id": range(1, V + 1)}))


def similarities(histories, shrink):
    visitors = {i: {u for u, items in enumerate(histories) if i in items} for i in range(V + 1)}
    return {
        (i, j): len(visitors[i] & visitors[j])
        / (sqrt(len(visitors[i]) * len(visitors[j])) + shrink)
        for i in range(1, V + 1)
        for j in range(V + 1)
        if i != j and visitors[i] & visitors[j]
    }


@settings(max_examples=100, deadline=None)
@given(
    HISTORIES,
    st.lists(st.lists(st.integers(1, V), max_size=4), min_size=1, max_size=4),
    st.sampled_from([0.5, 10.0]),
    st.sampled_from([0.5, 1.0]),
)
def test_scores_are_cosines_over_a_dictionary(histories, queries, shrink, decay):
    model = ItemKNN(shrink=shrink, decay=decay).fit(sequences_of(histories), V)
    scores = model.scores(Histories.of_items(queries))
    similar = similarities(histories, shrink)
    for query, row in zip(queries, scores.tolist(), strict=True):
        for other in range(V + 1):
            expected = sum(
                decay**age * similar.get((item, other), 0.0) for age, item in enumerate(query[::-1])
            )
            assert row[other] == pytest.approx(expected, abs=1e-5)


@settings(max_examples=50, deadline=None)
@given(HISTORIES, st.integers(1, 3))
def test_only_the_nearest_neighbours_count(histories, neighbours):
    model = ItemKNN(neighbours=neighbours, shrink=1.0).fit(sequences_of(histories), V)
    scores = model.scores(Histories.of_items([[item] for item in range(1, V + 1)]))
    similar = similarities(histories, 1.0)
    for item in range(1, V + 1):
        nearest = sorted((s for (i, _), s in similar.items() if i == item), reverse=True)
        found = sorted((s for s in scores[item - 1].tolist() if s > 0), reverse=True)
        assert found == pytest.approx(nearest[:neighbours], abs=1e-5)


def test_an_item_is_no_neighbour_of_itself():
    scores = ItemKNN().fit(sequences_of([[1, 2], [1, 2]]), V).scores(Histories.of_items([[1]]))
    assert scores[0].nonzero().flatten().tolist() == [2]


def test_chunks_do_not_matter(monkeypatch):
    events = sequences_of([[1, 2, 3], [2, 3, 4], [4, 5, 6, 1]])
    queries = Histories.of_items([[1, 2], [6]])
    whole = ItemKNN(shrink=0.5).fit(events, V).scores(queries)
    for most in (1, 2 * V, 20):
        monkeypatch.setattr(pairs, "MAX_CELLS", most)
        assert torch.equal(ItemKNN(shrink=0.5).fit(events, V).scores(queries), whole)


def test_wrong_numbers_are_refused():
    with pytest.raises(ValueError, match="decay must be above 0 and at most 1; got 0"):
        ItemKNN(decay=0.0)
    with pytest.raises(ValueError, match="neighbours must be 1 or more; got 0"):
        ItemKNN(neighbours=0)


def test_another_decay_needs_no_fit():
    events = sequences_of([[1, 2, 3], [2, 3, 4], [4, 5, 6, 1]])
    queries = Histories.of_items([[1, 2], [6]])
    fitted = ItemKNN(decay=0.5).fit(events, V)
    again = with_decay(ItemKNN().fit(events, V), 0.5)
    assert torch.equal(again.scores(queries), fitted.scores(queries))
