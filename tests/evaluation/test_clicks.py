import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn import metrics

from mmrec.encoders import FeatureEncoder
from mmrec.evaluation import report_clicks, score_impressions
from mmrec.interest import GRUInterest
from mmrec.models import click_model, din, encode_catalog


@pytest.fixture(scope="module")
def made(pages):
    return pages(users=9, pages=6, items=20)


@pytest.mark.parametrize("build", [din, lambda e, dim: click_model(e, GRUInterest, dim=dim)])
def test_scores_are_in_the_order_of_what_was_shown(made, build):
    impressions, sources = made
    torch.manual_seed(0)
    model = build({"text": FeatureEncoder(8)}, dim=8).train()
    torch.nn.init.normal_(model.scorer.score.weight)
    vectors = encode_catalog(model.items, sources, impressions.catalog_size)
    scores = score_impressions(model, impressions, vectors, batch_size=5)
    assert model.training
    for size in (1, 1000):
        again = score_impressions(model, impressions, vectors, batch_size=size)
        torch.testing.assert_close(again, scores, atol=1e-5, rtol=1e-4)
    rows = np.flatnonzero(np.arange(len(impressions)) % 2)  # in another table
    odd = impressions.keep(np.isin(np.arange(len(impressions)), rows))
    kept = torch.from_numpy(np.isin(impressions.impression, rows))
    again = score_impressions(model, odd, vectors)
    torch.testing.assert_close(again, scores[kept], atol=1e-5, rtol=1e-4)
    assert scores.unique().numel() > 50


def test_a_report_by_scikit_learn(made):
    impressions, _ = made
    rng = np.random.default_rng(0)
    scores = (impressions.clicked + rng.normal(size=len(impressions.item))).astype(np.float32)
    report = report_clicks(torch.from_numpy(scores), impressions, bins=4)

    def mean(score, group, needs_others):
        found = []
        for number in np.unique(group):
            y, s = impressions.clicked[group == number], scores[group == number]
            if y.any() and not (needs_others and y.all()):
                found.append(score(y, s))
        return np.mean(found)

    number = impressions.impression
    users = impressions.user[number]
    auc = metrics.roc_auc_score
    assert report.auc == pytest.approx(auc(impressions.clicked, scores))
    assert report.auc_by_impression == pytest.approx(mean(auc, number, True))
    assert report.auc_by_user == pytest.approx(mean(auc, users, True))
    for k, found in ((5, report.ndcg_at_5), (10, report.ndcg_at_10)):
        expected = mean(lambda y, s, k=k: metrics.ndcg_score([y], [s], k=k), number, False)
        assert found == pytest.approx(expected, abs=1e-6)
    best = mean(lambda y, s: 1 / (1 + np.flatnonzero(y[np.argsort(-s)])[0]), number, False)
    assert report.mrr == pytest.approx(best, abs=1e-6)
    probability = 1 / (1 + np.exp(-scores.astype(np.float64)))
    assert report.log_loss == pytest.approx(metrics.log_loss(impressions.clicked, probability))
    assert report.click_rate == impressions.clicked.mean()
    assert (report.impressions, report.shown) == (54, 324)


def test_a_report_is_json_and_a_table(made):
    impressions, _ = made
    report = report_clicks(torch.zeros(len(impressions.item)), impressions, bins=3)
    kept = json.loads(json.dumps(report.to_dict()))
    assert kept["auc"] == report.auc == 0.5
    assert kept["calibration"]["shown"] == [324, 0, 0]
    assert kept["calibration"]["predicted"] == [0.5, None, None]
    head, line = report.table().splitlines()  # empty bins have no line
    assert head.split() == ["predicted", "clicked", "items"]
    assert line.split() == ["0.500", f"{report.click_rate:.3f}", "324"]


def test_without_a_click_there_is_nothing_to_rank(made):
    impressions = replace(made[0], clicked=np.zeros_like(made[0].clicked))
    kept = report_clicks(torch.zeros(len(impressions.item)), impressions).to_dict()
    assert kept["click_rate"] == 0
    assert kept["log_loss"] == pytest.approx(np.log(2))
    for name in ("auc", "auc_by_impression", "auc_by_user", "ndcg_at_5", "ndcg_at_10", "mrr"):
        assert kept[name] is None


def test_scores_of_something_else_are_refused(made):
    with pytest.raises(ValueError, match=r"score for each of the 324 items shown; got .*\(3,\)"):
        report_clicks(torch.zeros(3), made[0])
    with pytest.raises(ValueError, match="expected scores; got NaN"):
        report_clicks(torch.full((324,), torch.nan), made[0])
