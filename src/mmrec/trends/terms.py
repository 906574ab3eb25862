"""Which terms of a trend lift the ranking of requests, and their weights."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from mmrec.trends.age import age_values
from mmrec.trends.design import AGE, NOW, SCORE, STATIC, WIDTH, Row, design, rows_of
from mmrec.trends.regression import fit_softmax
from mmrec.trends.requests import Requests, Scores
from mmrec.trends.trend_history import TrendHistory
from mmrec.trends.weights import TrendWeights

K = 10
"""Length of the lists whose NDCG must gain."""

ERRORS = 2.0
"""Standard errors by which a gain must exceed 0; of three sets of terms, one is often lucky."""

LEAST_SCALE = 0.1
"""The least factor of the model's scores: below it, weights have no bound."""

_AGES = list(range(AGE, WIDTH))
TERMS = {
    "popularity": [SCORE, NOW, STATIC],
    "age": [SCORE, *_AGES],
    "popularity and age": [SCORE, NOW, STATIC, *_AGES],
}
"""The sets of terms that are tried, as columns of the features."""


def clustered_error(values: Float[np.ndarray, " N"], clusters: Shaped[np.ndarray, " N"]) -> float:
    """Return the standard error of a mean whose values are correlated within clusters.

    With one cluster it is infinite.

    References:
        Liang and Zeger, "Longitudinal data analysis using generalized linear models" (1986).

    Example:
        >>> clustered_error(np.array([1.0, 1.0, 3.0, 3.0]), np.array([0, 0, 1, 1]))
        1.0
    """
    _, rows = np.unique(clusters, return_inverse=True)
    sums = np.bincount(rows, weights=values - values.mean())
    if len(sums) < 2:
        return math.inf
    return float(np.sqrt(len(sums) / (len(sums) - 1) * (sums**2).sum()) / len(values))


def choose_terms(
    scores: Scores,
    requests: Requests,
    chosen: Int[np.ndarray, " N"],
    history: TrendHistory,
    seed: int,
) -> tuple[TrendWeights, dict[str, Any], Float[np.ndarray, " N"]]:
    """Return the weights of the best terms that gain, and what each set of terms gained.

    The last value is the NDCG@10 of each request with the terms that were chosen.
    """
    static, users = history.trend.static_feature, requests.user[chosen]
    features, offset = design(
        rows_of(scores, requests, chosen, history),
        len(chosen),
        static,
        np.random.default_rng(seed),
    )
    fold = _folds(users, seed)
    crossed = {
        name: [_fit(features, offset, columns, fold != own) for own in (0, 1)]
        for name, columns in TERMS.items()
    }
    before = np.zeros(len(chosen))
    after = {name: np.zeros(len(chosen)) for name in TERMS}
    for place, row in enumerate(rows_of(scores, requests, chosen, history)):
        before[place] = _gain(row, [])
        for name, weights in crossed.items():
            after[name][place] = _gain(row, _terms(row, static, weights[fold[place]]))
    terms = {name: compare(values, before, users) for name, values in after.items()}
    accepted = [
        name for name, facts in terms.items() if facts["gain"] > ERRORS * facts["standard_error"]
    ]
    best = max(accepted, key=lambda name: terms[name]["gain"], default=None)
    found = TrendWeights()
    if best is not None:
        found = _fit(features, offset, TERMS[best], np.ones(len(chosen), dtype=bool))
    facts = {
        "ndcg@10": float(before.mean()),
        "terms": {name: _finite(facts) for name, facts in terms.items()},
        "chosen": best,
        "weights": found.to_dict(),
    }
    return found, facts, before if best is None else after[best]


def gains_of(
    scores: Scores, requests: Requests, chosen: Int[np.ndarray, " N"], history: TrendHistory
) -> Float[np.ndarray, " N"]:
    """Return the NDCG@10 of each request with the weights of a trend."""
    static, weights = history.trend.static_feature, history.trend.weights
    rows = rows_of(scores, requests, chosen, history)
    return np.array([_gain(row, _terms(row, static, weights)) for row in rows])


def compare(
    after: Float[np.ndarray, " N"],
    before: Float[np.ndarray, " N"],
    users: Shaped[np.ndarray, " N"],
) -> dict[str, float]:
    """Return the mean of what is compared, its gain, and the standard error of that by user."""
    return {
        "ndcg@10": float(after.mean()),
        "gain": float((after - before).mean()),
        "standard_error": clustered_error(after - before, users),
    }


def _finite(facts: dict[str, float]) -> dict[str, float | None]:
    """Return facts with None for infinity, which JSON lacks."""
    return {name: value if math.isfinite(value) else None for name, value in facts.items()}


def _fit(
    features: Tensor, offset: Tensor, columns: list[int], rows: Shaped[np.ndarray, " N"]
) -> TrendWeights:
    """Return the weights of some terms, in units of the model's scores."""
    index = torch.from_numpy(np.flatnonzero(rows))
    prior = torch.zeros(len(columns))
    prior[0] = 1.0  # the model's scores as they are
    fitted = fit_softmax(features[index][:, :, columns], offset[index], prior)
    every = np.zeros(WIDTH)
    every[columns] = (fitted / fitted[0].clamp(min=LEAST_SCALE)).numpy()
    return TrendWeights(float(every[NOW]), float(every[STATIC]), tuple(every[AGE:].tolist()))


def _terms(row: Row, static: np.ndarray, weights: TrendWeights) -> list[np.ndarray]:
    """Return what the terms add to the scores of a row."""
    terms = [weights.now * row.now, weights.static * static]
    return [*terms, age_values(row.age, np.array(weights.age))] if any(weights.age) else terms


def _gain(row: Row, terms: Iterable[np.ndarray]) -> float:
    """Return the NDCG@10 of a row; ties count against the target."""
    if not row.reachable:
        return 0.0
    total = sum(terms, start=row.scores)
    rank = int((total >= total[row.target]).sum())
    return 1 / math.log2(1 + rank) if rank <= K else 0.0


def _folds(users: Shaped[np.ndarray, " N"], seed: int) -> Int[np.ndarray, " N"]:
    """Return 0 or 1 for each row, the same for all rows of a user."""
    ids, rows = np.unique(users, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(ids))
    return (order % 2)[rows]
