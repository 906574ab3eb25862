"""Which terms lift the ranking of validation events, and their weights."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from mmrec.affinities.candidates import Terms, candidates_of
from mmrec.trends import clustered_error

FOLDS = 5
K = 10
"""Length of the lists whose NDCG must gain."""

ERRORS = 1.5
"""Standard errors by which the gain of a further term must exceed 0; of several terms that say
nothing, one is often lucky."""

WEIGHTS = tuple(2.0**power for power in range(-2, 8))
"""Weights that are tried, in units of the model's score."""


def choose_weights(
    terms: Terms,
    names: list[str],
    target: Int[np.ndarray, " N"],
    user: Shaped[np.ndarray, " N"],
    *,
    seed: int = 0,
) -> tuple[dict[str, float], dict[str, Any]]:
    """Return the weights of the terms that lift NDCG@10, one after the other, and what each gained.

    The weight of a term is one of :data:`WEIGHTS`. A term is added if it lifts NDCG@10 by more than
    1.5 standard errors of the paired difference. Users are divided into five folds; each is ranked
    with the weight that is best for the others.

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
    columns, fold = dict(zip(names, range(1, len(names) + 1), strict=True)), folds(user, seed)
    score, found, steps = features[..., 0], dict[str, float](), list[dict[str, Any]]()
    first = before = gained = ndcg(score, offset)
    while columns:
        curves = {name: _curve(score, features[..., n], offset) for name, n in columns.items()}
        after = {name: _crossed(curve, fold) for name, curve in curves.items()}
        steps.append({name: compare(gains, before, user) for name, gains in after.items()})
        best = max(after, key=lambda name: after[name].mean())
        if not steps[-1][best]["gain"] > ERRORS * steps[-1][best]["standard_error"]:
            break
        found[best] = WEIGHTS[_best(curves[best])]
        score = score + found[best] * features[..., columns.pop(best)]
        # The total is that of weights for other users; the next gain is beside the weight of all.
        gained, before = after[best], ndcg(score, offset)
    facts = {"requests": len(target), "ndcg@10": float(first.mean()), "steps": steps}
    return found, {**facts, **compare(gained, first, user), "weights": found}


def _curve(
    score: Float[Tensor, "N C"], term: Float[Tensor, "N C"], offset: Float[Tensor, "N C"]
) -> Float[np.ndarray, "N W"]:
    """Return the NDCG@10 of each request with each weight of a term."""
    return np.stack([ndcg(score + weight * term, offset) for weight in WEIGHTS], axis=1)


def _crossed(
    curve: Float[np.ndarray, "N W"], fold: Int[np.ndarray, " N"]
) -> Float[np.ndarray, " N"]:
    """Return the NDCG@10 of each request with the weight that is best for the other folds."""
    gains = np.zeros(len(curve))
    for own in np.unique(fold):
        rows = fold == own
        gains[rows] = curve[rows, _best(curve[~rows])] if not rows.all() else 0.0
    return gains


def _best(curve: Float[np.ndarray, "N W"]) -> int:
    """Return the number of the best weight; a weight counts together with its neighbours."""
    mean = curve.mean(0)
    smooth = np.convolve(np.pad(mean, 1, mode="edge"), [0.25, 0.5, 0.25], mode="valid")
    return int(smooth.argmax())


def ndcg(scores: Float[Tensor, "N C"], offset: Float[Tensor, "N C"]) -> Float[np.ndarray, " N"]:
    """Return the NDCG@10 of the first candidate of each row; ties count against it."""
    others = scores.masked_fill(torch.isinf(offset), -torch.inf)
    rank = (others >= scores[:, :1]).sum(1)
    reachable = torch.isfinite(offset[:, 1:]).any(1)
    gain = torch.where((rank <= K) & reachable, 1 / (1 + rank.double()).log2(), 0.0)
    found: np.ndarray = gain.numpy()
    return found


def compare(
    after: Float[np.ndarray, " N"], before: Float[np.ndarray, " N"], user: Shaped[np.ndarray, " N"]
) -> dict[str, float]:
    """Return the mean gain and its standard error, clustered by user, 1 at most."""
    error = clustered_error(after - before, user)
    return {"gain": float((after - before).mean()), "standard_error": min(error, 1.0)}


def folds(user: Shaped[np.ndarray, " N"], seed: int) -> Int[np.ndarray, " N"]:
    """Return the fold of each row, the same for all rows of a user."""
    ids, rows = np.unique(user, return_inverse=True)
    return (np.random.default_rng(seed).permutation(len(ids)) % FOLDS)[rows]
