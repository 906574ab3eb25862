import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy
from sklearn.metrics.pairwise import cosine_similarity

from mmrec import metrics

V = 9
LISTS = st.lists(st.lists(st.integers(0, V), min_size=4, max_size=4), min_size=1, max_size=6)


def table(rows):
    return torch.tensor(rows, dtype=torch.long)


@settings(deadline=None)
@given(LISTS)
def test_gini_is_half_the_mean_difference_over_the_mean(rows):
    shown = np.array([sum(row.count(item) for row in rows) for item in range(1, V + 1)])
    apart = np.abs(shown[:, None] - shown).mean() / 2
    expected = apart / shown.mean() if shown.any() else 0.0
    assert metrics.gini(table(rows), V).item() == pytest.approx(expected, abs=1e-6)


def test_gini_of_extremes():
    assert metrics.gini(table([[1, 2, 3], [4, 5, 6]]), 6).item() == pytest.approx(0.0)
    assert metrics.gini(table([[3], [3], [3]]), 100).item() == pytest.approx(0.99)


@settings(deadline=None)
@given(LISTS, st.lists(st.integers(0, 50), min_size=V, max_size=V))
def test_novelty_and_popularity_equal_a_loop(rows, counts):
    table_of_counts = torch.tensor([0, *counts])
    novelty = metrics.novelty(table(rows), table_of_counts)
    popularity = metrics.average_popularity(table(rows), table_of_counts)
    for row, bits, popular in zip(rows, novelty.tolist(), popularity.tolist(), strict=True):
        items = [item for item in row if item]
        total = sum(counts) + V
        information = [-np.log2((counts[i - 1] + 1) / total) for i in items]
        assert bits == pytest.approx(np.mean(information) if items else 0.0, rel=1e-5)
        assert popular == pytest.approx(np.mean([counts[i - 1] for i in items]) if items else 0.0)


def test_diversity_equals_the_cosines_of_all_pairs():
    vectors = torch.randn(V + 1, 5)
    rows = [[1, 2, 3, 4], [5, 9, 0, 0], [7, 0, 0, 0], [0, 0, 0, 0], [8, 6, 2, 0]]
    for row, value in zip(
        rows, metrics.intra_list_diversity(table(rows), vectors).tolist(), strict=True
    ):
        items = [item for item in row if item]
        upper = np.triu_indices(len(items), 1)
        pairs = cosine_similarity(vectors[items])[upper] if len(items) > 1 else []
        assert value == pytest.approx(1 - np.mean(pairs) if len(pairs) else 0.0, abs=1e-5)


def test_length_and_padding_vectors_change_no_diversity():
    vectors, lists = torch.randn(V + 1, 5), table([[1, 2, 0], [3, 4, 5]])
    other = vectors * torch.rand(V + 1, 1).add(0.1)
    other[0] = 1e6
    expected = metrics.intra_list_diversity(lists, vectors)
    torch.testing.assert_close(metrics.intra_list_diversity(lists, other), expected)


def test_miscalibration_is_the_divergence_from_the_smoothed_list():
    rng = np.random.default_rng(0)
    history, listed = rng.integers(0, 5, (20, 6)) + 0.0, rng.integers(0, 3, (20, 6)) + 0.0
    history[:, 0], listed[:, 1] = 1, 1
    got = metrics.miscalibration(
        torch.from_numpy(history).float(), torch.from_numpy(listed).float()
    )
    p, q = (x / x.sum(1, keepdims=True) for x in (history, listed))
    expected = entropy(p, 0.99 * q + 0.01 * p, axis=1)
    assert got.tolist() == pytest.approx(expected.tolist(), abs=1e-5)


def test_a_list_like_the_history_is_calibrated():
    history = torch.rand(4, 5)
    assert metrics.miscalibration(history, history * 7).abs().max() < 1e-6
    far = metrics.miscalibration(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]))
    assert far.item() == pytest.approx(np.log(100), abs=1e-5)
    assert metrics.miscalibration(torch.zeros(1, 2), torch.ones(1, 2)).item() == 0


def test_bad_input():
    ones = torch.ones(1, 2)
    with pytest.raises(ValueError, match="between 0 and 1; got 0"):
        metrics.miscalibration(ones, ones, 0.0)
    with pytest.raises(ValueError, match="weights of 0 or more; got a negative one"):
        metrics.miscalibration(ones, -ones)
    with pytest.raises(ValueError, match="items from 0 to 3; got 4"):
        metrics.gini(table([[4]]), 3)
