import numpy as np
import pytest
import torch

from mmrec.affinities.candidates import candidates_of
from mmrec.affinities.choice import choose_weights


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
    with_nothing = lambda rows: torch.cat([terms(rows), torch.zeros(len(rows), 1, 80 + 1)], 1)  # noqa: E731
    weights, facts = choose_weights(
        with_nothing, ["near", "nothing"], target, np.arange(len(target))
    )
    assert list(weights) == ["near"]
    assert facts["steps"][1]["nothing"]["gain"] <= 0


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
