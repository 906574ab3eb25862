import pytest
import torch
from torch import nn

from mmrec.encoders import IdEncoder
from mmrec.fusion import ConcatFusion
from mmrec.interest import DINInterest, GRUInterest
from mmrec.models import ItemEncoder, SequentialModel
from mmrec.scoring import DotScorer, MLPScorer


def build(scorer=None, reranker=None, interest=None):
    items = ItemEncoder({"id": IdEncoder(7, 8)}, ConcatFusion({"id": 8}, 8))
    return SequentialModel(items, interest or GRUInterest(8), scorer or DotScorer(), reranker)


class Own(nn.Module):
    """A retrieval scorer with dropout and a weight."""

    def __init__(self):
        super().__init__()
        self.weight, self.dropout = nn.Linear(8, 8), nn.Dropout(0.5)

    def forward(self, states, vectors):
        return self.index_queries(states) @ vectors.T

    def index_queries(self, states):
        return self.weight(self.dropout(states))

    def index_vectors(self, vectors):
        return vectors


class Transposed(Own):
    def forward(self, states, vectors):
        return super().forward(states, vectors).T


class WideQueries(Own):
    def index_queries(self, states):
        return torch.cat([states, states], dim=1)

    def forward(self, states, vectors):
        return states @ vectors.T


class NoIndex(nn.Module):
    def forward(self, states, vectors):
        return states @ vectors.T


class FlatReranker(nn.Module):
    def forward(self, states, candidates):
        return candidates.sum((1, 2))


def test_own_parts_that_fit_stay_as_they_are():
    scorer = Own().double()
    scorer.dropout.eval()
    assert build(scorer, MLPScorer(8, 8)).scorer is scorer
    assert [module.training for module in scorer.modules()] == [True, True, False]


def test_the_checks_draw_no_random_numbers():
    model = build(Own(), MLPScorer(8, 8, dropout=0.5))
    state = torch.random.get_rng_state()
    SequentialModel(model.items, model.interest, model.scorer, model.reranker)
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"scorer": NoIndex()}, "so that it can be served; NoIndex has no index_vectors"),
        (
            {"scorer": Transposed()},
            r"scorer must map inputs \(2, 8\) and \(3, 8\) to .* \(2, 3\); got \(3, 2\)",
        ),
        ({"scorer": WideQueries()}, r"index_queries of the scorer must .* \(2, 8\); got \(2, 16\)"),
        (
            {"scorer": Own(), "interest": GRUInterest(8, interest_dim=4)},
            r"scorer must take inputs of shape \(2, 4\) and \(3, 8\); got RuntimeError: mat1",
        ),
        ({"reranker": FlatReranker()}, r"reranker must map .* shape \(2, 3\); got \(2,\)"),
        (
            {"reranker": MLPScorer(4, 8)},
            r"reranker must take inputs of shape \(2, 8\) and \(2, 3, 8\); got ValueError: MLP",
        ),
        ({"reranker": lambda states, candidates: candidates.sum(2)}, r"an nn.Module; got function"),
    ],
)
def test_parts_that_do_not_fit(parts, message):
    with pytest.raises(ValueError, match=message):
        build(**parts)


@pytest.mark.usefixtures("unchecked")
def test_an_interest_that_depends_on_the_candidate():
    with pytest.raises(ValueError, match="got DINInterest, which depends on the candidate: use it"):
        build(interest=DINInterest(8))


@pytest.mark.parametrize(("part", "given"), [("fusion", ({"id": 8}, 8)), ("interest", (8,))])
def test_parts_without_weights_can_be_built(part, given):
    kind = {"fusion": ConcatFusion, "interest": GRUInterest}[part]
    made = kind(*given)
    for weight in made.parameters():
        nn.init.constant_(weight, float("nan"))
    fusion = made if part == "fusion" else ConcatFusion({"id": 8}, 8)
    items = ItemEncoder({"id": IdEncoder(7, 8)}, fusion)
    SequentialModel(items, made if part == "interest" else GRUInterest(8), DotScorer())


def test_a_reranker_without_weights_can_be_built():
    reranker = MLPScorer(8, 8)
    for weight in reranker.parameters():
        nn.init.constant_(weight, float("nan"))
    assert build(reranker=reranker).reranker is reranker
