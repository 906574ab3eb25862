"""The metrics against ir-measures (trec_eval) and scikit-learn: logits, negative ones, ties."""

import ir_measures
import numpy as np
import pytest
import torch
from ir_measures import AP, RR, P, R, Success, nDCG
from sklearn.metrics import ndcg_score

from mmrec import metrics

ITEMS, ROWS = 40, 30
MEASURES = {
    "ndcg": nDCG,
    "hit_rate": Success,
    "mrr": RR,
    "average_precision": AP,
    "precision": P,
    "recall": R,
}


def logits(case):
    rng = np.random.default_rng(3)
    if case == "random":
        return rng.normal(size=(ROWS, ITEMS))
    if case == "negative":
        return -np.exp(rng.normal(size=(ROWS, ITEMS)) * 3)
    return rng.integers(-2, 2, (ROWS, ITEMS)) + 0.0  # ties


def worst_order(scores, relevant):
    """Scores without ties that put what is relevant behind all else of its score."""
    strict = np.empty_like(scores)
    for row in range(len(scores)):
        order = np.lexsort((relevant[row], -scores[row]))
        strict[row, order] = -np.arange(scores.shape[1])
    return strict


def measured(strict, relevant, measure):
    run = [
        ir_measures.ScoredDoc(str(row), str(item), float(strict[row, item]))
        for row in range(len(strict))
        for item in range(strict.shape[1])
    ]
    truth = [
        ir_measures.Qrel(str(row), str(item), int(relevant[row, item]))
        for row in range(len(strict))
        for item in range(strict.shape[1])
    ]
    return {int(m.query_id): m.value for m in ir_measures.iter_calc([measure], truth, run)}


@pytest.mark.parametrize("case", ["random", "negative", "ties"])
@pytest.mark.parametrize("k", [1, 5, 10])
def test_one_relevant_item(case, k):
    scores = logits(case)
    target = np.random.default_rng(1).integers(0, ITEMS, ROWS)
    relevant = np.eye(ITEMS, dtype=int)[target]
    strict = worst_order(scores, relevant)
    padded = torch.from_numpy(np.pad(scores, ((0, 0), (1, 0)), constant_values=99.0))
    ranks = metrics.rank_of_target(padded, torch.from_numpy(target + 1))
    for name in ("ndcg", "hit_rate", "mrr"):
        values = getattr(metrics, name)(ranks, k)
        oracle = measured(strict, relevant, MEASURES[name] @ k)
        for row, value in enumerate(values.tolist()):
            assert value == pytest.approx(oracle[row], abs=1e-4), (name, row)  # trec_eval rounds
    mean = ndcg_score(relevant, strict, k=k)
    assert metrics.ndcg(ranks, k).mean().item() == pytest.approx(mean, abs=1e-6)


@pytest.mark.parametrize("case", ["random", "negative", "ties"])
@pytest.mark.parametrize("name", list(MEASURES))
def test_several_relevant_items(case, name):
    scores = logits(case)
    relevant = (np.random.default_rng(2).random((ROWS, ITEMS)) < 0.1).astype(int)
    relevant[:, 7] = 1
    strict = worst_order(scores, relevant)
    places = (-strict).argsort(1).argsort(1) + 1
    ranks = torch.from_numpy(np.where(relevant == 1, places, 0))
    k = 10
    values = getattr(metrics, name)(ranks, k)
    oracle = measured(strict, relevant, MEASURES[name] @ k)
    for row, value in enumerate(values.tolist()):
        expected = oracle[row]
        if name == "average_precision":  # trec_eval divides by all that is relevant
            total = relevant[row].sum()
            expected *= total / min(total, k)
        assert value == pytest.approx(expected, abs=1e-4), row
