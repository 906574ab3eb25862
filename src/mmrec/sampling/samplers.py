"""Pools: what is drawn, and the probability that an item is in the drawn set.

A pool is a set, so what corrects a sampled softmax is the probability of *inclusion*: an item drawn
five times is in the pool once. Items are catalogue indices, 1 to V; 0 is padding and never drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from mmrec.sampling.inclusion import (
    LogProbabilities,
    at_least_once,
    frequencies,
    union_log_inclusion,
)

Items = NDArray[np.integer[Any]]


@runtime_checkable
class Sampler(Protocol):
    """What a sampler of negatives must do."""

    def draw(self, rng: np.random.Generator) -> Items:
        """Unique catalogue indices, sorted, never 0."""

    def log_inclusion(self, items: Items) -> LogProbabilities:
        """Log of the probability that each item is in what ``draw`` gives; -inf for never."""


@dataclass(frozen=True, eq=False)
class FullSampler:
    """Every given item, every time: the softmax is exact.

    Args:
        items: catalogue indices that may be recommended.

    Raises:
        ValueError: if ``items`` is empty or has an index less than 1.

    Example:
        >>> pool = FullSampler(np.array([3, 1, 2]))
        >>> pool.draw(np.random.default_rng(0))
        array([1, 2, 3])
        >>> pool.log_inclusion(np.array([1, 7]))
        array([  0., -inf])
    """

    items: Items

    def __post_init__(self) -> None:
        object.__setattr__(self, "items", _unique_items(self.items))

    def draw(self, rng: np.random.Generator) -> Items:
        """All items."""
        return self.items

    def log_inclusion(self, items: Items) -> LogProbabilities:
        """0 for a given item, -inf for any other."""
        return np.where(_among(items, self.items), 0.0, -np.inf)


@dataclass(frozen=True, eq=False)
class UniformSampler:
    """``size`` different items, all sets of them equally likely.

    Args:
        items: catalogue indices to draw from.
        size: how many to draw; all of them, if there are no more.

    Raises:
        ValueError: if ``items`` is empty or has an index less than 1, or ``size`` is less than 1.

    Example:
        >>> pool = UniformSampler(np.arange(1, 101), size=5)
        >>> len(pool.draw(np.random.default_rng(0)))
        5
        >>> np.exp(pool.log_inclusion(np.array([1])))
        array([0.05])
    """

    items: Items
    size: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "items", _unique_items(self.items))
        _check_draws("size", self.size)

    def draw(self, rng: np.random.Generator) -> Items:
        """``size`` different items."""
        size = min(self.size, len(self.items))
        # On an integer, choice without replacement costs O(size), not O(V).
        return self.items[np.sort(rng.choice(len(self.items), size, replace=False, shuffle=False))]

    def log_inclusion(self, items: Items) -> LogProbabilities:
        """``size`` / number of items, for each of them."""
        log_p = np.log(min(self.size / len(self.items), 1.0))
        return np.where(_among(items, self.items), log_p, -np.inf)


@dataclass(frozen=True, eq=False)
class PopularitySampler:
    """The different items among ``size`` draws with replacement from count ** alpha.

    Args:
        counts: (V+1,) training events of each item; index 0 is padding and ignored. An item
            without events is never drawn.
        size: how many draws; the pool has at most as many items.
        alpha: 1 draws by popularity, 0 uniformly among items with events.

    Raises:
        ValueError: if ``counts`` is no vector, has a negative or non-finite value or no positive
            one, or ``size`` is less than 1.

    References:
        The exponent is from Mikolov et al., "Distributed Representations of Words and Phrases and
        their Compositionality" (arXiv 1310.4546).

    Example:
        >>> pool = PopularitySampler(np.array([0, 9, 1, 0]), size=2)  # p is 3/4 and 1/4
        >>> np.exp(pool.log_inclusion(np.array([1, 2, 3])))
        array([0.9375, 0.4375, 0.    ])
    """

    counts: NDArray[Any]
    size: int
    alpha: float = 0.5

    def __post_init__(self) -> None:
        _ = self._probabilities  # checks the counts now rather than in a worker
        _check_draws("size", self.size)

    @cached_property
    def _probabilities(self) -> NDArray[np.float64]:
        return frequencies(self.counts, self.alpha)

    @cached_property
    def _cumulative(self) -> NDArray[np.float64]:
        cumulative: NDArray[np.float64] = np.cumsum(self._probabilities)
        # Ends at exactly 1, so that no draw, which is below 1, falls behind the last item.
        cumulative /= cumulative[-1]
        return cumulative

    def draw(self, rng: np.random.Generator) -> Items:
        """The different items among ``size`` draws."""
        # Sorted keys walk through the table in order, which spares the cache. side="right" gives
        # the first item whose cumulative probability is above the key: never one of probability 0.
        keys = np.sort(rng.random(self.size))
        return np.unique(np.searchsorted(self._cumulative, keys, side="right"))

    def log_inclusion(self, items: Items) -> LogProbabilities:
        """log(1 - (1 - p) ** size)."""
        return at_least_once(_lookup(self._probabilities, items), self.size)


@dataclass(frozen=True, eq=False)
class InBatchSampler:
    """Draws nothing: the batch's own targets are the negatives of each other.

    The targets are taken as independent draws by popularity, the usual approximation: real
    histories repeat an item less often.

    Args:
        counts: (V+1,) training events of each item; index 0 is padding and ignored.
        positions: how many targets a batch has.

    Raises:
        ValueError: if ``counts`` is no vector, has a negative or non-finite value or no positive
            one, or ``positions`` is less than 1.

    Example:
        >>> pool = InBatchSampler(np.array([0, 3, 1]), positions=2)
        >>> np.exp(pool.log_inclusion(np.array([1, 2])))
        array([0.9375, 0.4375])
        >>> pool.draw(np.random.default_rng(0))
        array([], dtype=int64)
    """

    counts: NDArray[Any]
    positions: int

    def __post_init__(self) -> None:
        _ = self._frequencies
        _check_draws("positions", self.positions)

    @cached_property
    def _frequencies(self) -> NDArray[np.float64]:
        return frequencies(self.counts, 1.0)

    def draw(self, rng: np.random.Generator) -> Items:
        """Nothing."""
        return np.empty(0, dtype=np.int64)

    def log_inclusion(self, items: Items) -> LogProbabilities:
        """log(1 - (1 - f) ** positions), f an item's part of the training events."""
        return at_least_once(_lookup(self._frequencies, items), self.positions)


@dataclass(frozen=True, eq=False)
class UnionSampler:
    """Several pools drawn independently, for example in-batch targets and drawn negatives.

    Raises:
        ValueError: there is no pool.

    Example:
        >>> counts = np.array([0, 3, 1])
        >>> in_batch = InBatchSampler(counts, positions=1)
        >>> pool = UnionSampler([in_batch, UniformSampler(np.array([1, 2]), 1)])
        >>> np.exp(pool.log_inclusion(np.array([1, 2])))  # 1 - 1/4 × 1/2, 1 - 3/4 × 1/2
        array([0.875, 0.625])
    """

    pools: Sequence[Sampler]

    def __post_init__(self) -> None:
        if not self.pools:
            raise ValueError("UnionSampler expects at least one pool; got none")

    def draw(self, rng: np.random.Generator) -> Items:
        """Every item that one of the pools draws."""
        drawn = [pool.draw(rng) for pool in self.pools]
        return np.unique(np.concatenate([np.empty(0, dtype=np.int64), *drawn]))

    def log_inclusion(self, items: Items) -> LogProbabilities:
        """log(1 - product of (1 - probability in one pool))."""
        nowhere = np.full(np.shape(items), -np.inf)
        return union_log_inclusion(nowhere, *(pool.log_inclusion(items) for pool in self.pools))


def _lookup(probabilities: NDArray[np.float64], items: Items) -> NDArray[np.float64]:
    """Probabilities of items; 0 for items newer than the counts."""
    items = np.asarray(items)
    known = (items > 0) & (items < len(probabilities))
    return np.where(known, probabilities[np.where(known, items, 0)], 0.0)


def _among(items: Items, pool: Items) -> NDArray[np.bool_]:
    """Which items are in a sorted pool: O(log V) an item, where ``np.isin`` looks at all of it."""
    places = np.minimum(np.searchsorted(pool, items), len(pool) - 1)
    return np.asarray(pool[places] == items)


def _unique_items(items: Items) -> Items:
    unique: Items = np.unique(np.asarray(items))
    if unique.ndim != 1 or len(unique) == 0 or unique[0] < 1:
        raise ValueError(f"items expects catalogue indices of 1 or more; got {unique}")
    return unique


def _check_draws(name: str, value: int) -> None:
    if value < 1:
        raise ValueError(f"{name} expects at least 1; got {value}")
