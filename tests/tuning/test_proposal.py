import pytest

from mmrec.tuning.proposal import COMPLETE_TRIALS, FIRST_PRUNED_EPOCH, RANDOM_TRIALS, propose
from mmrec.tuning.space import USUAL, Range

optuna = pytest.importorskip("optuna")

SPACE = {"lr": Range(1e-4, 1e-2), "dim": (8, 16, 32), "layers": (None, 1, 2)}


def ended(trial, value, curve=()):
    return optuna.trial.create_trial(
        value=value,
        params=trial.params,
        distributions=trial.distributions,
        intermediate_values=dict(enumerate(curve, 1)),
    )


def searched(count, value, *, seed=0, space=SPACE):
    """Propose and end some trials, whose value is a function of their parameters."""
    trials = []
    for _ in range(count):
        trial = propose(trials, space, seed=seed, first={})
        trials.append(ended(trial, value(trial.params)))
    return [trial.params for trial in trials]


def test_what_comes_next_depends_on_the_ended_trials_alone():
    def value(params):
        return -abs(params["lr"] - 0.003) + params["dim"]

    once, again = (searched(RANDOM_TRIALS + 4, value) for _ in range(2))
    assert once == again
    assert searched(3, value, seed=1) != once[:3]
    assert len({str(params) for params in once}) > RANDOM_TRIALS


def test_the_sampler_finds_what_is_better():
    found = searched(
        40, lambda params: -abs(params["dropout"] - 0.8), space={"dropout": Range(0.0, 0.9)}
    )
    first, last = (
        [abs(params["dropout"] - 0.8) for params in part] for part in (found[:8], found[-8:])
    )
    assert sum(last) < sum(first) / 2


def test_the_first_trial_has_the_given_values_that_are_in_the_space():
    first = {"lr": 0.5, "dim": 16, "layers": None, "loss": "softmax"}
    params = propose([], SPACE, seed=0, first=first).params
    assert (params["dim"], params["layers"]) == (16, None)
    assert 1e-4 <= params["lr"] <= 1e-2
    assert propose([], USUAL, seed=0, first={}).params.keys() == USUAL.keys()


@pytest.mark.parametrize("prune", [True, False])
def test_a_trial_below_the_median_is_pruned(prune):
    trials = []
    for number in range(COMPLETE_TRIALS):
        trial = propose(trials, SPACE, seed=0, first={})
        trials.append(ended(trial, 0.5, [0.1 * number] * 5))
    said = {}
    for value in (0.14, 0.16):
        trial = propose(trials, SPACE, seed=0, first={}, prune=prune)
        said[value] = []
        for epoch in range(1, 5):
            trial.report(value, epoch)
            said[value].append(trial.should_prune())
    # the median of 0, 0.1, 0.2, 0.3
    late = [epoch >= FIRST_PRUNED_EPOCH for epoch in range(1, 5)]
    assert said == {0.14: late if prune else [False] * 4, 0.16: [False] * 4}
