import pytest
import torch

from mmrec.data import Histories
from mmrec.encoders import IdEncoder
from mmrec.models import CatalogScorer, gru4rec, sasrec
from mmrec.scoring import MLPScorer

SIZE, DIM = 6, 4
ROWS = [[1, 2, 3, 4, 5], [], [6], [2, 6, 1]]


@pytest.fixture(params=[gru4rec, sasrec])
def model(request):
    return request.param({"id": IdEncoder(SIZE, DIM)}, dim=DIM, dropout=0.5, time_gap=True)


@pytest.fixture
def vectors():
    return torch.randn(SIZE + 1, DIM)


@pytest.fixture
def popularity():
    return torch.tensor([0, 5, 1, 4, 2, 3, 9])


def test_without_a_history_items_are_ranked_by_popularity(model, vectors, popularity):
    scores = CatalogScorer(model, vectors, popularity).scores(Histories.of_items(ROWS))
    assert scores[1].tolist() == popularity.tolist()
    alone = CatalogScorer(model, vectors, popularity).scores(Histories.of_items([[]]))
    assert alone[0].tolist() == popularity.tolist()


def test_with_a_history_the_model_scores(model, vectors, popularity):
    scores = CatalogScorer(model, vectors, popularity).scores(Histories.of_items(ROWS))
    for row in (0, 2, 3):
        alone = model.eval().scores(Histories.of_items([ROWS[row]]), vectors)[0]
        assert torch.allclose(scores[row], alone, atol=1e-6)
    assert not scores.requires_grad


@pytest.mark.parametrize("max_length", [1, 2, 4])
def test_only_the_last_events_count(model, vectors, popularity, max_length):
    reranker = CatalogScorer(model, vectors, popularity, max_length=max_length)
    histories = Histories.of_items(ROWS)
    histories.gap.uniform_(0, 1e6)
    scores = reranker.scores(histories)
    for row, items in enumerate(ROWS):
        kept = slice(max(len(items) - max_length, 0), len(items))
        alone = Histories.without_request(
            histories.items[row : row + 1, kept],
            histories.gap[row : row + 1, kept],
            histories.event_type[row : row + 1, kept],
        )
        if items:
            assert torch.allclose(scores[row], reranker.scores(alone)[0], atol=1e-6)
        else:
            assert scores[row].tolist() == popularity.tolist()


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_of_the_model_stays(model, vectors, popularity, training):
    model.train(training)
    reranker = CatalogScorer(model, vectors, popularity)
    first = reranker.scores(Histories.of_items(ROWS))
    assert torch.equal(reranker.scores(Histories.of_items(ROWS)), first)  # no dropout
    assert model.training == model.interest.training == training
    with pytest.raises(IndexError):
        reranker.scores(Histories.of_items([[SIZE + 1]]))
    assert model.training == training


def test_another_type_of_vectors(model, vectors, popularity):
    reranker = CatalogScorer(model.double(), vectors.double(), popularity)
    assert reranker.popularity.dtype == torch.float64
    assert reranker.scores(Histories.of_items(ROWS)).isfinite().all()


def test_what_is_excluded_takes_no_place_on_the_short_list(model, vectors, popularity, stirred):
    model.reranker, model.shortlist = stirred(MLPScorer(DIM, DIM)), 2
    reranker = CatalogScorer(model, vectors, popularity)
    histories = Histories.of_items(ROWS)
    scores = reranker.scores(histories)
    exclude = torch.zeros_like(scores, dtype=torch.bool)
    exclude[:, 0] = True
    exclude.scatter_(1, scores[:, 1:].topk(2).indices + 1, True)  # the best two by retrieval
    final = reranker.rerank(scores, histories, exclude)
    assert (final[exclude] == -torch.inf).all()
    for row, items in enumerate(ROWS):
        left = scores[row].masked_fill(exclude[row], -torch.inf)
        order = final[row].argsort(descending=True)[: SIZE - 2].tolist()
        by_retrieval = left.argsort(descending=True)[: SIZE - 2].tolist()
        if not items:
            assert order == by_retrieval
            continue
        state = model.eval().interests(Histories.of_items([items]), vectors)
        short = torch.tensor(by_retrieval[:2])
        ranked = scores[row, short] + model.reranker(state, vectors[short].unsqueeze(0))[0]
        by_reranker = short[ranked.argsort(descending=True)]
        assert order == [*by_reranker.tolist(), *by_retrieval[2:]]


def test_fewer_items_than_the_short_list_holds(model, vectors, popularity):
    model.reranker = MLPScorer(DIM, DIM)
    reranker = CatalogScorer(model, vectors, popularity)
    histories = Histories.of_items([[1, 2]])
    exclude = torch.ones(1, SIZE + 1, dtype=torch.bool)
    exclude[0, 4] = False
    final = reranker.rerank(reranker.scores(histories), histories, exclude)
    assert final.isfinite().nonzero().tolist() == [[0, 4]]


def test_without_a_reranker_reranking_only_excludes(model, vectors, popularity):
    reranker = CatalogScorer(model, vectors, popularity)
    histories = Histories.of_items(ROWS)
    scores = reranker.scores(histories)
    exclude = torch.rand(scores.shape) < 0.5
    expected = scores.masked_fill(exclude, -torch.inf)
    assert torch.equal(reranker.rerank(scores, histories, exclude), expected)


@pytest.mark.parametrize("max_length", [1, None])
def test_a_history_that_only_says_no_is_ranked_by_popularity(vectors, popularity, max_length):
    model = gru4rec({"id": IdEncoder(SIZE, DIM)}, dim=DIM, num_event_types=2)
    items = torch.tensor([[1, 2], [1, 2], [3, 0], [0, 0]])
    kinds = torch.tensor([[2, 2], [1, 2], [0, 0], [0, 0]])
    histories = Histories.without_request(items, torch.zeros(4, 2), kinds)
    made = {"max_length": max_length, "negative_types": (2,)}
    scorer = CatalogScorer(model, vectors, popularity, **made)
    scores = scorer.scores(histories)
    assert scorer.knows(histories).tolist() == [False, True, True, False]
    plain = CatalogScorer(model, vectors, popularity, max_length=max_length).scores(histories)
    assert scores[0].tolist() == scores[3].tolist() == popularity.tolist() != plain[0].tolist()
    assert torch.equal(scores[1:], plain[1:])  # one event that is more than a no is enough
