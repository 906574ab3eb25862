import numpy as np
import pytest
import torch

from mmrec.scoring import MixtureOfLogitsScorer


def numbers(tensor):
    return tensor.detach().double().numpy()


def linear(layer, values):
    return numbers(layer.weight) @ values + numbers(layer.bias)


def silu(values):
    return values / (1 + np.exp(-values))


def perceptron(mlp, values):
    return linear(mlp.layers[2], silu(linear(mlp.layers[0], values)))


def reference(scorer, state, candidate):
    """The formulas of the paper for one pair, one product at a time."""
    interests = linear(scorer.interest, state).reshape(scorer.interests, scorer.width)
    items = linear(scorer.item, candidate).reshape(scorer.items, scorer.width)
    logits = np.array(
        [f @ g / np.linalg.norm(f) / np.linalg.norm(g) for f in interests for g in items]
    )
    logits = logits / scorer.temperature
    gates = perceptron(scorer.interest_gate, state) * perceptron(scorer.item_gate, candidate)
    gates = np.exp(silu(gates + perceptron(scorer.pair_gate, logits)))
    return float(scorer.factor.detach()) * sum(gates / gates.sum() * logits)


def test_equals_the_formulas_of_the_paper(stirred):
    scorer = MixtureOfLogitsScorer(3, 4, interests=2, items=3, width=5, hidden=6, dropout=0.0)
    scorer = stirred(scorer).double()
    states = torch.randn(2, 3, dtype=torch.float64)
    candidates = torch.randn(2, 3, 4, dtype=torch.float64)
    scores = scorer(states, candidates)
    for n in range(2):
        for k in range(3):
            expected = reference(scorer, states[n].numpy(), candidates[n, k].numpy())
            assert scores[n, k].item() == pytest.approx(expected, rel=1e-9)


def test_scores_have_a_higher_rank_than_products_of_one_number(stirred):
    torch.manual_seed(0)
    scorer = stirred(MixtureOfLogitsScorer(1, 1, interests=2, items=2, width=1, hidden=8)).eval()
    states, items = torch.linspace(-2, 2, 6).unsqueeze(1), torch.linspace(-1, 2, 6).unsqueeze(1)
    scores = scorer(states, items.expand(6, 6, 1))
    assert torch.linalg.matrix_rank(states @ items.T) == 1
    assert torch.linalg.matrix_rank(scores, rtol=1e-3) > 1


def test_dropped_weights_only_in_training(stirred):
    scorer = stirred(MixtureOfLogitsScorer(3, 4, dropout=0.5))
    states, candidates = torch.randn(2, 3), torch.randn(2, 5, 4)
    assert not torch.equal(scorer(states, candidates), scorer(states, candidates))
    scorer.eval()
    weights = scorer.weights(states, candidates, scorer.logits(states, candidates))
    assert torch.allclose(weights.sum(-1), torch.ones(2, 5))


def test_errors():
    with pytest.raises(ValueError, match=r"width, hidden and temperature; got 3, 4, 4, 4, 32, 64"):
        MixtureOfLogitsScorer(3, 4, temperature=0.0)
