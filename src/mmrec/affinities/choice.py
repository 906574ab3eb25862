"""Which terms lift the ranking of validation events, and their weights."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from mmrec.affinities.candidates import Terms, candidates_of
from mmrec.trends import clustered_error, fit_softmax

FOLDS = 5
K = 10
"""Length of the lists whose NDCG must gain."""

ERRORS = 1.0
"""Standard errors by which the gain of a further term must exceed 0."""

LEAST_SCALE = 0.02
"""The least factor of the model's score: below it, weights have no bound."""


def choose_weights(
    terms: Terms,
    names: list[str],
    target: Int[np.ndarray, " N"],
    user: Shaped[np.ndarray, " N"],
    *,
    seed: int = 0,
) -> tuple[dict[str, float], dict[str, Any]]:
    """Return the weights of the terms that lift NDCG@10, one after the other, and what each gained.

    The weights are those of a multinomial logistic regression over the catalogue, in units of the
    model's score. A term is added if it lifts NDCG@10 by more than a standard error of the paired
    difference. Users are divided into five folds; each is ranked with weights that were fitted on
    the others.

    Args:
        terms: the model's score and the terms for some requests, see :data:`Terms`.
        names: names of the terms after the model's score.
        target: the item that each request led to.
        user: the user of each request.
        seed: seed of the draws.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> target, noise = rng.integers(1, 60, 200), rng.normal(size=(200, 2, 61))
        >>> noise[np.arange(200), 1, target] += 3.0  # the second term knows it
        >>> table = torch.from_numpy(noise).float()
        >>> weights, facts = choose_weights(lambda rows: table[rows], ["near"], target, target)
        >>> list(weights), facts["gain"] > 0.2
        (['near'], True)
    """
    features, offset = candidates_of(terms, target, seed)
    fold = _folds(user, seed)
    before = _gains(features[:, :, 0], offset)
    start, chosen, steps = before, list[int](), list[dict[str, Any]]()
    while len(chosen) < len(names):
        tried = {}
        for number in range(1, len(names) + 1):
            if number not in chosen:
                columns = [0, *chosen, number]
                after = _crossed(features, offset, columns, fold)
                gain, error = float((after - before).mean()), clustered_error(after - before, user)
                tried[number] = (gain, error, after)
        best = max(tried, key=lambda number: tried[number][0])
        gain, error, after = tried[best]
        steps.append(
            {names[n - 1]: {"gain": g, "standard_error": e} for n, (g, e, _) in tried.items()}
        )
        if not gain > ERRORS * error:
            break
        chosen.append(best)
        before = after
    found = {}
    if chosen:
        fitted = _fit(features, offset, [0, *chosen], np.ones(len(target), dtype=bool))
        found = {names[n - 1]: float(w) for n, w in zip(chosen, fitted[1:], strict=True)}
    facts = {
        "requests": len(target),
        "ndcg@10": float(start.mean()),
        "gain": float((before - start).mean()),
        "standard_error": clustered_error(before - start, user),
        "steps": steps,
        "weights": found,
    }
    return found, facts


def _crossed(
    features: Tensor, offset: Tensor, columns: list[int], fold: Int[np.ndarray, " N"]
) -> Float[np.ndarray, " N"]:
    """Return the NDCG@10 of each row with weights that were fitted on the other folds."""
    gains = np.zeros(len(fold))
    for own in range(FOLDS):
        rows = fold == own
        if not rows.any() or rows.all():
            continue
        weights = _fit(features, offset, columns, ~rows)
        index = torch.from_numpy(np.flatnonzero(rows))
        gains[rows] = _gains(features[index][:, :, columns] @ weights, offset[index])
    return gains


def _fit(
    features: Tensor, offset: Tensor, columns: list[int], rows: Shaped[np.ndarray, " N"]
) -> Float[Tensor, " K"]:
    """Return the weights of some terms, the model's score first with the weight 1."""
    index = torch.from_numpy(np.flatnonzero(rows))
    prior = torch.zeros(len(columns))
    prior[0] = 1.0
    fitted = fit_softmax(features[index][:, :, columns], offset[index], prior)
    return (fitted / fitted[0].clamp(min=LEAST_SCALE)).float()


def _gains(scores: Float[Tensor, "N C"], offset: Float[Tensor, "N C"]) -> Float[np.ndarray, " N"]:
    """Return the NDCG@10 of the first candidate of each row; ties count against it."""
    others = scores.masked_fill(torch.isinf(offset), -torch.inf)
    rank = (others >= scores[:, :1]).sum(1)
    reachable = torch.isfinite(offset[:, 1:]).any(1)
    gain = torch.where((rank <= K) & reachable, 1 / (1 + rank.double()).log2(), 0.0)
    found: np.ndarray = gain.numpy()
    return found


def _folds(user: Shaped[np.ndarray, " N"], seed: int) -> Int[np.ndarray, " N"]:
    """Return the fold of each row, the same for all rows of a user."""
    ids, rows = np.unique(user, return_inverse=True)
    return (np.random.default_rng(seed).permutation(len(ids)) % FOLDS)[rows]
