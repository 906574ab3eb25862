import pytest
import torch
from torch.autograd import gradcheck

from mmrec.scoring import BilinearScorer, DotScorer


def made(interest_dim=3, dim=4):
    scorer = BilinearScorer(interest_dim, dim)
    torch.nn.init.normal_(scorer.project.weight)
    return scorer


@pytest.mark.parametrize(("rows", "items"), [(0, 2), (1, 1), (3, 5)])
def test_equals_a_loop(rows, items):
    scorer = made()
    states, vectors = torch.randn(rows, 3), torch.randn(items, 4)
    scores, weight = scorer(states, vectors), scorer.project.weight.detach()
    assert scores.shape == (rows, items)
    for n in range(rows):
        for p in range(items):
            terms = [
                states[n, h] * weight[d, h] * vectors[p, d] for h in range(3) for d in range(4)
            ]
            assert scores[n, p].item() == pytest.approx(float(sum(terms)), abs=1e-4)


def test_index_gives_the_same_scores_by_a_plain_product():
    scorer = made()
    states, vectors = torch.randn(3, 3), torch.randn(5, 4)
    keys = scorer.index_vectors(vectors)
    assert torch.equal(keys, vectors)
    products = scorer.index_queries(states) @ keys.T
    assert torch.allclose(products, scorer(states, vectors), atol=1e-5)


def test_starts_as_the_dot_product_or_keeps_lengths():
    states, vectors = torch.randn(3, 4), torch.randn(5, 4)
    scores = BilinearScorer(4, 4)(states, vectors)
    assert torch.allclose(scores, DotScorer()(states, vectors), atol=1e-6)
    wider = BilinearScorer(4, 7).index_queries(states)
    assert torch.allclose(wider.norm(dim=1), states.norm(dim=1), atol=1e-5)


def test_gradients():
    scorer = made().double()
    states = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    vectors = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    assert gradcheck(scorer, (states, vectors))
    scorer(states, vectors).sum().backward()
    assert scorer.project.weight.grad.isfinite().all()


def test_float32_scores_under_autocast_and_from_half_precision():
    scorer = made()
    states, vectors = torch.randn(3, 3), torch.randn(5, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        scores = scorer(states, vectors)
    assert scores.dtype == torch.float32
    assert torch.equal(scores, scorer(states, vectors))
    assert scorer.bfloat16()(states.bfloat16(), vectors.bfloat16()).dtype == torch.float32


def test_state_dict_round_trip():
    first, second = made(), made()
    second.load_state_dict(first.state_dict())
    states, vectors = torch.randn(3, 3), torch.randn(5, 4)
    assert torch.equal(first(states, vectors), second(states, vectors))


def test_wrong_sizes():
    with pytest.raises(ValueError, match="positive interest_dim and dim; got 0 and 4"):
        BilinearScorer(0, 4)


@pytest.mark.usefixtures("unchecked")
def test_wrong_shapes():
    with pytest.raises(ValueError, match=r"states of shape \(rows, 3\); got \(1, 4\)"):
        made()(torch.zeros(1, 4), torch.zeros(1, 4))
    with pytest.raises(ValueError, match=r"item vectors of shape \(items, 4\); got \(1, 3\)"):
        made()(torch.zeros(1, 3), torch.zeros(1, 3))
