import numpy as np
import torch

from mmrec.baselines import Popularity
from mmrec.data import Catalog, Interactions, leave_one_out
from mmrec.encoders import IdEncoder
from mmrec.evaluation import HistoryScorer, TwoStageScorer, rank_targets
from mmrec.evaluation.history_scorer import second_stage
from mmrec.evaluation.learners import Frozen
from mmrec.models import CatalogScorer, gru4rec
from mmrec.scoring import MLPScorer

V = 20


def split_of(core=0):
    rng = np.random.default_rng(0)
    log = {"user_id": rng.integers(0, 9, 80), "item_id": rng.integers(1, 15, 80)}
    catalog = Catalog({"item_id": range(1, V + 1)})
    return leave_one_out(Interactions(log | {"position": range(80)}), catalog, min_count=core)


SPLIT = split_of()


def test_baselines_and_models_are_scorers():
    assert isinstance(Popularity(), HistoryScorer)
    assert not isinstance(Popularity(), TwoStageScorer)
    assert isinstance(model_scorer(), TwoStageScorer)


def model_scorer(**options):
    model = gru4rec({"id": IdEncoder(V, 8)}, dim=8, **options)
    return CatalogScorer(model, torch.randn(V + 1, 8), torch.arange(V + 1))


def test_only_a_scorer_of_two_stages_has_a_second():
    plain, two = model_scorer(), model_scorer()
    two.model.reranker = MLPScorer(8, 8)
    assert second_stage(Popularity()) is None
    assert second_stage(plain) is None
    assert second_stage(Frozen(plain)) is None
    assert second_stage(two) == two.rerank
    assert second_stage(Frozen(two)) is not None

    class Own(CatalogScorer):
        reranks = True

        def rerank(self, scores, histories, exclude):
            return -scores

    own = Own(plain.model, plain.vectors, plain.popularity)
    assert second_stage(own) == own.rerank
    assert not rank_targets(own, SPLIT).top.equal(rank_targets(plain, SPLIT).top)


def test_the_second_stage_ranks(stirred):
    scorer = model_scorer()
    scorer.model.reranker = stirred(MLPScorer(8, 8))
    first = rank_targets(model_scorer(), SPLIT)
    assert len(first.rank) == len(rank_targets(scorer, SPLIT).rank)
    scorer.model.shortlist = 3
    ranks = rank_targets(scorer, SPLIT, k=3)
    scorer.model.reranker = None
    plain = rank_targets(scorer, SPLIT, k=3)
    assert [set(row) for row in ranks.top.tolist()] == [set(row) for row in plain.top.tolist()]
