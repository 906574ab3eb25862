"""Weights with which items without events are found, at little cost for the others."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from mmrec.affinities.candidates import Terms, candidates_of
from mmrec.affinities.choice import ERRORS, compare, folds, ndcg

CONTENT = "content:"
"""Begins the name of the affinity of a modality."""

NEW = "new:"
"""Begins the name of the weight of a modality for new items, where it is another one."""

UNSEEN = "unseen"
"""Name of the term that is 1 for items without events."""

WEIGHTS = tuple(2.0**power for power in range(-2, 8))
"""Weights that are tried, times ``unit``."""

BONUSES = tuple(2.0 ** (power / 2) for power in range(-4, 15))
"""Weights of ``unseen`` that are tried, times ``unit``: the balance of new and known items."""

NEAR = (0.0, 0.5, 2.0, 8.0, 32.0)
"""Weights of content for items without events alone that are tried, times ``unit``."""

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

    Few targets are items without events, so a choice on all targets says little about them. Here
    the weight of one content and that of ``unseen`` are chosen together. With ``apart`` follow
    weights of content for items without events alone, such as ``new:text``, one content after the
    other and each with ``unseen`` once more. The weights are those of the best NDCG@10 of targets
    without events, among those with which the NDCG@10 of the other targets falls by a share of
    ``cost`` at most. Where more than half of the targets are without events, as in a feed, they are
    those of the best NDCG@10 of all targets. Weights are kept if the gain exceeds 1.5 standard
    errors, where each user is ranked with what is best for other users. All other weights stay.

    Args:
        terms: the model's score and the terms for some requests, see :data:`Terms`.
        names: names of the terms after the model's score, ``unseen`` among them; those of content
            begin with ``content:``.
        weights: the weights that were chosen on all targets.
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
    content = [name for name in names if name.startswith(CONTENT)]
    column = {name: number for number, name in enumerate(names, 1)}
    known: dict[tuple[tuple[str, float], ...], Float[np.ndarray, " N"]] = {}

    def ranked(changes: dict[str, float]) -> Float[np.ndarray, " N"]:
        key = tuple(changes.items())
        if key not in known:
            known[key] = ndcg(_scores(features, column, weights | changes), offset)
        return known[key]

    before, fold = ranked({}), folds(user, seed)

    def best(rows: Bool[np.ndarray, " N"]) -> dict[str, float]:
        """Return what is best for cold rows and costs the others little, or best for all rows."""
        if cold.mean() > 0.5:
            return search(rows, lambda gains: True)
        others = rows & ~cold
        least = (1 - cost) * before[others].mean()
        return search(rows & cold, lambda gains: bool(gains[others].mean() >= least))

    def search(
        rows: Bool[np.ndarray, " N"], allowed: Callable[[Float[np.ndarray, " N"]], bool]
    ) -> dict[str, float]:
        """Return the allowed weights that are best for some rows."""
        found = dict[str, float]()
        left = [content, *([_new(name) for name in content],) * (apart * len(content))]
        for names in left:
            names = [name for name in names if name not in found]
            tried = [found, *(found | changes for changes in _settings(names, unit))]
            kept = [changes for changes in tried if allowed(ranked(changes))]
            best = max(kept or [found], key=lambda changes: ranked(changes)[rows].mean())
            if best == found and names != content:
                break
            found = best
        return found

    after = before.copy()
    for own in np.unique(fold):
        if cold[fold != own].any():
            after[fold == own] = ranked(best(fold != own))[fold == own]
    gained = compare(after[cold], before[cold], user[cold])
    lost = (
        1 - _mean(after[~cold]) / max(_mean(before[~cold]), 1e-12) if before[~cold].any() else 0.0
    )
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


def _settings(names: list[str], unit: float) -> list[dict[str, float]]:
    """Return the weights of one of some terms, and of ``unseen``, that are tried."""
    bonuses = [0.0, *(unit * weight for weight in BONUSES)]
    tried = [{UNSEEN: bonus} for bonus in bonuses] if not names else []
    for name in names:
        weights = NEAR if name.startswith(NEW) else (0.0, *WEIGHTS)
        pairs = product([unit * weight for weight in weights], bonuses)
        tried += [{name: weight, UNSEEN: bonus} for weight, bonus in pairs]
    return tried
