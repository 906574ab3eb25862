"""Weights with which items without events are found, at little cost for the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from mmrec.affinities.candidates import Terms, candidates_of
from mmrec.affinities.choice import (
    ERRORS,
    LEAST_ERRORS,
    certain,
    compare,
    folds,
    most_likely,
    ndcg,
)
from mmrec.trends import softmax_errors

CONTENT = "content:"
"""Begins the name of the affinity of a modality."""

NEW = "new:"
"""Begins the name of the weight of a modality for new items, where it is another one."""

UNSEEN = "unseen"
"""Name of the term that is 1 for items without events."""

LEARNED = "learned"
"""Name of the part of the model's score that was learned, of which new items may have a share."""

NEW_LEARNED = "new.learned"
"""Name of the share of the learned score that new items have; 1 is all of it. The name of a
modality has no dot."""

LEAST_SHARE = 0.1
"""The least such share: what is learned online of a new item must count."""

NEW_ITEM = "new"
"""Name of what every history adds to the score of new items, where they have weights of their own.
Otherwise it is that of :data:`UNSEEN`, which an item loses with its first event."""

NOVELTY = "novelty"
"""Name of the affinity of new items to histories with many new items."""

BONUSES = (0.0, *(sign * 2.0 ** (power / 2) for power in range(-4, 15) for sign in (1, -1)))
"""Weights of ``unseen`` that are tried, times ``unit``, as differences from the likely one where
there is one; below 0 if content lifts too many items. Of equal ones the first, which changes least,
is taken."""

COST = 0.02
"""Share of the NDCG@10 of the other targets that items without events may cost, by default."""

KINDS = 3
"""Kinds of weights for new items: a constant alone, weights of their own, and novelty beside."""

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
    share: float | None = None,
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
    drawn = float(cold.mean())
    share = drawn if share is None else share
    counts = np.where(cold, share / drawn, (1 - share) / (1 - drawn) if drawn < 1 else 0.0)
    cases = _Cases(features, offset, column, unit, _log_odds(share) - _log_odds(drawn))
    before, fold = ndcg(cases.scores(weights), offset), folds(user, seed)

    def best(rows: Bool[np.ndarray, " N"]) -> list[dict[str, float]]:
        """Return the weights that rows choose, of each kind; those before where there are none."""
        own, others, found = rows & cold, rows & ~cold, list[dict[str, float]]()
        for changes in cases.kinds(weights, rows, own) if apart else [{}]:
            if changes is None:
                found.append(found[-1])
                continue
            score, balance = cases.scores(weights | changes), NEW_ITEM if changes else UNSEEN
            tried = list[tuple[dict[str, float], Float[np.ndarray, " N"]]]()
            for more in (unit * bonus for bonus in BONUSES):
                gains = ndcg(score + more * cases.term(UNSEEN), offset)
                tried.append((changes | {balance: changes.get(balance, 0.0) + more}, gains))
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
    gained = compare(after[kind][cold], before[cold], user[cold])
    lost = 1 - after[kind][~cold].mean() / before[~cold].mean() if before[~cold].any() else 0.0
    facts |= {"ndcg@10": float(before[cold].mean()), **gained, "cost": float(lost)}
    if not _gains(gained):
        return weights, facts
    changes = best(np.ones(len(target), dtype=bool))[kind]
    given = weights | changes
    kept = {name: weight for name, weight in given.items() if weight != usual(name, given)}
    return kept, {**facts, "weights": changes}


def _gains(found: Mapping[str, float]) -> bool:
    """Whether a gain is certain enough."""
    return found["gain"] > ERRORS * found["standard_error"]


def usual(name: str, weights: Mapping[str, float]) -> float:
    """Return the weight that a term has if none is given, beside other weights.

    Example:
        >>> usual("new:text", {"content:text": 0.5}), usual("new.learned", {}), usual("unseen", {})
        (0.5, 1.0, 0.0)
    """
    if name == NEW_LEARNED:
        return 1.0
    return weights.get(_content(name), 0.0) if name.startswith(NEW) else 0.0


@dataclass(frozen=True)
class _Cases:
    """The candidates of each request, the target first, with the terms that are weighted.

    Attributes:
        features: the terms, ``(N, C, K)``.
        offset: what is added to each candidate's score, ``(N, C)``.
        column: the place of each term by its name; 0 is the model's score.
        unit: what a weight of 1 is, in units of the model's score.
        shift: by how much the log odds of a target without events are higher than in these.
    """

    features: Float[Tensor, "N C K"]
    offset: Float[Tensor, "N C"]
    column: Mapping[str, int]
    unit: float
    shift: float = 0.0

    def term(self, name: str) -> Float[Tensor, "N C"]:
        """Return a term of each candidate."""
        # On validation, new items are those without events before.
        return self.features[..., self.column[UNSEEN if name == NEW_ITEM else name]]

    def scores(self, weights: Mapping[str, float]) -> Float[Tensor, "N C"]:
        """Return the score of each candidate."""
        score = self.features[..., 0]
        for name, weight in weights.items():
            own = name == NEW_LEARNED or name.startswith(NEW)
            term = self.term(_content(name)) * self.term(UNSEEN) if own else self.term(name)
            score = score + (weight - usual(name, weights)) * term
        return score

    def kinds(
        self,
        weights: Mapping[str, float],
        rows: Bool[np.ndarray, " N"],
        cold: Bool[np.ndarray, " N"],
    ) -> list[dict[str, float] | None]:
        """Return what new items may have: nothing, weights of their own, and novelty beside these.

        Args:
            weights: the weights that were chosen on targets with events.
            rows: requests on which new items are balanced with the others.
            cold: those of them that led to an item without events.

        Returns:
            :data:`KINDS` changes; None where nothing of the kind is certain.
        """
        own = self._where(cold)._among_new(weights)
        alone, *likely = self._balance({**weights, **own}, rows)
        return [
            {},
            own | {NEW_ITEM: alone} if own else None,
            own | dict(zip((NEW_ITEM, NOVELTY), likely, strict=True)) if likely else None,
        ]

    def _where(self, rows: Bool[np.ndarray, " N"]) -> "_Cases":
        some = torch.from_numpy(rows)
        return replace(self, features=self.features[some], offset=self.offset[some])

    def _among_new(self, weights: Mapping[str, float]) -> dict[str, float]:
        """Return the weights that certainly are others among items without events."""
        content = [name for name in self.column if name.startswith(CONTENT)]
        score = self.scores(weights) / self.unit
        fixed = (self.offset + score).masked_fill(self.term(UNSEEN) == 0, -torch.inf)
        found = dict[str, float]()
        if LEARNED in self.column:
            learned = self.term(LEARNED) / self.unit
            share = _share(learned, self._columns(content), fixed - learned, content)
            if share < 1:
                found[NEW_LEARNED] = share
                fixed = fixed + (share - 1) * learned
        kept, _ = certain(self._columns(content), fixed, content)
        if kept:
            more = most_likely(self._columns(kept), fixed, first=0).tolist()
            for name, value in zip(kept, more, strict=True):
                found[_new(name)] = weights.get(name, 0.0) + self.unit * value
        return found

    def _balance(self, weights: Mapping[str, float], rows: Bool[np.ndarray, " N"]) -> list[float]:
        """Return the likely weight of new items, and that beside novelty, if that is certain."""
        some = torch.from_numpy(rows)
        fixed = (self.offset + self.scores(weights) / self.unit)[some]
        [alone] = most_likely(self._columns([UNSEEN])[some], fixed, first=0).tolist()
        found = [self.unit * (alone + self.shift)]
        if NOVELTY in self.column:
            columns = self._columns([UNSEEN, NOVELTY])[some]
            likely = most_likely(columns, fixed, first=0)
            if likely[1] > LEAST_ERRORS * softmax_errors(columns, fixed, likely)[1]:
                constant, novelty = likely.tolist()
                found += [self.unit * (constant + self.shift), self.unit * novelty]
        return found

    def _columns(self, names: Sequence[str]) -> Float[Tensor, "N C _"]:
        return self.features[..., [self.column[name] for name in names]]


def _share(
    learned: Float[Tensor, "N C"],
    content: Float[Tensor, "N C K"],
    offset: Float[Tensor, "N C"],
    names: list[str],
) -> float:
    """Return how much of the learned score is likely beside content; 1 if less is not certain."""
    columns = torch.cat([learned.unsqueeze(-1), content], -1)
    kept, _ = certain(columns, offset, names)
    columns = columns[..., [0, *(1 + names.index(name) for name in kept)]]
    likely = most_likely(columns, offset)
    error = softmax_errors(columns, offset, likely)[0]
    return max(float(likely[0]), LEAST_SHARE) if 1 - likely[0] > LEAST_ERRORS * error else 1.0


def _log_odds(share: float) -> float:
    """Return the log odds of a share; 0 where there are no odds."""
    return float(np.log(share / (1 - share))) if 0 < share < 1 else 0.0


def _mean(values: Float[np.ndarray, " N"]) -> float:
    """Return the mean, 0 of nothing."""
    return float(values.mean()) if len(values) else 0.0


def _content(name: str) -> str:
    """Return the name of the term whose weight for new items ``name`` is."""
    return LEARNED if name == NEW_LEARNED else CONTENT + name.removeprefix(NEW)


def _new(name: str) -> str:
    """Return the name of the weight for new items of an affinity of content."""
    return NEW + name.removeprefix(CONTENT)
