"""What is tried next, as a function of the trials that have ended."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mmrec.tuning.space import LOGARITHMIC, Dimension, Range, Space
from mmrec.tuning.study import quiet

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

RANDOM_TRIALS = 8
"""Trials that are drawn at random, before the sampler has something to go by."""

COMPLETE_TRIALS = 4
"""Complete trials with which others are compared; before, none is pruned."""

FIRST_PRUNED_EPOCH = 3
"""The first epoch after which a trial may be pruned: validation may stay flat for some."""


def propose(
    ended: "Sequence[FrozenTrial]",
    space: Space,
    *,
    seed: int,
    first: Mapping[str, Any],
    prune: bool = True,
) -> "Trial":
    """Return the next trial; equal arguments give the same one.

    The sampler is TPE (Bergstra et al. 2011), with a random generator of its own for each trial.
    A trial is pruned if its best NDCG@10 so far is below the median of the complete trials at the
    same epoch.

    Args:
        ended: the trials so far, by number.
        space: what is searched.
        seed: seed of the search.
        first: values of the first trial, as far as they are in the space.
        prune: whether ``should_prune`` of the trial may be true.

    Example:
        >>> space = {"dropout": Range(0.0, 0.5), "dim": (8, 16)}
        >>> propose([], space, seed=0, first={"dropout": 0.25, "dim": 8}).params
        {'dropout': 0.25, 'dim': 8}
        >>> draws = [propose([], space, seed=3, first={}).params for _ in range(2)]
        >>> draws[0] == draws[1]
        True
    """
    import optuna

    draw = np.random.SeedSequence((seed, len(ended))).generate_state(1)
    sampler = optuna.samplers.TPESampler(n_startup_trials=RANDOM_TRIALS, seed=int(draw[0]))
    pruner = (
        optuna.pruners.MedianPruner(COMPLETE_TRIALS, FIRST_PRUNED_EPOCH)
        if prune
        else optuna.pruners.NopPruner()
    )
    with quiet():
        study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
        study.add_trials(ended)
        if not ended:
            given = {n: v for n, v in first.items() if n in space and _has(space[n], v)}
            study.enqueue_trial(given)
        return study.ask({name: distribution(name, values) for name, values in space.items()})


def distribution(name: str, values: Dimension) -> "BaseDistribution":
    """Return the distribution of the values of a name.

    Example:
        >>> distribution("dim", Range(8, 64))
        IntDistribution(high=64, log=True, low=8, step=1)
    """
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if not isinstance(values, Range):
        return CategoricalDistribution(values)
    log = name in LOGARITHMIC
    if isinstance(values.low, int) and isinstance(values.high, int):
        return IntDistribution(values.low, values.high, log=log)
    return FloatDistribution(values.low, values.high, log=log)


def _has(values: Dimension, value: Any) -> bool:
    if isinstance(values, Range):
        return value is not None and values.low <= value <= values.high
    return value in values
