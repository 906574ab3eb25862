import pytest
import torch
from torch import nn

from mmrec.data import Histories
from mmrec.encoders import IdEncoder
from mmrec.interest import RequestTime
from mmrec.models import CatalogScorer, SequentialModel, gru4rec
from mmrec.models.finite import NotFiniteError
from mmrec.scoring import DotScorer, MLPScorer

SIZE, DIM = 6, 4


class OfGaps(nn.Module):
    """An interest that is infinite where a gap is unknown."""

    dim = interest_dim = DIM

    def forward(self, vectors, mask, gap=None, event_type=None):
        return vectors + torch.log1p(gap).unsqueeze(-1)


class Undefined(DotScorer):
    divisor = 1  # a model checks its scores when it is made

    def forward(self, states, vectors):
        return super().forward(states, vectors) / self.divisor


class Late(RequestTime):
    def forward(self, interest, since):
        return interest / 0


class Endless(MLPScorer):
    def forward(self, states, candidates):
        return super().forward(states, candidates) - torch.inf


@pytest.fixture
def made():
    model = gru4rec({"id": IdEncoder(SIZE, DIM)}, dim=DIM)

    def make(interest=None, scorer=None, reranker=None, request=None, vectors=None):
        parts = interest or model.interest, scorer or model.scorer, reranker, request
        vectors = torch.randn(SIZE + 1, DIM) if vectors is None else vectors
        return CatalogScorer(SequentialModel(model.items, *parts), vectors, torch.ones(SIZE + 1))

    return make


def histories(*rows, gap=5.0):
    found = Histories.of_items(list(rows))
    found.gap.fill_(gap)
    return found


@pytest.mark.parametrize(
    ("parts", "gap", "said"),
    [
        (
            {"interest": OfGaps()},
            -1.0,
            "the interest OfGaps must give finite interests; got NaN or infinity for 2 of 2 "
            "histories, each of which has an unknown gap (-1)",
        ),
        ({"interest": OfGaps()}, -7.0, "the interest OfGaps must give finite interests; got NaN"),
        (
            {"scorer": Undefined()},
            5.0,
            "the scorer Undefined must give finite scores; got NaN or infinity for 2 of 2 hist",
        ),
        (
            {"request": Late(DIM)},
            5.0,
            "the request Late must give finite interests; got NaN or infinity for 2 of 2 histories",
        ),
        (
            {"vectors": torch.tensor([0.0] * SIZE + [torch.nan]).unsqueeze(1).expand(-1, DIM)},
            5.0,
            "the fusion ConcatFusion must give finite item vectors; got NaN or infinity for 1 of 6 "
            "items",
        ),
    ],
)
def test_the_part_whose_numbers_are_not_finite_is_named(made, parts, gap, said):
    scorer = made(**parts)
    scorer.model.scorer.divisor = 0
    with pytest.raises(NotFiniteError) as error:
        scorer.scores(histories([1, 2], [], [3], gap=gap))
    assert str(error.value).startswith(said)


def test_gaps_are_not_blamed_where_none_is_unknown(made):
    with pytest.raises(NotFiniteError, match=r"for 1 of 1 histories$"):
        made(OfGaps()).scores(histories([1, 2], gap=torch.inf))


def test_what_is_not_used_may_be_anything(made):
    scorer = made(OfGaps())
    scorer.scores(histories([1, 2], gap=5.0))
    assert scorer.scores(histories([], gap=-1.0)).tolist() == [[1.0] * (SIZE + 1)]
    scorer.vectors[0] = torch.nan  # padding
    assert scorer.scores(histories([1, 2]))[0, 1:].isfinite().all()


def test_a_reranker_is_named(made):
    scorer = made(reranker=Endless(DIM, DIM))
    asked, none = histories([1, 2], []), torch.zeros(2, SIZE + 1).bool()
    scores = scorer.scores(asked)
    with pytest.raises(NotFiniteError, match=r"the reranker Endless must give finite scores; got"):
        scorer.rerank(scores, asked, none)
    every = torch.ones(2, SIZE + 1).bool()
    assert (made(reranker=MLPScorer(DIM, DIM)).rerank(scores, asked, every) == -torch.inf).all()
