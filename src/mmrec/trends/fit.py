"""Weights of a trend, by maximum likelihood on validation events, if these gain from it."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from mmrec.trends.events import ItemEvents
from mmrec.trends.half_life import HALF_LIVES, choose_half_life, pseudo_count, shorter_times
from mmrec.trends.requests import Requests, Scores
from mmrec.trends.terms import ERRORS, choose_terms, compare, gains_of
from mmrec.trends.trend import Trend
from mmrec.trends.trend_history import TrendHistory
from mmrec.trends.weights import TrendWeights

MOST_ROWS = 2000

AS_BEFORE = "as before"
"""In the facts of an update, the name of the terms that the recommender had."""


def fit_trend(
    scores: Float[Tensor, "N V1"] | Scores,
    requests: Requests,
    events: ItemEvents,
    train: ItemEvents,
    created: Float[np.ndarray, " V1"],
    *,
    usual: Trend | None = None,
    seed: int = 0,
) -> tuple[Trend, dict[str, Any]]:
    """Fit a trend to requests, and leave out what does not lift their NDCG@10.

    The half-life is the most likely one. The weights are those of a multinomial logistic regression
    over the catalogue, in which the model's scores are fixed up to one factor. Popularity, age and
    both are tried: the users are divided into two halves, and each half is ranked with weights
    that were fitted on the other. The best set of terms is used if its mean gain in NDCG@10 is
    greater than two standard errors (by user); otherwise all weights are 0. The half-life and the
    weights of a ``usual`` trend, that of a recommender that is updated, stay unless the new ones
    gain as much beyond them.

    Args:
        scores: the model's scores for each request, or a function that returns those of some rows.
        requests: validation events of users with a history. At most 2,000 are used, a fixed draw.
        events: all events that a request may know of; those before its time count.
        train: the training events, for the long-run shares.
        created: see :func:`mmrec.trends.created_times`; first events tell where it is NaN.
        usual: a trend that stays if no other is better.
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
        (300.0, True, True)
    """
    chosen = _drawn(len(requests), seed)
    size = len(created) - 1
    half_life, likelihood = choose_half_life(
        events,
        train,
        requests.target[chosen],
        requests.at[chosen],
        size,
        half_lives=sorted({*shorter_times(train.time), *HALF_LIVES}),
    )
    trend = Trend.of(
        events,
        train.counts(size),
        half_life=half_life,
        pseudo_count=pseudo_count(train, half_life),
        created=created,
    )
    given = _as_function(scores), requests, chosen
    weights, facts, after = choose_terms(*given, TrendHistory(trend, events), seed)
    about = {
        "requests": len(chosen),
        "users": len(np.unique(requests.user[chosen])),
        "half_life": _named(half_life),
        "log_likelihood": {str(key): value for key, value in likelihood.items()},
        "pseudo_count": trend.pseudo_count,
    }
    trend = replace(trend, weights=weights)
    if usual is None or not usual.active:
        return trend, about | facts
    stays = as_before(usual, events, train, created)
    before = gains_of(*given, TrendHistory(stays, events))
    gained = compare(after, before, requests.user[chosen])
    if gained["gain"] > ERRORS * gained["standard_error"]:
        return trend, about | facts
    none = gains_of(*given, TrendHistory(replace(stays, weights=TrendWeights()), events))
    gained = compare(before, none, requests.user[chosen])
    gained["standard_error"] = min(gained["standard_error"], 1.0)  # it is infinite for one user
    facts["terms"] |= {AS_BEFORE: gained}
    facts |= {"chosen": AS_BEFORE, "weights": usual.weights.to_dict()}
    about |= {"half_life": _named(usual.half_life), "pseudo_count": usual.pseudo_count}
    return stays, about | facts


def as_before(
    usual: Trend, events: ItemEvents, train: ItemEvents, created: Float[np.ndarray, " V1"]
) -> Trend:
    """Return a trend with its half-life and weights at the end of other events.

    Args:
        usual: the trend.
        events: all events.
        train: the training events, for the long-run shares.
        created: see :func:`mmrec.trends.created_times`.

    Example:
        >>> log = ItemEvents(np.array([1, 1, 2]), np.array([0.0, 10.0, 20.0]))
        >>> trend = Trend.of(log, log.counts(2), half_life=10.0, pseudo_count=1.0)
        >>> as_before(trend, log, log, np.full(3, np.nan)).half_life
        10.0
    """
    trend = Trend.of(
        events,
        train.counts(len(created) - 1),
        half_life=usual.half_life,
        pseudo_count=usual.pseudo_count,
        created=created,
        weights=usual.weights,
    )
    return replace(trend, scale=usual.scale)


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
