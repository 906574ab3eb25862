from math import log2

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.evaluation.curves import faded, metric_of_ranks, windowed

VALUES = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=30).map(np.array)


@pytest.mark.parametrize("k", [1, 5, 20])
def test_metrics_equal_the_formulas(k):
    ranks = torch.arange(1, 30)
    for rank, ndcg, hr, mrr in zip(
        ranks.tolist(),
        metric_of_ranks(ranks, f"ndcg@{k}"),
        metric_of_ranks(ranks, f"hr@{k}"),
        metric_of_ranks(ranks, f"mrr@{k}"),
        strict=True,
    ):
        hit = rank <= k
        assert (ndcg, hr, mrr) == pytest.approx((hit / log2(1 + rank), float(hit), hit / rank))


@pytest.mark.parametrize("name", ["ndcg", "ndcg@", "ndcg@0", "ndcg@x", "auc@10", ""])
def test_an_unknown_metric_is_refused(name):
    with pytest.raises(ValueError, match=r"metric must be one of .*'ndcg@10'; got"):
        metric_of_ranks(torch.tensor([1]), name)


@settings(deadline=None, max_examples=40)
@given(VALUES, st.integers(1, 40))
def test_the_window_equals_a_loop(values, window):
    expected = [values[max(0, i + 1 - window) : i + 1].mean() for i in range(len(values))]
    assert windowed(values, window) == pytest.approx(expected, abs=1e-9)


@settings(deadline=None, max_examples=40)
@given(VALUES, st.floats(0.05, 1.0))
def test_fading_equals_the_weighted_mean(values, factor):
    for i, value in enumerate(faded(values, factor)):
        weights = factor ** np.arange(i, -1, -1.0)
        assert value == pytest.approx(np.average(values[: i + 1], weights=weights))


def test_without_fading_it_is_the_mean_so_far():
    values = np.random.default_rng(0).random(50)
    assert faded(values, 1.0) == pytest.approx(windowed(values, 50))


def test_bad_input():
    with pytest.raises(ValueError, match="window must be 1 or more; got 0"):
        windowed(np.ones(3), 0)
    for factor in (0.0, 1.5):
        with pytest.raises(ValueError, match=f"above 0 and at most 1; got {factor}"):
            faded(np.ones(3), factor)


def test_a_target_that_was_filtered_out_is_a_miss_beyond_the_catalogue():
    ranks = torch.tensor([1, 6])  # of 5 items
    assert metric_of_ranks(ranks, "hr@10", 5).tolist() == [1.0, 0.0]
    assert metric_of_ranks(ranks, "ndcg@10", 5).tolist() == [1.0, 0.0]
