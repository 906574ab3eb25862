import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.baselines import EASE, ease
from mmrec.baselines.decayed import with_decay
from mmrec.data import Catalog, Histories, Interactions, to_sequences

V = 6
HISTORIES = st.lists(st.lists(st.integers(1, V - 1), min_size=1, max_size=5), min_size=1)


def sequences_of(histories):
    rows = [(u, i, t) for u, items in enumerate(histories) for t, i in enumerate(items)]
    users, items, times = zip(*rows, strict=True)
    log = Interactions({"user_id": users, "item_id": items, "position": times})
    return to_sequences(log, Catalog({"item_id": range(1, V + 1)}))


def weights_of(histories, l2):
    """The formula of the paper, over all items."""
    visits = np.zeros((len(histories), V + 1))
    for row, items in enumerate(histories):
        visits[row, items] = 1
    inverse = np.linalg.inv(visits.T @ visits + l2 * np.eye(V + 1))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return weights


@settings(max_examples=60, deadline=None)
@given(
    HISTORIES,
    st.lists(st.lists(st.integers(1, V), max_size=4), min_size=1, max_size=3),
    st.sampled_from([0.5, 10.0]),
    st.sampled_from([0.5, 1.0]),
)
def test_scores_are_those_of_the_paper(histories, queries, l2, decay):
    model = EASE(l2=l2, decay=decay).fit(sequences_of(histories), V)
    scores = model.scores(Histories.of_items(queries))
    weights = weights_of(histories, l2)
    for query, row in zip(queries, scores.numpy(), strict=True):
        expected = np.zeros(V + 1)
        for age, item in enumerate(query[::-1]):
            expected += decay**age * weights[item]
        np.testing.assert_allclose(row, expected, atol=1e-5)


def test_weights_minimize_the_error():
    histories = [[1, 2, 3], [1, 2], [2, 3, 4], [4, 5], [1, 5]]
    visits = torch.zeros(len(histories), V + 1, dtype=torch.float64)
    for row, items in enumerate(histories):
        visits[row, items] = 1
    model = EASE(l2=2.0, decay=1.0).fit(sequences_of(histories), V)
    weights = model.scores(Histories.of_items([[i] for i in range(1, V + 1)])).double()
    weights = torch.cat([torch.zeros(1, V + 1, dtype=torch.float64), weights])
    weights.requires_grad_()
    (((visits - visits @ weights) ** 2).sum() + 2.0 * (weights**2).sum()).backward()
    free = ~torch.eye(V + 1, dtype=torch.bool)
    free[0] = free[:, 0] = False
    assert weights.grad[free].abs().max() < 1e-5


@pytest.mark.parametrize("users", [5, 80])
def test_both_ways_in_float32_are_near(monkeypatch, users):
    draw = np.random.default_rng(1)
    events = sequences_of([draw.choice(np.arange(1, V + 1), 3).tolist() for _ in range(users)])
    queries = Histories.of_items([[1, 2], [6]])
    exact = EASE(l2=1.0).fit(events, V).scores(queries)
    monkeypatch.setattr(ease, "EXACT_SIDE", 0)
    assert torch.allclose(EASE(l2=1.0).fit(events, V).scores(queries), exact, atol=1e-4)


def test_another_decay_needs_no_fit():
    events = sequences_of([[1, 2, 3], [2, 3, 4], [4, 5]])
    queries = Histories.of_items([[1, 2], [5, 3, 1]])
    fitted = EASE(decay=0.5).fit(events, V)
    assert torch.equal(
        with_decay(EASE().fit(events, V), 0.5).scores(queries), fitted.scores(queries)
    )


def test_errors(monkeypatch):
    with pytest.raises(ValueError, match="l2 must be positive; got 0"):
        EASE(l2=0.0)
    events = sequences_of([[1, 2, 3], [2, 3, 4], [4, 5]])
    assert EASE.side(events) == 3
    monkeypatch.setattr(ease, "MAX_SIDE", 2)
    with pytest.raises(ValueError, match="of at most 2; got 3"):
        EASE().fit(events, V)
