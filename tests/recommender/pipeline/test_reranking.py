import logging
from copy import deepcopy
from dataclasses import replace

import pytest
import torch

from mmrec import Recommender
from mmrec.layers import record_init_args
from mmrec.recommender.pipeline import reranking
from mmrec.recommender.pipeline.reranking import with_useful_reranker
from mmrec.recommender.report import Report
from mmrec.scoring import DotScorer, MLPScorer


@record_init_args
class Product(torch.nn.Module):
    """Adds a multiple of the product: a negative one turns the list around."""

    def __init__(self, factor):
        super().__init__()
        self.factor = torch.nn.Parameter(torch.tensor(float(factor)), requires_grad=False)

    def forward(self, states, candidates):
        return self.factor * torch.einsum("nh,nkh->nk", states, candidates)


class Backwards(DotScorer):
    def forward(self, states, vectors):
        return -super().forward(states, vectors)


@pytest.fixture(scope="module")
def fit(chain, options):
    def run(reranker, users=25, **changes):
        given = {"epochs": 10, "trend": False, "affinities": False, "refit": "none"} | changes
        log = chain(users=users, items=40)
        return Recommender.fit(*log, options=options(**given), negatives="full", reranker=reranker)

    return run


@pytest.fixture(scope="module")
def plain(fit):
    return fit(None)


def test_one_that_harms_is_left_out_and_said(fit, plain, tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        made = fit(Product(-100.0), refit="all")
    [said] = [line for line in caplog.messages if "reranker" in line]
    assert "is left out: it changes NDCG@10 on validation by -" in said
    facts = made.report["reranker"]
    assert facts["kept"] is False
    assert facts["gain"] < -0.1
    assert facts["ndcg@10"] == pytest.approx(plain.report["valid"]["ndcg@10"], abs=1e-6)
    assert made.report["valid"] == plain.report["valid"]  # as if it had not been given
    assert made.model.reranker is None  # of the refit, too
    assert "reranker: left out (NDCG@10 on validation -" in str(made.report)
    made.save(tmp_path / "run")
    again = Recommender.load(tmp_path / "run")
    assert again.model.reranker is None
    assert again.recommend(["i1", "i2"], 5) == made.recommend(["i1", "i2"], 5)


def test_one_that_helps_is_kept(plain):
    """The product is turned around, and the reranker turns it back."""
    model = deepcopy(plain.model)
    model.scorer, model.reranker = Backwards(), Product(100.0)
    turned = replace(plain.state, model=model)
    made, facts = with_useful_reranker(turned, plain._split("evaluate", None, None, None))
    assert made is turned
    assert facts["reranker"]["kept"] is True
    assert facts["reranker"]["gain"] > 0.1
    assert facts["reranker"]["gain"] > 3 * facts["reranker"]["standard_error"]


@pytest.mark.parametrize(("errors", "kept"), [(1.4, False), (1.6, True)])
def test_a_gain_within_chance_is_none(plain, monkeypatch, errors, kept):
    model = deepcopy(plain.model)
    model.reranker = Product(1.0)
    state, split = replace(plain.state, model=model), plain._split("evaluate", None, None, None)
    gained = {"gain": errors * 2.6e-05, "standard_error": 2.6e-05}
    monkeypatch.setattr(reranking, "compare", lambda after, before, users: gained)
    made, facts = with_useful_reranker(state, split)
    assert facts["reranker"]["kept"] is kept is (made.model.reranker is not None)
    assert "± 0.000026)" in str(Report(plain.report | facts))


def test_it_is_kept_if_that_is_wanted(fit):
    made = fit(Product(-100.0), keep_reranker=True, refit="all")
    assert made.report["reranker"]["kept"] is True
    assert made.report["reranker"]["gain"] < -0.1
    assert isinstance(made.model.reranker, Product)


def test_too_few_users_conclude_nothing(fit):
    made = fit(Product(-100.0), users=10)
    assert isinstance(made.model.reranker, Product)
    assert "reranker" not in made.report


def test_an_mlp_never_lowers_validation(fit, plain):
    made = fit("mlp")
    facts = made.report["reranker"]
    assert facts["ndcg@10"] == pytest.approx(plain.report["valid"]["ndcg@10"], abs=1e-6)
    assert torch.equal(made.vectors, plain.vectors)  # what is retrieved does not depend on it
    assert facts["kept"] is isinstance(made.model.reranker, MLPScorer)
    assert made.report["valid"]["ndcg@10"] >= facts["ndcg@10"] - 1e-9
