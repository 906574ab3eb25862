import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, label_ranking_average_precision_score
from sklearn.metrics import ndcg_score as sklearn_ndcg

from mmrec import metrics

ITEMS = 20


@st.composite
def lists(draw):
    """Logits, most of them negative, the relevant items, and the ranks of these."""
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    rows = draw(st.integers(1, 4))
    logits = rng.normal(-1, 2, size=(rows, ITEMS))
    relevant = np.zeros((rows, ITEMS), dtype=int)
    ranks = np.zeros((rows, ITEMS), dtype=int)
    for row in range(rows):
        chosen = rng.choice(ITEMS, rng.integers(1, ITEMS), replace=False)
        relevant[row, chosen] = 1
        order = np.argsort(-logits[row]).tolist()
        ranks[row, : len(chosen)] = [order.index(item) + 1 for item in chosen]
    return logits, relevant, torch.tensor(ranks)


@settings(deadline=None)
@given(lists(), st.sampled_from([1, 5, 10, None]))
def test_ndcg_is_that_of_scikit_learn(case, k):
    logits, relevant, ranks = case
    expected = [sklearn_ndcg(r[None], s[None], k=k) for r, s in zip(relevant, logits, strict=True)]
    assert metrics.ndcg(ranks, k).numpy() == pytest.approx(np.array(expected), abs=1e-5)


@settings(deadline=None)
@given(lists())
def test_average_precision_is_that_of_scikit_learn(case):
    logits, relevant, ranks = case
    got = metrics.average_precision(ranks)
    expected = [average_precision_score(r, s) for r, s in zip(relevant, logits, strict=True)]
    assert got.numpy() == pytest.approx(np.array(expected), abs=1e-5)
    ranked = label_ranking_average_precision_score(relevant, logits)
    assert got.mean().item() == pytest.approx(ranked, abs=1e-5)


@settings(deadline=None)
@given(lists(), st.integers(1, ITEMS))
def test_lists_cut_at_k_equal_a_loop(case, k):
    logits, relevant, ranks = case
    for row in range(len(logits)):
        top = np.argsort(-logits[row])[:k]
        hits = [relevant[row, item] for item in top]
        total = relevant[row].sum()
        precisions = [sum(hits[: i + 1]) / (i + 1) for i in range(k) if hits[i]]
        first = next((1 / (i + 1) for i in range(k) if hits[i]), 0.0)
        expected = {
            "hit_rate": float(any(hits)),
            "precision": sum(hits) / k,
            "recall": sum(hits) / total,
            "mrr": first,
            "average_precision": sum(precisions) / min(total, k),
        }
        for name, value in expected.items():
            got = getattr(metrics, name)(ranks[row : row + 1], k)
            assert got.item() == pytest.approx(value, abs=1e-6), name


@settings(deadline=None)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.integers(1, 20))
def test_one_relevant_item(ranks, k):
    table = torch.tensor(ranks)
    for name in ("hit_rate", "ndcg", "mrr", "average_precision", "precision", "recall"):
        function = getattr(metrics, name)
        assert function(table, k).equal(function(table.unsqueeze(1), k))
    expected = [1 / math.log2(1 + rank) if rank <= k else 0.0 for rank in ranks]
    assert metrics.ndcg(table, k).tolist() == pytest.approx(expected, abs=1e-6)
    assert metrics.mrr(table, k).equal(metrics.average_precision(table, k))
    assert metrics.hit_rate(table, k).equal(metrics.recall(table, k))


NAMES = ["hit_rate", "ndcg", "mrr", "average_precision", "precision", "recall"]


@pytest.mark.parametrize("name", NAMES)
def test_order_and_zeros_change_nothing_and_no_relevant_item_is_0(name):
    function = getattr(metrics, name)
    ranks = torch.tensor([[2, 5, 0, 0], [0, 5, 0, 2], [5, 2, 0, 0]])
    assert len(function(ranks, 4).unique()) == 1
    assert function(torch.zeros(2, 3, dtype=torch.long), 4).tolist() == [0, 0]
    assert function(torch.zeros(2, 0, dtype=torch.long), 4).tolist() == [0, 0]
    assert function(torch.tensor([1, 0]), 1).tolist() == [1, 0]


@pytest.mark.parametrize("name", NAMES)
def test_bad_k(name):
    with pytest.raises(ValueError, match="k must be a whole number of 1 or more; got 0"):
        getattr(metrics, name)(torch.tensor([1]), 0)


def test_bad_ranks():
    with pytest.raises(ValueError, match=r"\(B,\) or \(B, R\); got \(1, 1, 1\)"):
        metrics.ndcg(torch.ones(1, 1, 1, dtype=torch.long), 5)


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3), max_size=6))
def test_coverage_counts_different_items(recommended):
    table = torch.tensor(recommended, dtype=torch.long).reshape(-1, 3)
    shown = {item for row in recommended for item in row} - {0}
    assert metrics.catalog_coverage(table, 9).item() == pytest.approx(len(shown) / 9)
    counts = [sum(row.count(item) for row in recommended) for item in range(1, 10)]
    assert metrics.exposure(table, 9).tolist() == counts


def test_coverage_errors():
    with pytest.raises(ValueError, match="items from 0 to 3; got 4"):
        metrics.catalog_coverage(torch.tensor([[1, 4]]), 3)
    with pytest.raises(ValueError, match="catalog_size must be 1 or more; got 0"):
        metrics.catalog_coverage(torch.tensor([[0]]), 0)
