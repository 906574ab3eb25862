"""Weights with which items without events are found, at little cost for the others."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from mmrec.affinities.candidates import Terms, candidates_of
from mmrec.affinities.choice import ERRORS, compare, folds, ndcg, ndcg_with, places
from mmrec.affinities.new_items import KINDS, NEW_ITEM, UNSEEN, Cases, usual

BONUSES = (0.0, *(sign * 2.0 ** (power / 2) for power in range(-4, 15) for sign in (1, -1)))
"""Weights of ``unseen`` that are tried, times ``unit``, as differences from the likely one where
there is one; below 0 if content lifts too many items. Of equal ones the first, which changes least,
is taken."""

COST = 0.02
"""Share of the NDCG@10 of the other targets that items without events may cost, by default."""

LEAST = 20
"""Users with a target without events below which weights aren't chosen by them."""

HALVINGS = 20
"""How often the range of the constant is halved to find the one that gives a share of places."""


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
    share: float | None = None,
    of_new: Mapping[str, float] | None = None,
    seed: int = 0,
) -> tuple[dict[str, float], dict[str, Any]]:
    """Return the weights with which targets without events are found, and what they gained.

    With ``apart``, items without events may have weights of their own: those that are most likely
    among these items alone. Content may have a higher one, such as ``new:text``, and the learned
    score a share, ``new.learned``; each if it is more than two standard errors from that of the
    others. Beside these, ``novelty`` may lift them for users who often take such items, with the
    weight that is most likely among all items. A constant balances new items with the others,
    ``new``, or ``unseen`` if there is nothing beside it: what is best for the NDCG@10 of targets
    without events, among that with which the NDCG@10 of the other targets falls by a share of
    ``cost`` at most. Where more than half of the targets are without events, as in a feed, it is
    what is best for the NDCG@10 of all targets. Own weights, and then novelty, are taken if they
    gain more than 1.5 standard errors beyond what is taken before them, and all are kept if they
    gain as much over nothing. For that, each user is ranked with what is best for other users. All
    other weights stay.

    With such targets of fewer than 20 users, or without a gain that is certain, it isn't known what
    is best for them. So that items without events are shown at all, their constant is that with
    which they take a share of ``cost`` of the places in lists of ten, or less if the others lose
    more than this of their NDCG@10.

    Args:
        terms: the model's score and the terms for some requests, see :data:`Terms`.
        names: names of the terms after the model's score, ``unseen`` among them; those of content
            begin with ``content:``. ``learned`` is a part of the model's score.
        weights: the weights that were chosen on targets with events.
        target: the item that each request led to.
        user: the user of each request.
        unseen: the items without events.
        apart: whether items without events can have weights of their own.
        cost: share of the NDCG@10 of the other targets that items without events may cost, at most.
        unit: what a weight of 1 is, in units of the model's score.
        share: share of all targets that are items without events, if ``target`` is a draw of them;
            by default that of ``target``.
        of_new: weights that items without events have and keep if they cost no more than ``cost``
            and no others are better, as when a recommender is updated; by default none.
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
    of_new = {} if of_new is None else dict(of_new)
    few = len(np.unique(user[cold])) < LEAST
    if few and (of_new or not len(target)):
        return weights | of_new, facts | {"weights": of_new}
    features, offset = candidates_of(terms, target, seed, unseen)
    column = {name: number for number, name in enumerate(names, 1)}
    if few:
        return _with_places(Cases(features, offset, column, unit), weights, cold, cost, facts)
    drawn = float(cold.mean())
    share = drawn if share is None else share
    counts = np.where(cold, share / drawn, (1 - share) / (1 - drawn) if drawn < 1 else 0.0)
    cases = Cases(features, offset, column, unit, _log_odds(share) - _log_odds(drawn))
    before, fold = ndcg(cases.scores(weights), offset), folds(user, seed)
    stays = ndcg(cases.scores(weights | of_new), offset)
    if share <= 0.5 and _mean(stays[~cold]) < (1 - cost) * _mean(before[~cold]):
        of_new, stays = {}, before  # they cost too much
    bonuses = [unit * bonus for bonus in BONUSES]

    def balanced(changes: Mapping[str, float]) -> list[Float[np.ndarray, " N"]]:
        """Return the NDCG@10 of each request for each bonus."""
        return ndcg_with(cases.scores({**weights, **changes}), offset, cases.term(UNSEEN), bonuses)

    plain = balanced({})  # whichever rows choose

    def best(rows: Bool[np.ndarray, " N"]) -> list[dict[str, float]]:
        """Return the weights that rows choose, of each kind; those before where there are none."""
        own, others, found = rows & cold, rows & ~cold, list[dict[str, float]]()
        for changes in cases.kinds(weights, rows, own) if apart else [{}]:
            if changes is None:
                found.append(found[-1])
                continue
            balance = NEW_ITEM if changes else UNSEEN
            gained = balanced(changes) if changes else plain
            tried = [
                (changes | {balance: changes.get(balance, 0.0) + more}, gains)
                for more, gains in zip(bonuses, gained, strict=True)
            ]
            if share > 0.5:
                found.append(max(tried, key=lambda pair: (counts * pair[1])[rows].mean())[0])
                continue
            least = (1 - cost) * _mean(before[others])
            tried = [pair for pair in tried if _mean(pair[1][others]) >= least]
            if tried:  # as in the first kind, where 0 changes nothing
                found.append(max(tried, key=lambda pair: pair[1][own].mean())[0])
            else:
                found.append(found[-1])
        return found

    after = [before.copy() for _ in range(KINDS if apart else 1)]
    for own in np.unique(fold):
        if cold[fold != own].any():
            for gains, changes in zip(after, best(fold != own), strict=True):
                score = cases.scores(weights | changes)
                gains[fold == own] = ndcg(score, offset)[fold == own]
    kind = 0
    for more in range(1, len(after)):
        if _gains(compare(after[more][cold], after[kind][cold], user[cold])):
            kind = more
    gained = compare(after[kind][cold], stays[cold], user[cold])
    if better := _gains(gained):
        changes, found = best(np.ones(len(target), dtype=bool))[kind], after[kind]
    else:
        changes, found = of_new, stays if of_new else after[kind]
    if of_new:
        gained = compare(found[cold], before[cold], user[cold])
    lost = 1 - found[~cold].mean() / before[~cold].mean() if before[~cold].any() else 0.0
    facts |= {"ndcg@10": float(before[cold].mean()), **gained, "cost": float(lost)}
    if not better and not of_new:
        return _with_places(cases, weights, cold, cost, facts)
    given = weights | changes
    kept = {name: weight for name, weight in given.items() if weight != usual(name, given)}
    return kept, {**facts, "weights": changes}


def _with_places(
    cases: Cases,
    weights: dict[str, float],
    cold: Bool[np.ndarray, " N"],
    cost: float,
    facts: dict[str, Any],
) -> tuple[dict[str, float], dict[str, Any]]:
    """Return the weights with which new items have a share of ``cost`` of the places of lists.

    What they gain is not known, but what the others lose is: no more than this share of their
    NDCG@10 either.
    """
    scores, new, offset = cases.scores(weights), cases.term(UNSEEN), cases.offset
    before = _mean(ndcg(scores, offset)[~cold])

    def lost(bonus: float) -> float:
        after = _mean(ndcg(scores + bonus * new, offset)[~cold])
        return 1 - after / before if before else 0.0

    def share(bonus: float) -> float:
        return places(scores + bonus * new, new, offset)

    low, high = 0.0, cases.unit * max(BONUSES)
    most = share(high)

    def enough(bonus: float) -> bool:
        given = share(bonus)
        return given >= most or given > cost or lost(bonus) > cost

    if not cost or enough(low):
        return weights, facts
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    if share(high) <= cost and lost(high) <= cost:
        low = high  # they have all the places that they can have
    changes = {UNSEEN: low}
    return weights | changes, facts | {
        "places": share(low),
        "cost": lost(low),
        "weights": changes,
    }


def _gains(found: Mapping[str, float]) -> bool:
    """Whether a gain is certain enough."""
    return found["gain"] > ERRORS * found["standard_error"]


def _log_odds(share: float) -> float:
    """Return the log odds of a share; 0 where there are no odds."""
    return float(np.log(share / (1 - share))) if 0 < share < 1 else 0.0


def _mean(values: Float[np.ndarray, " N"]) -> float:
    """Return the mean, 0 of nothing."""
    return float(values.mean()) if len(values) else 0.0
