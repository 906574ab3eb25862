"""Weights with which items without events are found, at little cost for the others."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from mmrec.affinities.candidates import Terms, candidates_of
from mmrec.affinities.choice import ERRORS, certain, compare, folds, most_likely, ndcg

CONTENT = "content:"
"""Begins the name of the affinity of a modality."""

NEW = "new:"
"""Begins the name of the weight of a modality for new items, where it is another one."""

UNSEEN = "unseen"
"""Name of the term that is 1 for items without events."""

BONUSES = (0.0, *(sign * 2.0 ** (power / 2) for power in range(-4, 15) for sign in (1, -1)))
"""Weights of ``unseen`` that are tried, times ``unit``; below 0 if content lifts too many items. Of
equal ones the first, which changes least, is taken."""

COST = 0.02
"""Share of the NDCG@10 of the other targets that items without events may cost, by default."""

LEAST = 20
"""Users with a target without events below which nothing is concluded from them."""


def choose_for_cold(
    terms: Terms,
    names: list[str],
    weights: dict[str, float],
    target: Int[np.ndarray, " N"],
    user: Shaped[np.ndarray, " N"],
    unseen: Bool[Tensor, " V1"],
    *,
    apart: bool = False,
    cost: float = COST,
    unit: float = 1.0,
    seed: int = 0,
) -> tuple[dict[str, float], dict[str, Any]]:
    """Return the weights with which targets without events are found, and what they gained.

    With ``apart``, content may have a higher weight for items without events, such as ``new:text``:
    the one that is most likely among these items alone, if it is more than two standard errors
    above that of the others. It is taken or not, and ``unseen`` balances new items with the others:
    what is best for the NDCG@10 of targets without events, among that with which the NDCG@10 of the
    other targets falls by a share of ``cost`` at most. Where more than half of the targets are
    without events, as in a feed, it is what is best for the NDCG@10 of all targets. The weights are
    kept if the gain exceeds 1.5 standard errors, where each user is ranked with what is best for
    other users. All other weights stay.

    Args:
        terms: the model's score and the terms for some requests, see :data:`Terms`.
        names: names of the terms after the model's score, ``unseen`` among them; those of content
            begin with ``content:``.
        weights: the weights that were chosen on targets with events.
        target: the item that each request led to.
        user: the user of each request.
        unseen: the items without events.
        apart: whether content can have another weight for items without events.
        cost: share of the NDCG@10 of the other targets that items without events may cost, at most.
        unit: what a weight of 1 is, in units of the model's score.
        seed: seed of the draws.

    Example:
        >>> import torch
        >>> rng = np.random.default_rng(0)
        >>> target, table = rng.integers(1, 61, 400), rng.normal(size=(400, 3, 61 + 1))
        >>> unseen = torch.arange(61 + 1) > 50
        >>> table[:, 2], table[:, 0] = unseen, table[:, 0] - 6.0 * unseen.numpy()
        >>> table[np.arange(400), :2, target] += 4.0  # the model knows them, but far below
        >>> table = torch.from_numpy(table).float()
        >>> names, user = ["content:text", "unseen"], np.arange(400)
        >>> weights, facts = choose_for_cold(
        ...     lambda rows: table[rows], names, {}, target, user, unseen
        ... )
        >>> weights["unseen"] > 0, facts["gain"] > 0.2
        (True, True)
    """
    cold = unseen.numpy()[target]
    facts: dict[str, Any] = {"requests": int(cold.sum()), "weights": {}}
    if len(np.unique(user[cold])) < LEAST:
        return weights, facts
    features, offset = candidates_of(terms, target, seed, unseen)
    column = {name: number for number, name in enumerate(names, 1)}
    content = [name for name in names if apart and name.startswith(CONTENT)]
    before, fold = ndcg(_scores(features, column, weights), offset), folds(user, seed)

    def best(rows: Bool[np.ndarray, " N"]) -> dict[str, float]:
        """Return the weights that rows choose."""
        own, others = rows & cold, rows & ~cold
        some = torch.from_numpy(own)
        apart = _among_new(features[some], offset[some], column, weights, content, unit)
        tried = list[tuple[dict[str, float], Float[np.ndarray, " N"]]]()
        for changes in ({}, apart) if apart else ({},):
            score = _scores(features, column, weights | changes)
            for bonus in (unit * bonus for bonus in BONUSES):
                gains = ndcg(score + bonus * features[..., column[UNSEEN]], offset)
                tried.append((changes | {UNSEEN: bonus}, gains))
        if cold.mean() > 0.5:
            return max(tried, key=lambda pair: pair[1][rows].mean())[0]
        least = (1 - cost) * _mean(before[others])
        allowed = [pair for pair in tried if _mean(pair[1][others]) >= least]  # 0 changes nothing
        return max(allowed, key=lambda pair: pair[1][own].mean())[0]

    after = before.copy()
    for own in np.unique(fold):
        if cold[fold != own].any():
            score = _scores(features, column, weights | best(fold != own))
            after[fold == own] = ndcg(score, offset)[fold == own]
    gained = compare(after[cold], before[cold], user[cold])
    lost = 1 - after[~cold].mean() / before[~cold].mean() if before[~cold].any() else 0.0
    facts |= {"ndcg@10": float(before[cold].mean()), **gained, "cost": float(lost)}
    if not gained["gain"] > ERRORS * gained["standard_error"]:
        return weights, facts
    changes = best(np.ones(len(target), dtype=bool))
    given = weights | changes
    kept = {name: weight for name, weight in given.items() if weight != _usual(name, given)}
    return kept, {**facts, "weights": changes}


def _mean(values: Float[np.ndarray, " N"]) -> float:
    """Return the mean, 0 of nothing."""
    return float(values.mean()) if len(values) else 0.0


def _among_new(
    features: Float[Tensor, "N C K"],
    offset: Float[Tensor, "N C"],
    column: dict[str, int],
    weights: dict[str, float],
    content: list[str],
    unit: float,
) -> dict[str, float]:
    """Return the weights of content that certainly are higher among items without events."""
    new = features[..., column[UNSEEN]] > 0
    score = _scores(features, column, weights) / unit
    fixed = (offset + score).masked_fill(~new, -torch.inf)
    kept, _ = certain(features[..., [column[name] for name in content]], fixed, content)
    if not kept:
        return {}
    more = most_likely(features[..., [column[name] for name in kept]], fixed, first=0)
    return {
        _new(name): weights.get(name, 0.0) + unit * value
        for name, value in zip(kept, more.tolist(), strict=True)
    }


def _scores(
    features: Float[Tensor, "N C K"], column: dict[str, int], weights: dict[str, float]
) -> Float[Tensor, "N C"]:
    """Return the score of each candidate."""
    score: Tensor = features[..., 0]
    for name, weight in weights.items():
        more = weight - _usual(name, weights)
        if name.startswith(NEW):
            term = features[..., column[_content(name)]] * features[..., column[UNSEEN]]
        else:
            term = features[..., column[name]]
        score = score + more * term
    return score


def _content(name: str) -> str:
    """Return the name of the affinity of content whose weight for new items ``name`` is."""
    return CONTENT + name.removeprefix(NEW)


def _new(name: str) -> str:
    """Return the name of the weight for new items of an affinity of content."""
    return NEW + name.removeprefix(CONTENT)


def _usual(name: str, weights: dict[str, float]) -> float:
    """Return the weight that an affinity has if none is given."""
    return weights.get(_content(name), 0.0) if name.startswith(NEW) else 0.0
