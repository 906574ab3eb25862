import pickle

import numpy as np
import pytest
import torch

from mmrec import metrics

PAIRS = [
    (metrics.HitRate, metrics.hit_rate),
    (metrics.NDCG, metrics.ndcg),
    (metrics.MRR, metrics.mrr),
    (metrics.MAP, metrics.average_precision),
    (metrics.Precision, metrics.precision),
    (metrics.Recall, metrics.recall),
]


def some_ranks(rows):
    """(rows, 4): distinct ranks, some of them 0."""
    ranks = torch.rand(rows, 30).argsort(1)[:, :4] + 1
    return ranks * (torch.rand(rows, 4) < 0.7)


@pytest.mark.parametrize(("metric_class", "function"), PAIRS)
@pytest.mark.parametrize("k", [1, 10])
def test_batches_of_unequal_size_average_over_rows(metric_class, function, k):
    ranks = some_ranks(20)
    metric = metric_class(k)
    for batch in ranks.split([1, 12, 7]):
        metric.update(batch)
    assert torch.allclose(metric.compute(), function(ranks, k).mean())


@pytest.mark.parametrize(("metric_class", "function"), PAIRS)
def test_one_relevant_item_a_row(metric_class, function):
    ranks = torch.tensor([1, 5, 11, 0])
    metric = metric_class(10)
    assert torch.allclose(metric(ranks), function(ranks, 10).mean())  # forward: of the batch


@pytest.mark.parametrize(("metric_class", "_"), PAIRS)
def test_merged_states_equal_one_metric_on_all_data(metric_class, _):
    ranks = some_ranks(15)
    first, second, whole = metric_class(10), metric_class(10), metric_class(10)
    first.update(ranks[:4])
    second.update(ranks[4:])
    whole.update(ranks)
    first.merge_state(second)
    assert torch.allclose(first.compute(), whole.compute())


@pytest.mark.parametrize(("metric_class", "_"), PAIRS)
def test_reset_pickle_and_states_that_sum_over_processes(metric_class, _):
    metric = metric_class(10)
    metric.update(torch.tensor([1, 2, 30]))
    copy = pickle.loads(pickle.dumps(metric))
    assert torch.equal(copy.compute(), metric.compute())
    for reduce in metric._reductions.values():
        assert reduce(torch.tensor([2, 3])) == 5
    metric.reset()
    metric.update(torch.tensor([30]))
    assert metric.compute() == 0


@pytest.mark.parametrize(("metric_class", "_"), PAIRS)
def test_bad_k(metric_class, _):
    with pytest.raises(ValueError, match="k must be a whole number of 1 or more; got 0"):
        metric_class(0)


def test_no_rows_is_0():
    metric = metrics.NDCG()
    metric.update(torch.zeros(0, dtype=torch.long))
    assert metric.compute() == 0


def test_the_base_class_is_abstract():
    with pytest.raises(TypeError, match=r"abstract method '?per_row"):
        metrics.RankingMetric()


def test_coverage_of_batches_and_of_merged_states():
    lists = torch.randint(0, 31, (12, 5))
    first, second = metrics.CatalogCoverage(30), metrics.CatalogCoverage(30)
    for batch in lists[:5].split(2):
        first.update(batch)
    second.update(lists[5:])
    assert torch.equal(second.compute(), metrics.catalog_coverage(lists[5:], 30))
    first.merge_state(second)  # before first.compute, whose value torchmetrics keeps
    assert torch.equal(first.compute(), metrics.catalog_coverage(lists, 30))


def test_coverage_errors():
    with pytest.raises(ValueError, match="catalog_size must be 1 or more; got 0"):
        metrics.CatalogCoverage(0)
    with pytest.raises(ValueError, match="items from 0 to 3; got 4"):
        metrics.CatalogCoverage(3).update(torch.tensor([[4]]))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("k", ["10", 2.5, None])
def test_a_length_that_is_not_a_number(k):
    with pytest.raises(ValueError, match=f"k must be a whole number of 1 or more; got {k!r}"):
        metrics.NDCG(k)


@pytest.mark.usefixtures("unchecked")
def test_a_length_may_be_numpys():
    assert metrics.NDCG(np.int64(3)).k == 3
