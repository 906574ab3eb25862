"""Samplers: what is drawn, and the probability that an item is in the drawn set."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mmrec.sampling.inclusion import at_least_once, frequencies, union_log_inclusion
from mmrec.sampling.protocol import Items, LogProbabilities, Sampler, takes_targets


@dataclass(frozen=True, eq=False)
class FullSampler:
    """Draws every given item, every time: the softmax is exact.

    Args:
        items: catalogue indices that may be recommended.

    Raises:
        ValueError: ``items`` is empty or has an index less than 1.

    Example:
        >>> sampler = FullSampler(np.array([3, 1, 2]))
        >>> sampler.draw(np.random.default_rng(0))
        array([1, 2, 3])
        >>> sampler.log_inclusion(np.array([1, 7]))
        array([  0., -inf])
    """

    items: Items

    def __post_init__(self) -> None:
        object.__setattr__(self, "items", _unique_items(self.items))

    def draw(self, rng: np.random.Generator) -> Items:
        """Return all items."""
        return self.items

    def log_inclusion(self, items: Items) -> LogProbabilities:
        """Return 0 for a given item, -inf for any other."""
        return np.where(_among(items, self.items), 0.0, -np.inf)


@dataclass(frozen=True, eq=False)
class UniformSampler:
    """Draws ``size`` different items; all sets of this size are equally likely.

    Args:
        items: catalogue indices to draw from.
        size: how many items to draw; all of them if there are fewer.

    Raises:
        ValueError: ``items`` is empty or has an index less than 1, or ``size`` is less than 1.

    Example:
        >>> sampler = UniformSampler(np.arange(1, 101), size=5)
        >>> len(sampler.draw(np.random.default_rng(0)))
        5
        >>> np.exp(sampler.log_inclusion(np.array([1])))
        array([0.05])
    """

    items: Items
    size: int
    in_batch: ClassVar[bool] = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "items", _unique_items(self.items))
        _check_draws("size", self.size)

    def draw(self, rng: np.random.Generator) -> Items:
        """Return ``size`` different items."""
        size = min(self.size, len(self.items))
        # On an integer, choice without replacement costs O(size), not O(V).
        return self.items[np.sort(rng.choice(len(self.items), size, replace=False, shuffle=False))]

    def log_inclusion(self, items: Items) -> LogProbabilities:
        """Return log(``size`` / number of items) for a given item, -inf for any other."""
        log_p = np.log(min(self.size / len(self.items), 1.0))
        return np.where(_among(items, self.items), log_p, -np.inf)


@dataclass(frozen=True, eq=False)
class PopularitySampler:
    """Draws ``size`` times with replacement, with probabilities proportional to count ** alpha.

    Args:
        counts: number of training events of each item, (V+1,); index 0 is padding and ignored. An
            item without events is never drawn.
        size: number of draws. The drawn set may be smaller, because items repeat.
        alpha: 1 draws by popularity, 0 uniformly among items with events.

    Raises:
        ValueError: ``counts`` is not a vector, has a negative or non-finite value or no positive
            one, ``size`` is less than 1, or ``alpha`` is not a finite number.

    References:
        The exponent is from Mikolov et al., "Distributed Representations of Words and Phrases and
        their Compositionality" (arXiv 1310.4546).

    Example:
        >>> sampler = PopularitySampler(np.array([0, 9, 1, 0]), size=2)  # p is 3/4 and 1/4
        >>> np.exp(sampler.log_inclusion(np.array([1, 2, 3])))
        array([0.9375, 0.4375, 0.    ])
    """

    counts: NDArray[Any]
    size: int
    alpha: float = 0.5
    in_batch: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not isinstance(self.alpha, int | float) or not np.isfinite(self.alpha):
            raise ValueError(f"alpha must be a finite number; got {self.alpha!r}")
        _ = self._probabilities  # checks the counts here instead of in a worker
        _check_draws("size", self.size)

    @cached_property
    def _probabilities(self) -> NDArray[np.float64]:
        return frequencies(self.counts, self.alpha)

    @cached_property
    def _cumulative(self) -> NDArray[np.float64]:
        cumulative: NDArray[np.float64] = np.cumsum(self._probabilities)
        # The last value is exactly 1, so a draw, which is below 1, always finds an item.
        cumulative /= cumulative[-1]
        return cumulative

    def draw(self, rng: np.random.Generator) -> Items:
        """Return the different items among ``size`` draws."""
        # Sorted keys search the table in order, which uses the cache well. side="right" finds the
        # first item whose cumulative probability is above the key: never one of probability 0.
        keys = np.sort(rng.random(self.size))
        return np.unique(np.searchsorted(self._cumulative, keys, side="right"))

    def log_inclusion(self, items: Items) -> LogProbabilities:
        """Return log(1 - (1 - p) ** size)."""
        return at_least_once(_lookup(self._probabilities, items), self.size)


@dataclass(frozen=True, eq=False)
class InBatchSampler:
    """Draws nothing: the batch's own targets are the negatives of each other.

    The targets are treated as independent draws by popularity. This is the usual approximation;
    real histories repeat an item less often.

    Args:
        counts: number of training events of each item, (V+1,); index 0 is padding and ignored.
        positions: number of targets in a batch.

    Raises:
        ValueError: ``counts`` is not a vector, has a negative or non-finite value or no positive
            one, or ``positions`` is less than 1.

    Example:
        >>> sampler = InBatchSampler(np.array([0, 3, 1]), positions=2)
        >>> np.exp(sampler.log_inclusion(np.array([1, 2])))
        array([0.9375, 0.4375])
        >>> sampler.draw(np.random.default_rng(0))
        array([], dtype=int64)
    """

    counts: NDArray[Any]
    positions: int
    in_batch: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _ = self._frequencies
        _check_draws("positions", self.positions)

    @cached_property
    def _frequencies(self) -> NDArray[np.float64]:
        return frequencies(self.counts, 1.0)

    def draw(self, rng: np.random.Generator) -> Items:
        """Return no items."""
        return np.empty(0, dtype=np.int64)

    def log_inclusion(self, items: Items) -> LogProbabilities:
        """Return log(1 - (1 - f) ** positions); f is an item's share of the training events."""
        return at_least_once(_lookup(self._frequencies, items), self.positions)


@dataclass(frozen=True, eq=False)
class UnionSampler:
    """Several samplers, drawn independently: for example in-batch targets and drawn negatives.

    Args:
        samplers: whose draws are joined.

    Raises:
        ValueError: there is no sampler.

    Example:
        >>> counts = np.array([0, 3, 1])
        >>> in_batch = InBatchSampler(counts, positions=1)
        >>> sampler = UnionSampler([in_batch, UniformSampler(np.array([1, 2]), 1)])
        >>> np.exp(sampler.log_inclusion(np.array([1, 2])))  # 1 - 1/4 × 1/2, 1 - 3/4 × 1/2
        array([0.875, 0.625])
    """

    samplers: Sequence[Sampler]

    def __post_init__(self) -> None:
        if not self.samplers:
            raise ValueError("UnionSampler expects at least one sampler; got none")

    @property
    def in_batch(self) -> bool:
        """Whether one of them takes the targets of a batch."""
        return any(takes_targets(sampler) for sampler in self.samplers)

    def draw(self, rng: np.random.Generator) -> Items:
        """Return every item that one of the samplers draws."""
        drawn = [sampler.draw(rng) for sampler in self.samplers]
        return np.unique(np.concatenate([np.empty(0, dtype=np.int64), *drawn]))

    def log_inclusion(self, items: Items) -> LogProbabilities:
        """Return log(1 - product of (1 - probability in one draw))."""
        nowhere = np.full(np.shape(items), -np.inf)
        each = (sampler.log_inclusion(items) for sampler in self.samplers)
        return union_log_inclusion(nowhere, *each)


def _lookup(probabilities: NDArray[np.float64], items: Items) -> NDArray[np.float64]:
    """Return the probabilities of items; 0 for items newer than the counts."""
    items = np.asarray(items)
    known = (items > 0) & (items < len(probabilities))
    return np.where(known, probabilities[np.where(known, items, 0)], 0.0)


def _among(items: Items, drawn: Items) -> NDArray[np.bool_]:
    """Return which items are among ``drawn``, which ascends."""
    # O(log V) per item, where `np.isin` reads all of `drawn`.
    places = np.minimum(np.searchsorted(drawn, items), len(drawn) - 1)
    return np.asarray(drawn[places] == items)


def _unique_items(items: Items) -> Items:
    unique: Items = np.unique(np.asarray(items))
    if unique.ndim != 1 or len(unique) == 0 or unique[0] < 1:
        raise ValueError(f"items expects catalogue indices of 1 or more; got {unique}")
    return unique


def _check_draws(name: str, value: int) -> None:
    if value < 1:
        raise ValueError(f"{name} must be at least 1; got {value}")
