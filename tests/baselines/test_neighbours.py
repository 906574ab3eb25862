from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.baselines.neighbours import NeighbourTable, count_pairs

V = 5
ITEM = st.integers(1, V)


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(st.tuples(ITEM, ITEM), st.floats(-2, 2, width=32), max_size=12),
    st.lists(
        st.lists(st.tuples(st.integers(0, V), st.floats(0, 2, width=32)), min_size=3, max_size=3),
        min_size=1,
        max_size=4,
    ),
)
def test_scores_are_sums_over_a_dictionary(weights, queries):
    rows, columns = (np.array([pair[i] for pair in weights], dtype=np.int64) for i in (0, 1))
    table = NeighbourTable(rows, columns, np.array(list(weights.values()), dtype=np.float64), V)
    items = torch.tensor([[item for item, _ in query] for query in queries])
    amounts = torch.tensor([[amount for _, amount in query] for query in queries])
    scores = table.scores(items, amounts)
    assert scores.shape == (len(queries), V + 1)
    for query, row in zip(queries, scores.tolist(), strict=True):
        for other in range(V + 1):
            expected = sum(a * weights.get((item, other), 0.0) for item, a in query if item)
            assert row[other] == pytest.approx(expected, abs=1e-4)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(ITEM, ITEM), min_size=1, max_size=30))
def test_count_pairs(pairs):
    rows, columns = (np.array([pair[i] for pair in pairs]) for i in (0, 1))
    scores = count_pairs(rows, columns, V).scores(
        torch.arange(V + 1)[:, None], torch.ones(V + 1, 1)
    )
    counts = Counter(pairs)
    for row in range(V + 1):
        assert scores[row].tolist() == [float(counts[row, column]) for column in range(V + 1)]


def test_an_empty_table_scores_zero():
    none = np.empty(0, dtype=np.int64)
    scores = count_pairs(none, none, V).scores(torch.tensor([[1], [0]]), torch.ones(2, 1))
    assert scores.eq(0).all()
