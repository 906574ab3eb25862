"""Weights of a trend, by maximum likelihood on validation events, if these gain from it."""

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from mmrec.trends.age import age_values
from mmrec.trends.design import AGE, NOW, SCORE, STATIC, WIDTH, Row, design, rows_of
from mmrec.trends.events import ItemEvents
from mmrec.trends.half_life import choose_half_life, pseudo_count
from mmrec.trends.regression import fit_softmax
from mmrec.trends.requests import Requests, Scores
from mmrec.trends.trend import Trend, TrendHistory
from mmrec.trends.weights import TrendWeights

MOST_ROWS = 2000
K = 10
"""Length of the lists whose NDCG must gain."""

LEAST_SCALE = 0.1
"""The least factor of the model's scores: below it, weights have no bound."""

_AGES = list(range(AGE, WIDTH))
TERMS = {
    "popularity": [SCORE, NOW, STATIC],
    "age": [SCORE, *_AGES],
    "popularity and age": [SCORE, NOW, STATIC, *_AGES],
}
"""The sets of terms that are tried, as columns of the features."""


def fit_trend(
    scores: Float[Tensor, "N V1"] | Scores,
    requests: Requests,
    events: ItemEvents,
    train: ItemEvents,
    created: Float[np.ndarray, " V1"],
    *,
    seed: int = 0,
) -> tuple[Trend, dict[str, Any]]:
    """Fit a trend to requests, and leave out what does not lift their NDCG@10.

    The half-life is the most likely one. The weights are those of a multinomial logistic regression
    over the catalogue, in which the model's scores are fixed up to one factor. Popularity, age and
    both are tried: the users are divided into two halves, and each half is ranked with weights
    that were fitted on the other. The best set of terms is used if its mean gain in NDCG@10 is
    greater than the standard error of that (by user); otherwise all weights are 0.

    Args:
        scores: the model's scores for each request, or a function that returns those of some rows.
        requests: validation events of users with a history. At most 2,000 are used, a fixed draw.
        events: all events that a request may know of; those before its time count.
        train: the training events, for the long-run shares.
        created: see :func:`mmrec.trends.created_times`; first events tell where it is NaN.
        seed: seed of the draws.

    Returns:
        The trend at the end of ``events``, and facts about the choice in JSON values.

    Raises:
        ValueError: the scores are NaN or of another shape, or an item is not in the catalogue.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> hot = np.repeat(rng.integers(1, 50, 40), 50)  # each hour has its item
        >>> log = ItemEvents(hot, np.arange(2000) * 72.0)
        >>> train, late = log.before(1e5), np.arange(1400, 1900)
        >>> requests = Requests(log.item[late], log.time[late], late, np.zeros((2, 0), dtype=int))
        >>> created = np.full(51, np.nan)
        >>> trend, facts = fit_trend(torch.zeros(500, 51), requests, log, train, created)
        >>> trend.half_life, trend.active, facts["terms"]["popularity"]["gain"] > 0.5
        (3600.0, True, True)
    """
    chosen = _drawn(len(requests), seed)
    size = len(created) - 1
    half_life, likelihood = choose_half_life(
        events, train, requests.target[chosen], requests.at[chosen], size
    )
    trend = Trend.of(
        events,
        train.counts(size),
        half_life=half_life,
        pseudo_count=pseudo_count(train, half_life),
        created=created,
    )
    weights, facts = _choose_terms(
        _as_function(scores), requests, chosen, TrendHistory(trend, events), seed
    )
    about = {
        "requests": len(chosen),
        "users": len(np.unique(requests.user[chosen])),
        "half_life": _named(half_life),
        "log_likelihood": {str(_named(key)): value for key, value in likelihood.items()},
        "pseudo_count": trend.pseudo_count,
    }
    return replace(trend, weights=weights), about | facts


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


def _choose_terms(
    scores: Scores,
    requests: Requests,
    chosen: Int[np.ndarray, " N"],
    history: TrendHistory,
    seed: int,
) -> tuple[TrendWeights, dict[str, Any]]:
    """Return the weights of the best terms that gain, and what each set of terms gained."""
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
    terms = {name: _compare(values, before, users) for name, values in after.items()}
    accepted = [name for name, facts in terms.items() if facts["gain"] > facts["standard_error"]]
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
    return found, facts


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


def _compare(after: np.ndarray, before: np.ndarray, users: np.ndarray) -> dict[str, float]:
    return {
        "ndcg@10": float(after.mean()),
        "gain": float((after - before).mean()),
        "standard_error": clustered_error(after - before, users),
    }


def _finite(facts: dict[str, float]) -> dict[str, float | None]:
    """Return facts with None for infinity, which JSON lacks."""
    return {name: value if math.isfinite(value) else None for name, value in facts.items()}


def _folds(users: Shaped[np.ndarray, " N"], seed: int) -> Int[np.ndarray, " N"]:
    """Return 0 or 1 for each row, the same for all rows of a user."""
    ids, rows = np.unique(users, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(ids))
    return (order % 2)[rows]


def _drawn(number: int, seed: int) -> Int[np.ndarray, " N"]:
    if number <= MOST_ROWS:
        return np.arange(number)
    return np.sort(np.random.default_rng(seed).choice(number, MOST_ROWS, replace=False))


def _as_function(scores: Tensor | Scores) -> Scores:
    if isinstance(scores, Tensor):
        table = scores
        return lambda rows: table[torch.from_numpy(rows)]
    return scores


def _named(half_life: float) -> float | None:
    return None if math.isinf(half_life) else half_life
