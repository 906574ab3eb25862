import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.scoring import MLPScorer


@settings(max_examples=25, deadline=None)
@given(rows=st.integers(0, 6), items=st.integers(0, 5), depth=st.integers(1, 3))
def test_each_pair_has_the_score_that_it_has_alone(stirred, rows, items, depth):
    scorer = stirred(MLPScorer(3, 4, width=8, depth=depth, dropout=0.0))
    states, candidates = torch.randn(rows, 3), torch.randn(rows, items, 4)
    scores = scorer(states, candidates)
    assert scores.shape == (rows, items)
    for row in range(rows):
        for item in range(items):
            alone = scorer(states[row : row + 1], candidates[row : row + 1, item : item + 1])
            assert torch.allclose(scores[row, item], alone[0, 0], atol=1e-6)


def test_first_layer_is_that_of_the_pair(stirred):
    scorer = stirred(MLPScorer(3, 4, width=8, dropout=0.0))
    states, candidates = torch.randn(2, 3), torch.randn(2, 5, 4)
    weight = torch.cat([scorer.interest.weight, scorer.item.weight], dim=1)
    pairs = torch.cat([states.unsqueeze(1).expand(2, 5, 3), candidates], dim=-1)
    hidden = F.gelu(pairs @ weight.T + scorer.interest.bias)
    expected = hidden @ scorer.score.weight[0] + scorer.score.bias
    assert torch.allclose(scorer(states, candidates), expected, atol=1e-6)


def test_dropout_only_in_training(stirred):
    scorer = stirred(MLPScorer(3, 4, dropout=0.5))
    states, candidates = torch.randn(2, 3), torch.randn(2, 5, 4)
    assert not torch.equal(scorer(states, candidates), scorer(states, candidates))
    scorer.eval()
    assert torch.equal(scorer(states, candidates), scorer(states, candidates))


def test_float32_scores_under_autocast_and_from_half_precision(stirred):
    scorer = stirred(MLPScorer(3, 4, depth=2, dropout=0.0))
    states, candidates = torch.randn(2, 3), torch.randn(2, 5, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        scores = scorer(states, candidates)
    assert scores.dtype == torch.float32
    assert torch.allclose(scores, scorer(states, candidates), atol=0.05)
    assert scorer.bfloat16()(states.bfloat16(), candidates.bfloat16()).dtype == torch.float32


def test_learns_what_no_product_can():
    """Which of three numbers is the same: 0 times anything is 0, so a product cannot say."""
    torch.manual_seed(0)
    scorer = MLPScorer(1, 1, width=16, dropout=0.0)
    states = torch.tensor([[1.0], [-1.0], [0.0]])
    vectors = torch.tensor([[1.0], [-1.0], [0.0]])
    near = (states == vectors.T).float()
    candidates = vectors.expand(3, 3, 1)
    optimizer = torch.optim.Adam(scorer.parameters(), lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(scorer(states, candidates), near)
        loss.backward()
        optimizer.step()
    assert ((scorer(states, candidates) > 0).float() == near).all()


def test_it_adds_nothing_at_the_start():
    assert not MLPScorer(3, 4, dropout=0.0)(torch.randn(2, 3), torch.randn(2, 5, 4)).any()


def test_errors():
    with pytest.raises(ValueError, match="got 3, 4, 0 and 1"):
        MLPScorer(3, 4, width=0)


@pytest.mark.usefixtures("unchecked")
def test_wrong_shapes():
    scorer, states, items = MLPScorer(3, 4, dropout=0.0), torch.zeros(2, 3), torch.zeros(2, 5, 4)
    with pytest.raises(ValueError, match=r"states of shape \(rows, 3\); got \(2, 4\)"):
        scorer(torch.zeros(2, 4), items)
    with pytest.raises(ValueError, match=r"vectors of shape \(2, candidates, 4\); got \(2, 5, 3\)"):
        scorer(states, items[..., :3])
    with pytest.raises(ValueError, match=r"vectors of shape \(2, candidates, 4\); got \(1, 5, 4\)"):
        scorer(states, items[:1])  # would be scored for both rows
