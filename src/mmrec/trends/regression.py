"""Multinomial logistic regression with few features, by Newton's method."""

import torch
from jaxtyping import Float
from torch import Tensor

STEPS = 50
ROWS = 64
ENOUGH = 1e-3
"""The last step is one that gains less than this log likelihood, summed over rows."""

HALVINGS = 10


def fit_softmax(
    features: Float[Tensor, "N C K"],
    offset: Float[Tensor, "N C"],
    prior: Float[Tensor, " K"],
    *,
    l2: float = 1.0,
) -> Float[Tensor, " K"]:
    """Return the weights under which the first candidate of each row is most likely chosen.

    It minimizes ``Σ_n [logsumexp_c(offset + F w) - (F w)_0] + l2 / 2 · |w - prior|²``, which is
    convex.

    Args:
        features: features of each candidate of each row.
        offset: what is added to each candidate's score; ``-inf`` for none.
        prior: weights that the penalty draws to.
        l2: strength of the penalty: 1 is a normal prior of variance 1.

    Returns:
        The weights, float64.

    Example:
        >>> features = torch.tensor([[[1.0], [0.0]]] * 3 + [[[0.0], [1.0]]])
        >>> weights = fit_softmax(features, torch.zeros(4, 2), torch.zeros(1), l2=1e-6)
        >>> round(float(weights.exp()), 3)  # three of four chose the first
        3.0
    """
    start = prior.double()
    weights = torch.zeros_like(start)  # there the curvature is large, whatever the scale of scores
    value, gradient, curvature = _terms(features, offset, weights, start, l2)
    for _ in range(STEPS):
        step = torch.linalg.solve(curvature, gradient)
        expected = float(gradient @ step)
        if expected < ENOUGH:
            weights = weights - step
            break
        # The largest of 1, 1/2, 1/4, … that lowers the value by a part of what is expected.
        for halvings in range(HALVINGS):
            tried = weights - step * 0.5**halvings
            found = _terms(features, offset, tried, start, l2)
            if found[0] <= value - 0.1 * 0.5**halvings * expected:
                break
        else:
            break  # rounding: there is nothing left to gain
        weights, (value, gradient, curvature) = tried, found
    return weights


def softmax_errors(
    features: Float[Tensor, "N C K"],
    offset: Float[Tensor, "N C"],
    weights: Float[Tensor, " K"],
    *,
    l2: float = 1.0,
) -> Float[Tensor, " K"]:
    """Return the standard errors of weights of :func:`fit_softmax`, float64.

    They are the roots of the diagonal of the inverse of the Hessian, for rows that are independent.

    Args:
        features: features of each candidate of each row.
        offset: what is added to each candidate's score; ``-inf`` for none.
        weights: the weights that were found.
        l2: strength of the penalty.

    Example:
        >>> features = torch.tensor([[[1.0], [0.0]]] * 300 + [[[0.0], [1.0]]] * 100)
        >>> weights = fit_softmax(features, torch.zeros(400, 2), torch.zeros(1), l2=1e-6)
        >>> errors = softmax_errors(features, torch.zeros(400, 2), weights, l2=1e-6)
        >>> round(float(errors), 3)  # of a log odds: the root of 1 / 300 + 1 / 100
        0.115
    """
    _, _, curvature = _terms(features, offset, weights, weights, l2)
    errors: Tensor = torch.linalg.inv(curvature).diagonal().sqrt()
    return errors


def _terms(
    features: Tensor, offset: Tensor, weights: Tensor, prior: Tensor, l2: float
) -> tuple[float, Float[Tensor, " K"], Float[Tensor, "K K"]]:
    """Return the value of the objective, its gradient and its Hessian."""
    value = float(0.5 * l2 * ((weights - prior) ** 2).sum())
    gradient = l2 * (weights - prior)
    curvature = l2 * torch.eye(len(weights), dtype=torch.float64)
    for start in range(0, len(features), ROWS):
        block = features[start : start + ROWS]
        block = block - block[:, :1]  # a constant of all candidates must not cost digits
        logits = offset[start : start + ROWS] + block @ weights.float()
        share = logits.softmax(1)
        mean = share.unsqueeze(1) @ block
        spread = ((block - mean) * share.sqrt().unsqueeze(2)).flatten(0, 1)
        value += float(logits.logsumexp(1).double().sum())
        gradient = gradient + mean.squeeze(1).double().sum(0)
        curvature = curvature + (spread.T @ spread).double()
    return value, gradient, curvature
