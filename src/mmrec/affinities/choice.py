"""Which terms lift the ranking of validation events, and their weights."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from mmrec.affinities.candidates import Terms, candidates_of
from mmrec.trends import clustered_error, fit_softmax, softmax_errors

LARGEST = 200_000
"""Items up to which affinities are tried: tables of 100 neighbours each are kept in memory."""

FOLDS = 5
K = 10
"""Length of the lists whose NDCG must gain."""

ERRORS = 1.5
"""Standard errors by which the gain of the terms together, in the whole ranking, must exceed 0."""

LEAST_ERRORS = 2.0
"""Standard errors by which the weight of each term must exceed 0."""

NOTHING: Mapping[str, Any] = {
    **{"requests": 0, "ndcg@10": 0.0, "gain": 0.0, "standard_error": 1.0},
    **{"whole": {"gain": 0.0, "standard_error": 1.0}, "factor": 1.0, "terms": {}, "weights": {}},
}
"""What is said of a choice that was not made."""

LEAST_SCALE = 0.1
"""The least factor of the model's score: below it, weights have no bound."""


def choose_weights(
    terms: Terms,
    names: list[str],
    target: Int[np.ndarray, " N"],
    user: Shaped[np.ndarray, " N"],
    *,
    usual: Mapping[str, float] | None = None,
    seed: int = 0,
) -> tuple[dict[str, float], dict[str, Any]]:
    """Return the most likely weights of terms, if these lift NDCG@10, and facts for the report.

    The weights are those of a multinomial logistic regression over the catalogue, in which the
    model's score has a factor too. A term whose weight is less than two standard errors above 0 is
    left out, the one with the lowest ratio first. All together are kept if they lift NDCG of the
    whole ranking by more than 1.5 standard errors of the paired difference, and NDCG@10 too. A
    ranking that is not cut after ten items needs fewer events to tell whether terms help: a target
    that rises from place 60 to 20 counts. For that, users are divided into five folds; each is
    ranked with weights that are most likely for the others. Weights are given in units of the
    model's score: divided by its factor, which is .1 at least. In the facts, ``"terms"`` has the
    weights before that, when each term was kept or left out, and ``"whole"`` the gain of the whole
    ranking. ``usual`` weights, those of a recommender that is updated, stay unless others gain as
    much beyond them.

    Args:
        terms: the model's score and the terms for some requests, see :data:`Terms`.
        names: names of the terms after the model's score.
        target: the item that each request led to.
        user: the user of each request.
        usual: weights that stay if no others are better; by default none.
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
    usual = {name: weight for name, weight in (usual or {}).items() if name in names}
    if not len(target):
        return usual, dict(NOTHING)
    features, offset = candidates_of(terms, target, seed)
    fold, alone = folds(user, seed), features[..., 0]
    with_usual = alone
    for name, weight in usual.items():
        with_usual = with_usual + weight * features[..., 1 + names.index(name)]
    kept, tried = certain(features, offset, names)
    features = features[..., [0, *(1 + names.index(name) for name in kept)]]
    scores = alone.clone()
    for own in np.unique(fold):
        if kept and (fold != own).any():
            rest, rows = torch.from_numpy(fold != own), torch.from_numpy(fold == own)
            weights, _ = _in_units(features[rest], offset[rest])
            scores[rows] = features[rows][..., 0] + features[rows][..., 1:] @ weights.float()
    before, stays, after = (ndcg(some, offset) for some in (alone, with_usual, scores))
    gained = compare(after, stays, user)
    whole = compare(whole_ndcg(scores, offset), whole_ndcg(with_usual, offset), user)
    if gained["gain"] > 0 and whole["gain"] > ERRORS * whole["standard_error"]:
        weights, factor = _in_units(features, offset)
        found = dict(zip(kept, weights.tolist(), strict=True))
    else:
        after, found, factor = stays, usual, 1.0
        if usual:
            factor = max(float(most_likely(with_usual.unsqueeze(-1), offset)[0]), LEAST_SCALE)
    if usual:
        gained = compare(after, before, user)
    facts = {"requests": len(target), "ndcg@10": float(before.mean()), **gained, "whole": whole}
    return found, {**facts, "factor": factor, "terms": tried, "weights": found}


def _in_units(
    features: Float[Tensor, "N C K"], offset: Float[Tensor, "N C"]
) -> tuple[Float[Tensor, " _"], float]:
    """Return the most likely weights in units of the model's score, and the factor of that."""
    weights = most_likely(features, offset)
    factor = float(weights[0])
    if factor >= LEAST_SCALE:
        return weights[1:] / factor, factor
    fixed = offset + LEAST_SCALE * features[..., 0]
    return most_likely(features[..., 1:], fixed, first=0) / LEAST_SCALE, LEAST_SCALE


def certain(
    features: Float[Tensor, "N C K"], offset: Float[Tensor, "N C"], names: list[str]
) -> tuple[list[str], dict[str, dict[str, float]]]:
    """Return the terms whose weights are certain, and each weight when it was kept or left out.

    Args:
        features: columns that are always kept, and then a column for each name.
        offset: what is added to each candidate's score; ``-inf`` for none.
        names: names of the terms.
    """
    first = features.shape[-1] - len(names)
    kept, tried = list(names), dict[str, dict[str, float]]()
    while kept:
        columns = [*range(first), *(first + names.index(name) for name in kept)]
        some = features[..., columns]
        weights = most_likely(some, offset, first)
        errors = softmax_errors(some, offset, weights)
        pairs = zip(weights[first:].tolist(), errors[first:].tolist(), strict=True)
        found = {
            name: {"weight": weight, "standard_error": error}
            for name, (weight, error) in zip(kept, pairs, strict=True)
        }
        worst = min(kept, key=lambda name: found[name]["weight"] / found[name]["standard_error"])
        if found[worst]["weight"] > LEAST_ERRORS * found[worst]["standard_error"]:
            return kept, tried | found
        tried[worst] = found[worst]
        kept.remove(worst)
    return kept, tried


def most_likely(
    features: Float[Tensor, "N C K"], offset: Float[Tensor, "N C"], first: int = 1
) -> Float[Tensor, " K"]:
    """Return the most likely weights; those of the ``first`` columns are drawn to 1."""
    prior = torch.zeros(features.shape[-1])
    prior[:first] = 1.0  # the model's score as it is
    return fit_softmax(features, offset, prior)


def ndcg(scores: Float[Tensor, "N C"], offset: Float[Tensor, "N C"]) -> Float[np.ndarray, " N"]:
    """Return the NDCG@10 of the first candidate of each row; ties count against it."""
    return _first(_candidates_alone(scores, offset), _reachable(offset))


def whole_ndcg(
    scores: Float[Tensor, "N C"], offset: Float[Tensor, "N C"]
) -> Float[np.ndarray, " N"]:
    """Return the NDCG of the first candidate of each row, in a ranking that is not cut.

    A candidate counts as many places as it stands for; ties count against the first one.
    """
    places: Float[Tensor, "N C"] = offset.double().exp() * (scores >= scores[:, :1])
    gain = torch.where(_reachable(offset), 1 / (2 + places[:, 1:].sum(1)).log2(), 0.0)
    found: np.ndarray = gain.numpy()
    return found


def ndcg_with(
    scores: Float[Tensor, "N C"],
    offset: Float[Tensor, "N C"],
    term: Float[Tensor, "N C"],
    weights: Iterable[float],
) -> list[Float[np.ndarray, " N"]]:
    """Return the NDCG@10 of the first candidate of each row for each weight of a term."""
    alone, reachable = _candidates_alone(scores, offset), _reachable(offset)
    return [_first(alone + weight * term, reachable) for weight in weights]


def places(
    scores: Float[Tensor, "N C"], some: Float[Tensor, "N C"], offset: Float[Tensor, "N C"]
) -> float:
    """Return the share of the places of lists of ten that some candidates, marked by 1, take."""
    if not len(scores):
        return 0.0
    best = _candidates_alone(scores, offset).topk(min(K, scores.shape[1]))
    taken = some.gather(1, best.indices) * torch.isfinite(best.values)
    return float(taken.sum() / K / len(scores))


def _candidates_alone(
    scores: Float[Tensor, "N C"], offset: Float[Tensor, "N C"]
) -> Float[Tensor, "N C"]:
    return scores.masked_fill(torch.isinf(offset), -torch.inf)


def _reachable(offset: Float[Tensor, "N C"]) -> Bool[Tensor, " N"]:
    return torch.isfinite(offset[:, 1:]).any(1)


def _first(scores: Float[Tensor, "N C"], reachable: Bool[Tensor, " N"]) -> Float[np.ndarray, " N"]:
    rank = (scores >= scores[:, :1]).sum(1)
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
