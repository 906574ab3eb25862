import numpy as np
import pytest
import torch
from scipy.special import erf

from mmrec.scoring import DCNScorer


def numbers(tensor):
    return tensor.detach().double().numpy()


def reference(scorer, state, candidate):
    """The formulas of the paper for one pair, with the matrix U V of each layer written out."""
    matched = state
    if not isinstance(scorer.match, torch.nn.Identity):
        matched = numbers(scorer.match.weight) @ state + numbers(scorer.match.bias)
    first = np.concatenate([state, candidate, matched * candidate])
    first = (first - first.mean()) / np.sqrt(first.var() + scorer.norm.eps)
    first = first * numbers(scorer.norm.weight) + numbers(scorer.norm.bias)
    last = first
    for cross in scorer.crosses:
        matrix = numbers(cross.up.weight) @ numbers(cross.down.weight)
        last = first * (matrix @ last + numbers(cross.up.bias)) + last
    hidden = numbers(scorer.hidden[0].weight) @ last + numbers(scorer.hidden[0].bias)
    hidden = hidden * (1 + erf(hidden / np.sqrt(2))) / 2  # GELU
    return float(numbers(scorer.score.weight)[0] @ hidden + numbers(scorer.score.bias)[0])


@pytest.mark.parametrize("interest_dim", [3, 4])
@pytest.mark.parametrize("layers", [1, 3])
def test_equals_the_formulas_of_the_paper(stirred, interest_dim, layers):
    scorer = DCNScorer(interest_dim, 4, layers=layers, rank=2, width=5, dropout=0.0)
    scorer = stirred(scorer).double()
    states = torch.randn(2, interest_dim, dtype=torch.float64)
    candidates = torch.randn(2, 3, 4, dtype=torch.float64)
    scores = scorer(states, candidates)
    for n in range(2):
        for k in range(3):
            expected = reference(scorer, states[n].numpy(), candidates[n, k].numpy())
            assert scores[n, k].item() == pytest.approx(expected, rel=1e-9)


def test_long_vectors_keep_scores_in_range(stirred):
    scorer = stirred(DCNScorer(4, 4, layers=3, rank=2, width=5, dropout=0.0))
    states, candidates = torch.randn(2, 4), torch.randn(2, 3, 4)
    once, long = (scorer(states * length, candidates * length) for length in (1.0, 100.0))
    assert long.abs().max() < 100 * once.abs().max()  # without the norm it grows by 10^16
