from inspect import unwrap

import pytest
import torch
import torch.nn.functional as F

from mmrec.scoring import DotScorer

OPTIONS = [
    {},
    {"temperature": 0.1},
    {"temperature": 0.1, "learn_temperature": False},
    {"normalize": True},
    {"item_bias": True},
    {"normalize": True, "temperature": 0.05, "item_bias": True},
]


def scorer_with(options, dim=4):
    scorer = DotScorer(dim=dim, **options)
    if scorer.bias is not None:
        torch.nn.init.normal_(scorer.bias.weight)
        torch.nn.init.normal_(scorer.bias.bias)
    return scorer


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize(("rows", "items"), [(1, 1), (3, 5)])
def test_equals_a_loop(options, rows, items):
    scorer = scorer_with(options)
    states, vectors = torch.randn(rows, 4), torch.randn(items, 4)
    scores = scorer(states, vectors)
    assert scores.shape == (rows, items)
    for n in range(rows):
        for p in range(items):
            if options.get("normalize"):
                expected = F.cosine_similarity(states[n], vectors[p], dim=0)
            else:
                expected = sum(a * b for a, b in zip(states[n], vectors[p], strict=True))
            expected = expected / options.get("temperature", 1.0)
            if options.get("item_bias"):
                expected = expected + scorer.bias.weight[0] @ vectors[p] + scorer.bias.bias[0]
            assert scores[n, p].item() == pytest.approx(expected.item(), abs=1e-4)


@pytest.mark.parametrize("options", OPTIONS)
def test_a_bias_is_one_more_coordinate_of_the_index(options):
    scorer = scorer_with(options)
    width = 5 if options.get("item_bias") else 4
    assert scorer.index_vectors(torch.randn(5, 4)).shape == (5, width)
    assert scorer.index_queries(torch.randn(3, 4)).shape == (3, width)


def test_zero_vectors_have_a_finite_cosine():
    scores = DotScorer(normalize=True)(torch.zeros(1, 4), torch.zeros(2, 4))
    assert scores.tolist() == [[0, 0]]


@pytest.mark.parametrize("options", OPTIONS)
def test_float32_scores_under_autocast_and_from_half_precision(options):
    scorer = scorer_with(options)
    states, vectors = torch.randn(3, 4), torch.randn(5, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        scores = scorer(states, vectors)
    assert scores.dtype == torch.float32
    assert torch.equal(scores, scorer(states, vectors))
    assert scorer.bfloat16()(states.bfloat16(), vectors.bfloat16()).dtype == torch.float32


def test_temperature_is_learned_and_stays_positive():
    scorer = DotScorer(temperature=1.0)
    optimizer = torch.optim.SGD(scorer.parameters(), lr=10.0)
    scorer(torch.ones(1, 2), torch.ones(1, 2)).sum().backward()
    optimizer.step()  # smaller scores: a higher temperature
    assert 0 < scorer.log_scale.exp().item() < 1


def test_a_fixed_temperature_is_no_parameter_and_is_saved():
    scorer = DotScorer(temperature=0.5, learn_temperature=False)
    assert not list(scorer.parameters())
    assert scorer.state_dict()["log_scale"].exp().item() == pytest.approx(2)


def test_errors():
    with pytest.raises(ValueError, match="positive temperature; got 0"):
        DotScorer(temperature=0.0)
    with pytest.raises(ValueError, match="item_bias=True expects dim; got None"):
        DotScorer(item_bias=True)
    with pytest.raises(ValueError, match="the same width; got 4 and 3"):
        unwrap(DotScorer.forward)(DotScorer(), torch.zeros(1, 4), torch.zeros(1, 3))
