"""Weights with which items without events are found, at little cost for the others."""

from itertools import product
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from mmrec.affinities.candidates import Terms, candidates_of
from mmrec.affinities.choice import ERRORS, WEIGHTS, compare, folds, ndcg

CONTENT = "content:"
"""Begins the name of the affinity of a modality."""

UNSEEN = "unseen"
"""Name of the term that is 1 for items without events."""

COST = 0.02
"""Share of the NDCG@10 of the other targets that items without events may cost, at most."""

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
    seed: int = 0,
) -> tuple[dict[str, float], dict[str, Any]]:
    """Return the weights with which targets without events are found, and what they gained.

    Few targets are items without events, so a choice on all targets says little about them. Here
    the weight of one content and that of ``unseen`` are chosen together. They are those of the best
    NDCG@10 of targets without events, among those with which the NDCG@10 of the other targets is at
    most 2 % lower than before. They are kept if the gain exceeds 1.5 standard errors, where each
    user is ranked with what is best for other users. All other weights stay.

    Args:
        terms: the model's score and the terms for some requests, see :data:`Terms`.
        names: names of the terms after the model's score, ``unseen`` among them; those of content
            begin with ``content:``.
        weights: the weights that were chosen on all targets.
        target: the item that each request led to.
        user: the user of each request.
        unseen: the items without events.
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
    if len(np.unique(user[cold])) < LEAST or cold.all():
        return weights, facts
    features, offset = candidates_of(terms, target, seed, unseen)
    settings = _settings([name for name in names if name.startswith(CONTENT)])
    column = {name: number for number, name in enumerate(names, 1)}

    def ranked(changes: dict[str, float]) -> Float[np.ndarray, " N"]:
        score: Tensor = features[..., 0]
        for name, weight in (weights | changes).items():
            score = score + weight * features[..., column[name]]
        return ndcg(score, offset)

    before = ranked({})
    curve = np.stack([ranked(changes) for changes in settings], axis=1)
    after, fold = before.copy(), folds(user, seed)
    for own in np.unique(fold):
        rows = fold == own
        after[rows] = curve[rows, _best(curve[~rows], before[~rows], cold[~rows])]
    gained = compare(after[cold], before[cold], user[cold])
    cost = 1 - after[~cold].mean() / max(before[~cold].mean(), 1e-12)
    facts |= {"ndcg@10": float(before[cold].mean()), **gained, "cost": float(cost)}
    if not gained["gain"] > ERRORS * gained["standard_error"]:
        return weights, facts
    changes = settings[_best(curve, before, cold)]
    found = {name: weight for name, weight in (weights | changes).items() if weight}
    return found, {**facts, "weights": changes}


def _settings(content: list[str]) -> list[dict[str, float]]:
    """Return the weights that are tried, first those that were chosen."""
    tried: list[dict[str, float]] = [{}]
    for near in (0.0, *WEIGHTS):
        tried += [{UNSEEN: near}] if not content else []
        tried += [{name: w, UNSEEN: near} for name, w in product(content, (0.0, *WEIGHTS))]
    return tried


def _best(
    curve: Float[np.ndarray, "N S"], before: Float[np.ndarray, " N"], cold: Bool[np.ndarray, " N"]
) -> int:
    """Return the number of the setting that is best for cold rows and costs the others little."""
    if not cold.any():
        return 0
    kept = curve[~cold].mean(0) >= (1 - COST) * before[~cold].mean()
    return int(np.where(kept, curve[cold].mean(0), -np.inf).argmax())
