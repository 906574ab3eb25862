import numpy as np
import pytest
import torch

from mmrec.trends.regression import fit_softmax

pytest.importorskip("scipy")


def objective(features, offset, prior, l2):
    def value(weights):
        logits = offset + features @ weights
        largest = logits.max(1, keepdims=True)
        total = np.log(np.exp(logits - largest).sum(1)) + largest[:, 0]
        likelihood = (total - (features @ weights)[:, 0]).sum()
        return likelihood + 0.5 * l2 * ((weights - prior) ** 2).sum()

    return value


@pytest.mark.parametrize("l2", [0.1, 1.0, 50.0])
def test_weights_are_those_of_a_general_optimizer(l2):
    from scipy.optimize import minimize

    rng = np.random.default_rng(0)
    features = rng.normal(size=(300, 7, 3))
    features[:, 0, 1] += 0.7  # what is chosen has more of the second feature
    offset, prior = rng.normal(size=(300, 7)), np.array([1.0, 0.0, 0.0])
    offset[:, 1:][rng.random((300, 6)) < 0.2] = -np.inf
    expected = minimize(objective(features, offset, prior, l2), prior, tol=1e-10).x
    tensors = [torch.from_numpy(part).float() for part in (features, offset, prior)]
    np.testing.assert_allclose(fit_softmax(*tensors, l2=l2), expected, atol=2e-3)


def test_rows_with_one_candidate_and_far_scores_keep_the_prior():
    features = torch.full((5, 3, 2), 30.0)
    offset = torch.tensor([0.0, -torch.inf, -torch.inf]).expand(5, 3)
    prior = torch.tensor([1.0, 0.0])
    torch.testing.assert_close(fit_softmax(features, offset, prior), prior.double())


def test_separable_choices_stay_finite():
    features = torch.zeros(200, 4, 1)
    features[:, 0] = 40.0
    weights = fit_softmax(features, torch.zeros(200, 4), torch.zeros(1))
    assert 0 < float(weights) < 10


@pytest.mark.parametrize("scale", [1.0, 100.0, 1000.0])
@pytest.mark.parametrize("shift", [0.0, 1000.0])
def test_large_scores_are_fitted_too(scale, shift):
    """From scores of that size, a softmax with the weight 1 has no curvature to start from."""
    rng = torch.Generator().manual_seed(0)
    features = torch.randn(300, 50, 2, generator=rng)
    logits = features @ torch.tensor([0.5, 2.0])
    chosen = torch.distributions.Categorical(logits=logits)
    torch.manual_seed(0)
    places = chosen.sample()
    rows = torch.arange(300)
    features[rows, 0], features[rows, places] = features[rows, places], features[rows, 0].clone()
    features[..., 0] = features[..., 0] * scale + shift
    weights = fit_softmax(features, torch.zeros(300, 50), torch.tensor([1.0, 0.0]), l2=1e-6)
    usual = fit_softmax(
        (features - torch.tensor([shift, 0.0])) / torch.tensor([scale, 1.0]),
        torch.zeros(300, 50),
        torch.zeros(2),
        l2=1e-6,
    )
    found = weights * torch.tensor([scale, 1.0])
    torch.testing.assert_close(found, usual, rtol=0.01, atol=0.01)
