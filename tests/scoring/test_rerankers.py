"""What holds for the rerankers of products of features; the perceptron has tests of its own."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from mmrec.scoring import DCNScorer, MixtureOfLogitsScorer, Reranker

RERANKERS = {
    "dcn": lambda: DCNScorer(3, 4, rank=2, width=5, dropout=0.0),
    "dcn of equal widths": lambda: DCNScorer(3, 3, layers=1, rank=2, width=5, dropout=0.0),
    "mol": lambda: MixtureOfLogitsScorer(
        3, 4, interests=2, items=3, width=5, hidden=6, dropout=0.0
    ),
}
every_reranker = pytest.mark.parametrize("build", RERANKERS.values(), ids=RERANKERS)


def pairs(scorer, rows=2, items=5, **options):
    return torch.randn(rows, 3, **options), torch.randn(rows, items, scorer.dim, **options)


@every_reranker
def test_it_adds_nothing_at_the_start_and_learns_from_there(build):
    scorer = build()
    assert isinstance(scorer, Reranker)
    scores = scorer(*pairs(scorer))
    assert not scores.any()
    scores[0, 0].backward()
    assert any(p.grad is not None and p.grad.any() for p in scorer.parameters())


@every_reranker
@settings(max_examples=15, deadline=None)
@given(rows=st.integers(0, 4), items=st.integers(0, 4))
def test_each_pair_has_the_score_that_it_has_alone(stirred, build, rows, items):
    scorer = stirred(build())
    states, candidates = pairs(scorer, rows, items)
    scores = scorer(states, candidates)
    assert scores.shape == (rows, items)
    for row in range(rows):
        for item in range(items):
            alone = scorer(states[row : row + 1], candidates[row : row + 1, item : item + 1])
            assert torch.allclose(scores[row, item], alone[0, 0], atol=1e-5)


@every_reranker
def test_gradients(stirred, build):
    scorer = stirred(build()).double()
    states, candidates = pairs(scorer, items=2, dtype=torch.float64, requires_grad=True)
    assert gradcheck(scorer, (states, candidates))
    scorer(states, candidates).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in scorer.parameters())


@every_reranker
def test_float32_scores_under_autocast_and_from_half_precision(stirred, build):
    torch.manual_seed(0)
    scorer = stirred(build())
    states, candidates = pairs(scorer)
    with torch.no_grad():
        exact = scorer(states, candidates)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            scores = scorer(states, candidates)
    assert scores.dtype == torch.float32
    assert torch.allclose(scores, exact, atol=0.1 * float(exact.abs().max()))
    assert scorer.bfloat16()(states.bfloat16(), candidates.bfloat16()).dtype == torch.float32


@every_reranker
def test_state_dict_round_trip(stirred, build):
    first, second = stirred(build()), stirred(build())
    second.load_state_dict(first.state_dict())
    states, candidates = pairs(first)
    assert torch.equal(first(states, candidates), second(states, candidates))


@every_reranker
@pytest.mark.usefixtures("unchecked")
def test_wrong_shapes(build):
    scorer = build()
    states, candidates = pairs(scorer)
    with pytest.raises(ValueError, match=r"states of shape \(rows, 3\); got \(2, 2\)"):
        scorer(states[:, :2], candidates)
    with pytest.raises(ValueError, match=r"vectors of shape \(2, candidates, .\); got \(2, 5, 2\)"):
        scorer(states, candidates[..., :2])
    with pytest.raises(ValueError, match=r"vectors of shape \(2, candidates, .\); got \(1, 5, .\)"):
        scorer(states, candidates[:1])  # would be scored for both rows


def test_wrong_sizes():
    with pytest.raises(ValueError, match="rank and width; got 3, 4, 2, 0 and 128"):
        DCNScorer(3, 4, rank=0)
