import numpy as np
import pytest
import torch

from mmrec.affinities.candidates import candidates_of
from mmrec.affinities.choice import (
    LEAST_ERRORS,
    LEAST_SCALE,
    choose_weights,
    ndcg,
    ndcg_with,
    whole_ndcg,
)


def planted(signal, seed=0, requests=300, items=80):
    """Scores of a model and of a term that know the target by `signal` standard deviations."""
    rng = np.random.default_rng(seed)
    target, noise = rng.integers(1, items, requests), rng.normal(size=(requests, 2, items + 1))
    for term, strength in enumerate(signal):
        noise[np.arange(requests), term, target] += strength
    table = torch.from_numpy(noise).float()
    table[:, 0, 0] = -torch.inf
    return target, lambda rows: table[rows]


def test_a_term_that_knows_more_is_chosen():
    target, terms = planted((1.0, 2.5))
    weights, facts = choose_weights(terms, ["near"], target, np.arange(len(target)))
    assert weights["near"] > 1
    assert facts["gain"] > 2 * facts["standard_error"]


@pytest.mark.parametrize("seed", range(3))
def test_noise_is_not_chosen(seed):
    target, terms = planted((3.0, 0.0), seed)
    weights, facts = choose_weights(terms, ["noise"], target, np.arange(len(target)), seed=seed)
    assert not weights
    assert facts["gain"] == 0


def test_a_term_that_says_nothing_is_never_chosen():
    target, terms = planted((1.0, 2.5))
    noise = torch.randn(len(target), 1, 80 + 1, generator=torch.Generator().manual_seed(0))
    with_noise = lambda rows: torch.cat([terms(rows), noise[rows]], 1)  # noqa: E731
    weights, facts = choose_weights(with_noise, ["near", "noise"], target, np.arange(len(target)))
    assert list(weights) == ["near"]
    left_out = facts["terms"]["noise"]
    assert left_out["weight"] <= LEAST_ERRORS * left_out["standard_error"]


def test_a_term_is_not_counted_twice():
    target, terms = planted((1.0, 2.5))
    twice = lambda rows: terms(rows)[:, [0, 1, 1]]  # noqa: E731
    alone, _ = choose_weights(terms, ["near"], target, np.arange(len(target)))
    weights, _ = choose_weights(twice, ["near", "again"], target, np.arange(len(target)))
    assert sum(weights.values()) == pytest.approx(alone["near"], rel=0.02)


def test_weights_are_those_of_the_model_that_made_the_targets():
    rng = np.random.default_rng(0)
    table = torch.from_numpy(rng.normal(size=(3000, 3, 41))).float()
    table[:, 0, 0] = -torch.inf
    logits = table[:, 0] + 2.0 * table[:, 1] + 0.5 * table[:, 2]
    target = torch.distributions.Categorical(logits=logits).sample().numpy()
    weights, facts = choose_weights(
        lambda rows: table[rows], ["a", "b"], target, np.arange(len(target))
    )
    assert weights == pytest.approx({"a": 2.0, "b": 0.5}, rel=0.15)
    assert facts["factor"] == pytest.approx(1.0, rel=0.1)


def test_a_model_that_says_nothing_has_a_small_factor():
    target, terms = planted((0.0, 3.0))
    weights, facts = choose_weights(terms, ["near"], target, np.arange(len(target)))
    assert facts["factor"] == LEAST_SCALE
    assert weights["near"] == pytest.approx(3.0 / LEAST_SCALE, rel=0.15)


@pytest.mark.parametrize("scale", [1.0, 10.0, 100.0])
def test_the_gain_is_that_of_the_ranking_that_is_served(scale):
    """Also where the model's score is large noise, so that its factor has its least value."""
    target, terms = planted((0.0, 3.0), requests=600)
    loud = lambda rows: terms(rows) * torch.tensor([scale, 1.0]).view(2, 1)  # noqa: E731
    weights, facts = choose_weights(loud, ["near"], target, np.arange(len(target)))
    table = loud(np.arange(len(target)))
    served = table[:, 0] + weights.get("near", 0.0) * table[:, 1]
    own = served[torch.arange(len(target)), torch.from_numpy(target)]
    rank = (served >= own.unsqueeze(1)).sum(1).double()
    ndcg = torch.where(rank <= 10, 1 / (1 + rank).log2(), 0.0).mean()
    assert facts["ndcg@10"] + facts["gain"] == pytest.approx(float(ndcg), abs=0.02)


def test_one_user_concludes_nothing():
    target, terms = planted((0.0, 3.0))
    assert not choose_weights(terms, ["near"], target, np.zeros(len(target)))[0]


def test_candidates_stand_for_all_items():
    target, terms = planted((1.0, 1.0), items=2000)
    features, offset = candidates_of(terms, target, seed=0)
    table = terms(np.arange(len(target)))
    assert torch.equal(
        features[:, 0], table[torch.arange(len(target)), :, torch.from_numpy(target)]
    )
    stands_for = offset.exp().sum(1)
    np.testing.assert_allclose(stands_for.numpy(), 2000, rtol=1e-4)


def test_a_target_that_is_not_recommended_has_no_say():
    target, terms = planted((1.0, 1.0))
    blocked = terms(np.arange(len(target))).clone()
    blocked[:10, 0, :][torch.arange(10), torch.from_numpy(target[:10])] = -torch.inf
    _, offset = candidates_of(lambda rows: blocked[rows], target, seed=0)
    assert torch.isinf(offset[:10, 1:]).all()
    assert torch.isfinite(offset[10:, 1:]).any(1).all()


def test_usual_weights_stay_unless_others_are_better():
    few, terms = planted((1.0, 2.5), requests=30)
    assert choose_weights(terms, ["near"], few, np.arange(30), usual={"near": 2.0})[0] == {
        "near": 2.0
    }
    target, terms = planted((1.0, 2.5), requests=600)
    alone, _ = choose_weights(terms, ["near"], target, np.arange(600))
    weights, facts = choose_weights(terms, ["near"], target, np.arange(600), usual={"near": -1.0})
    assert weights == pytest.approx(alone)
    assert facts["gain"] > 0.2
    nothing = np.zeros(0, dtype=int)
    assert choose_weights(terms, ["near"], nothing, nothing, usual={"gone": 1.0})[0] == {}


@pytest.mark.parametrize("seed", [0, 4, 5])
def test_a_term_that_lifts_targets_below_the_first_ten_places_is_chosen(seed):
    """Few of these targets enter the first ten places, so NDCG@10 alone is in doubt."""
    target, terms = planted((0.3, 0.4), seed, requests=1200, items=1000)
    weights, facts = choose_weights(terms, ["near"], target, np.arange(len(target)), seed=seed)
    assert facts["gain"] < 1.5 * facts["standard_error"]
    assert weights["near"] > 0


def test_the_whole_ranking_counts_what_candidates_stand_for():
    scores = torch.tensor([[1.0, 2.0, 1.0, 0.0], [1.0, 0.0, 0.0, 5.0], [3.0, 9.0, 9.0, 9.0]])
    offset = torch.tensor([[0.0, 0.0, 4.0, 9.0], [0.0, 0.0, 0.0, -torch.inf], [-torch.inf] * 4])
    offset[2, 0], offset[0, 1] = 0.0, np.log(6.0)
    found = whole_ndcg(scores, offset)  # places: 1 + 6 + exp(4), 1, none
    np.testing.assert_allclose(found, [1 / np.log2(8 + np.exp(4.0)), 1.0, 0.0])


def test_many_weights_at_once_are_each_alone():
    generator = torch.Generator().manual_seed(0)
    scores, term = torch.randn(2, 50, 30, generator=generator)
    offset = torch.zeros(50, 30)
    offset[:, 20:], offset[0, 1:] = -torch.inf, -torch.inf
    weights = [-2.0, 0.0, 0.5, 4.0]
    for weight, found in zip(weights, ndcg_with(scores, offset, term, weights), strict=True):
        total = (scores + weight * term)[:, :20]
        rank = 1 + (total[:, 1:] >= total[:, :1]).sum(1)
        expected = torch.where(rank <= 10, 1 / (1 + rank.double()).log2(), 0.0)
        expected[0] = 0.0  # its target may not be recommended
        np.testing.assert_allclose(found, expected)
        np.testing.assert_array_equal(found, ndcg(scores + weight * term, offset))
