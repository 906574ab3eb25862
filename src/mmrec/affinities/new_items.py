"""The weights of items without events: of their own, and in balance with the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mmrec.affinities.choice import LEAST_ERRORS, certain, most_likely
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

KINDS = 3
"""Kinds of weights for new items: a constant alone, weights of their own, and novelty beside."""


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
class Cases:
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

    def _where(self, rows: Bool[np.ndarray, " N"]) -> "Cases":
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


def _content(name: str) -> str:
    """Return the name of the term whose weight for new items ``name`` is."""
    return LEARNED if name == NEW_LEARNED else CONTENT + name.removeprefix(NEW)


def _new(name: str) -> str:
    """Return the name of the weight for new items of an affinity of content."""
    return NEW + name.removeprefix(CONTENT)
