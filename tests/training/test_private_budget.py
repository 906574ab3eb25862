import math

import pytest

from mmrec.training.private_budget import noise_multiplier, spent

pytest.importorskip("opacus")


def test_the_noise_costs_what_is_asked_for_and_no_more():
    from opacus.accountants import RDPAccountant

    accountant = RDPAccountant()
    noise = noise_multiplier(8.0, 1e-4, 0.1, 30)
    for _ in range(30):
        accountant.step(noise_multiplier=noise, sample_rate=0.1)
    assert 8.0 * 0.999 <= spent(accountant, 1e-4) <= 8.0


def test_the_noise_suffices_by_the_exact_bound_of_the_gaussian_mechanism():
    """Balle and Wang (arXiv 1805.06083): delta of the mechanism, without Rényi's detour."""
    epsilon, delta, steps = 2.0, 1e-4, 9
    sigma = noise_multiplier(epsilon, delta, 1.0, steps) / math.sqrt(steps)

    def below(value):
        return 0.5 * math.erfc(-value / math.sqrt(2))

    def exact(sigma):
        a, b = 0.5 / sigma, epsilon * sigma
        return below(a - b) - math.exp(epsilon) * below(-a - b)

    assert exact(sigma) < delta < exact(0.8 * sigma)


def test_a_budget_below_every_noise_is_refused():
    with pytest.raises(ValueError, match=r"no noise reaches epsilon 0.01 with delta 1e-06"):
        noise_multiplier(0.01, 1e-6, 1.0, 100)
