"""The contract of a sampler of negatives."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import numpy as np

from mmrec.sampling import Sampler, takes_targets
from mmrec.testing.contract import expect
from mmrec.testing.making import begin

_COUNTS = np.array([0, 50, 0, 7, 1, 20, 3, 0])  # 0 is padding; 2 and 7 have no event
_TRAINED = np.flatnonzero(_COUNTS)
_POSITIONS, _ROUNDS = 4, 2_000
_KNOWN = {
    "items": _TRAINED,
    "counts": _COUNTS,
    "size": 3,
    "positions": _POSITIONS,
    "trains_encoders": False,
}


def check_sampler(
    factory: str | Mapping[str, Any] | Sampler | Callable[..., Sampler],
) -> list[str]:
    """Check that a part keeps the contract of :class:`mmrec.sampling.Sampler`.

    Args:
        factory: what ``fit(negatives=…)`` takes: a class or function that makes a sampler, which
            may name ``items`` (trained), ``counts``, ``size``, ``positions`` and
            ``trains_encoders``, or a :func:`functools.partial` of one.

    Returns:
        The names of the clauses that were checked.

    Raises:
        ContractError: a clause is broken.
        ValueError: the part can't be made.

    Example:
        >>> from mmrec.sampling import UniformSampler
        >>> check_sampler(UniformSampler)
        ['attributes', 'draw', 'seed', 'log_inclusion', 'frequency']
    """
    contract, sampler, _ = begin("negatives", factory, _KNOWN)
    contract.clause("attributes", _attributes, sampler)
    contract.clause("draw", _draw, sampler)
    contract.clause("seed", _seed, sampler)
    contract.clause("log_inclusion", _log_inclusion, sampler)
    contract.clause("frequency", _frequency, sampler)
    return contract.checked


def _attributes(sampler: Any) -> None:
    for name in ("draw", "log_inclusion"):
        found = getattr(sampler, name, None)
        expect(callable(found), f"a method {name}", found)


def _draw(sampler: Any) -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        drawn = sampler.draw(rng)
        right = isinstance(drawn, np.ndarray) and drawn.ndim == 1
        expect(right and drawn.dtype.kind in "iu", "an array of indices of items", drawn)
        expect(np.array_equal(drawn, np.unique(drawn)), "different items, ascending", drawn)
        trained = bool(np.isin(drawn, _TRAINED).all())
        expect(trained, f"items with events, {_TRAINED.tolist()}", drawn)


def _seed(sampler: Any) -> None:
    copied = deepcopy(sampler)
    for seed in range(5):
        first, second = (s.draw(np.random.default_rng(seed)) for s in (sampler, copied))
        expected = f"the same items of the same generator, {first}"
        expect(np.array_equal(first, second), expected, second)


def _log_inclusion(sampler: Any) -> None:
    items = np.arange(len(_COUNTS))
    found = np.asarray(sampler.log_inclusion(items))
    expect(found.shape == items.shape, f"one number for each of {len(items)} items", found.shape)
    expect(bool((found <= 0).all()), "logarithms of probabilities, 0 at most", found)
    untrained = np.isneginf(np.delete(found, _TRAINED)).all()
    expect(bool(untrained), "-inf for padding and for items without events", found)
    turned = np.asarray(sampler.log_inclusion(items[::-1]))
    expect(np.array_equal(turned, found[::-1]), "numbers in the order of the items", turned)


def _frequency(sampler: Any) -> None:
    """A draw has an item as often as is said.

    If the targets of a batch are candidates too, what is said may count them: it lies between the
    frequency in a draw, and that in a draw joined with targets.
    """
    rng, drawn = np.random.default_rng(0), np.zeros(len(_COUNTS))
    joined = drawn.copy()
    shares = _COUNTS / _COUNTS.sum()
    for _ in range(_ROUNDS):
        negatives = sampler.draw(rng)
        targets = rng.choice(len(_COUNTS), _POSITIONS, p=shares)
        drawn[negatives] += 1
        joined[np.union1d(negatives, targets).astype(int)] += 1
    said = np.exp(np.asarray(sampler.log_inclusion(np.arange(len(_COUNTS)))))
    least, most = drawn / _ROUNDS, (joined if takes_targets(sampler) else drawn) / _ROUNDS
    error = 4.5 * np.sqrt(said * (1 - said) / _ROUNDS) + 1e-9
    for item in _TRAINED:
        right = least[item] - error[item] <= said[item] <= most[item] + error[item]
        observed = f"{least[item]:.3f}"
        if most[item] > least[item]:
            observed += f" to {most[item]:.3f}"
        expected = f"that log_inclusion says how often item {item} is drawn, {observed}"
        expect(bool(right), expected, f"{said[item]:.3f}")
