"""The requests of the validation part, on which choices after training are made."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mmrec.data import Histories, Split
from mmrec.data.splits import seen_before, target_users
from mmrec.evaluation.heldout import histories_before
from mmrec.evaluation.rank_buffer import rows_at_once
from mmrec.models import CatalogScorer

LEAST_USERS = 20
"""Validation users below which nothing is concluded from them."""

LENGTH = 200
"""Events of a history that are read, as in a report."""


@dataclass(frozen=True)
class ValidRequests:
    """The validation events of users with a history that does more than say no.

    Attributes:
        split: labelled events.
        stops: places of the events in the log, ``(N,)``.
    """

    split: Split
    stops: Int[np.ndarray, " N"]

    @classmethod
    def of(cls, split: Split) -> "ValidRequests":
        """Return all of them."""
        stops = split.targets("valid")
        events, first = split.sequences, split.sequences.offsets[target_users(split, stops)]
        says_no = np.zeros(len(events.item), dtype=bool)
        if events.labels is not None:
            says_no = events.labels.is_negative
        before = np.concatenate([[0], np.cumsum(~says_no)])
        return cls(split, stops[before[stops] > before[first]])

    @property
    def enough(self) -> bool:
        """Whether there are enough users to conclude anything."""
        return len(np.unique(self.users)) >= LEAST_USERS

    @cached_property
    def users(self) -> Int[np.ndarray, " N"]:
        """The user of each."""
        return target_users(self.split, self.stops)

    @property
    def targets(self) -> Int[np.ndarray, " N"]:
        """The item of each."""
        targets: np.ndarray = self.split.sequences.item[self.stops]
        return targets

    @cached_property
    def seen(self) -> Int[np.ndarray, "2 S"]:
        """Rows, and items that are not recommended to them."""
        return np.stack(seen_before(self.split, self.stops))

    @cached_property
    def blocked(self) -> Bool[Tensor, " V1"]:
        """Items that are no candidates."""
        blocked = torch.ones(self.split.catalog_size + 1, dtype=torch.bool)
        blocked[torch.from_numpy(self.split.candidates)] = False
        return blocked

    def reachable(self) -> "ValidRequests":
        """Return those whose item may be recommended: a candidate that the user has not seen."""
        rows, items = self.seen
        blocked = self.blocked.numpy()[self.targets]
        blocked[rows[items == self.targets[rows]]] = True
        return self.where(~blocked)

    def new_to_users(self) -> "ValidRequests":
        """Return those whose user has no event on the item before, not even as context."""
        events = self.split.sequences
        pairs = events.owner * (self.split.catalog_size + 1) + events.item
        _, first, pair = np.unique(pairs, return_index=True, return_inverse=True)
        return self.where(first[pair[self.stops]] == self.stops)

    def excluded(self, rows: Int[np.ndarray, " b"]) -> Bool[Tensor, "b V1"]:
        """Return what is not ranked for some rows that follow one another: seen or no candidate."""
        excluded = self.blocked.repeat(len(rows), 1)
        first, last = np.searchsorted(self.seen[0], [rows[0], rows[-1] + 1])
        place, item = torch.from_numpy(self.seen[:, first:last])
        excluded[place - int(rows[0]), item] = True
        return excluded

    def drawn(self, most: int, seed: int) -> "ValidRequests":
        """Return at most ``most`` of them, a fixed draw."""
        if len(self.stops) <= most:
            return self
        rows = np.random.default_rng(seed).choice(len(self.stops), most, replace=False)
        return ValidRequests(self.split, self.stops[np.sort(rows)])

    def where(self, rows: Bool[np.ndarray, " N"]) -> "ValidRequests":
        """Return some of them."""
        return ValidRequests(self.split, self.stops[rows])

    def joined(self, others: "ValidRequests") -> "ValidRequests":
        """Return these and others, each once."""
        return ValidRequests(self.split, np.union1d(self.stops, others.stops))

    def histories(self, rows: Int[np.ndarray, " b"]) -> Histories:
        """Return the histories of some rows."""
        return histories_before(self.split, self.stops[rows], LENGTH)

    def scores(self, scorer: CatalogScorer, rows: Int[np.ndarray, " b"]) -> Float[Tensor, "b V1"]:
        """Return the scores of some rows, ``-inf`` for items that are no candidates."""
        parts = -(-len(rows) // rows_at_once(len(self.blocked)))
        scores = [scorer.scores(self.histories(some)).cpu() for some in np.array_split(rows, parts)]
        return torch.cat(scores).masked_fill(self.blocked, -torch.inf)
