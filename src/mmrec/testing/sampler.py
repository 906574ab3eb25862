"""The contract of a sampler of negatives."""

import math
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmrec.sampling import Sampler, takes_targets
from mmrec.testing.contract import ContractError, expect
from mmrec.testing.making import begin


def _counts() -> NDArray[np.int64]:
    """Return counts of a catalogue, a few of them large; some are 0, after the ninth item."""
    rng = np.random.default_rng(0)
    counts = np.round(2_000 / np.arange(1, _ITEMS + 1) ** 0.9).astype(np.int64)
    counts = rng.permutation(counts)
    counts[rng.choice(np.arange(9, _ITEMS), _COLD, replace=False)] = 0
    return np.concatenate([[0], counts])  # 0 is padding


_ITEMS, _COLD, _GROUPS = 400, 40, 8
_DEVIATIONS = 5.5
"""By Bernstein's inequality a right sampler fails with a probability below 3e-4 in all."""
_SIZE, _POSITIONS, _ROUNDS = 160, 64, 2_000
_COUNTS = _counts()
_TRAINED = np.flatnonzero(_COUNTS)
_KNOWN = {
    "items": _TRAINED,
    "counts": _COUNTS,
    "size": _SIZE,
    "positions": _POSITIONS,
    "trains_encoders": False,
}


def check_sampler(
    factory: str | Mapping[str, Any] | Sampler | Callable[..., Sampler],
    *,
    skip: Sequence[str] = (),
) -> list[str]:
    """Check that a part keeps the contract of :class:`mmrec.sampling.Sampler`.

    Args:
        factory: what ``fit(negatives=…)`` takes: a class or function that makes a sampler, which
            may name ``items`` (trained), ``counts``, ``size``, ``positions`` and
            ``trains_encoders``, or a :func:`functools.partial` of one.
        skip: names of clauses that are not checked, such as ``("frequency",)``.

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
    contract, sampler, _ = begin("negatives", factory, _KNOWN, skip)
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
        expected = "a NumPy array of indices of items"
        got = f"{drawn.dtype} of shape {drawn.shape}" if right else type(drawn).__name__
        expect(right and drawn.dtype.kind in "iu", expected, got)
        ascending = np.array_equal(drawn, np.unique(drawn))
        expect(ascending, "different items, ascending", _few(drawn))
        others = drawn[~np.isin(drawn, _TRAINED)]
        expect(not len(others), "items with events alone", f"{_few(others)} too")


def _few(items: NDArray[Any]) -> str:
    more = ", …" if len(items) > 5 else ""
    return f"[{', '.join(map(str, items[:5].tolist()))}{more}]"


def _seed(sampler: Any) -> None:
    copied = deepcopy(sampler)
    for seed in range(5):
        first, second = (s.draw(np.random.default_rng(seed)) for s in (sampler, copied))
        expected = f"the same items of the same generator, {_few(first)}"
        expect(np.array_equal(first, second), expected, _few(second))


def _log_inclusion(sampler: Any) -> None:
    items = np.arange(len(_COUNTS))
    try:
        found = np.asarray(sampler.log_inclusion(items))
    except IndexError as error:
        expected = f"numbers for a catalogue of {len(items) - 1} items, so a class or partial"
        raise ContractError(f"expected {expected}; got IndexError: {error}") from error
    expect(found.shape == items.shape, f"one number for each of {len(items)} items", found.shape)
    expect(bool((found <= 0).all()), "logarithms of probabilities, 0 at most", found.max())
    untrained = np.delete(found, _TRAINED)
    known = bool(np.isneginf(untrained).all())
    expect(known, "-inf for padding and for items without events", untrained.max())
    turned = np.asarray(sampler.log_inclusion(items[::-1]))
    expect(np.array_equal(turned, found[::-1]), "numbers in the order of the items", "others")


def _frequency(sampler: Any) -> None:
    """A draw has an item as often as is said.

    If the targets of a batch are candidates too, what is said may count them: it lies between the
    frequency in a draw, and that in a draw joined with targets. Groups of items of like
    probability show an error that is too small to be seen in one item.
    """
    said = np.exp(np.asarray(sampler.log_inclusion(np.arange(len(_COUNTS)))))[_TRAINED]
    order = np.argsort(said, kind="stable")
    groups = {f"{len(at)} items, {_said_of(said, at)}": at for at in np.array_split(order, _GROUPS)}
    groups |= {f"all {len(order)} items": order}
    groups |= {f"item {_TRAINED[at]}": np.array([at]) for at in range(len(_TRAINED))}
    drawn, joined = _occurrences(sampler)
    for of, at in groups.items():
        least, error = _mean(drawn[:, at].sum(1), said[at])
        most, error_of_most = _mean(joined[:, at].sum(1), said[at])
        wanted = float(said[at].sum())
        right = bool(least - error <= wanted <= most + error_of_most)
        observed = f"{least:.4g}" if least == most else f"{least:.4g} to {most:.4g}"
        expected = f"that log_inclusion says how often a draw has {of}: {observed} times"
        expect(right, expected, f"{wanted:.4g}")


def _said_of(said: NDArray[np.float64], at: NDArray[np.int64]) -> str:
    return f"said to be drawn with {said[at[0]]:.3f} to {said[at[-1]]:.3f}"


def _occurrences(sampler: Any) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which items with events are in each draw, and in each that is joined with targets."""
    rng = np.random.default_rng(0)
    drawn = np.zeros((_ROUNDS, len(_COUNTS)), dtype=bool)
    for row in drawn:
        row[sampler.draw(rng)] = True
    joined = drawn.copy()
    if takes_targets(sampler):
        shares = _COUNTS / _COUNTS.sum()
        targets = rng.choice(len(_COUNTS), (_ROUNDS, _POSITIONS), p=shares)
        np.put_along_axis(joined, targets, True, axis=1)
    return drawn[:, _TRAINED], joined[:, _TRAINED]


def _mean(numbers: NDArray[Any], said: NDArray[np.float64]) -> tuple[float, float]:
    """Return the mean of a number over draws, and the error that is allowed.

    The standard deviation is the larger of that of the draws and that of the probabilities: a rare
    item may be in no draw at all.
    """
    of_said = np.sqrt((said * (1 - said)).sum()) if len(said) == 1 else 0.0
    deviation = max(float(numbers.std()), float(of_said))
    error = _DEVIATIONS * deviation / math.sqrt(_ROUNDS) + _DEVIATIONS**2 / (3 * _ROUNDS)
    return float(numbers.mean()), error if deviation > 0 else 1e-9
