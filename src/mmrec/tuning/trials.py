"""Trials: how one is carried out, which is the best, and all of them as a table."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from mmrec.data.wording import counted as _epochs
from mmrec.recommender.pipeline.clock import Clock
from mmrec.recommender.pipeline.plan import Execution
from mmrec.recommender.pipeline.stage import context_of, run_stage
from mmrec.tuning.search import Search

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.trial import FrozenTrial

METRIC = "ndcg@10"
SECONDS, REASON = "seconds", "reason"
STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
"""What the states of Optuna are called in reports."""


def run_trial(search: Search, trial: "Trial", cache: Path, *, progress: bool) -> "FrozenTrial":
    """Train with the values of a trial; return it as it ended.

    Its value is the validation NDCG@10 of its best epoch. A trial fails if its loss isn't finite.
    The test part is neither ranked nor trained on.

    Raises:
        ValueError: the values don't fit together or don't fit the data.
    """
    from optuna.trial import TrialState, create_trial

    from mmrec.training import NotFiniteError

    curve: list[float] = []
    state = TrialState.COMPLETE

    def watch(ndcg: float) -> bool:
        nonlocal state
        curve.append(ndcg)
        trial.report(ndcg, len(curve))
        if trial.should_prune():
            state = TrialState.PRUNED
        return state == TrialState.PRUNED

    start, about = time.perf_counter(), {}
    try:
        how = Execution(cache, progress=progress, watch=watch)
        plan = search.plan_of(trial.params)
        plan.check()
        run_stage(plan, how, context_of(plan, how), Clock())
    except NotFiniteError as error:
        state, about = TrialState.FAIL, {REASON: str(error)}
    seconds = round(time.perf_counter() - start, 1)
    return create_trial(
        state=state,
        value=None if state == TrialState.FAIL else max(curve),
        params=trial.params,
        distributions=trial.distributions,
        user_attrs={SECONDS: seconds, **about},
        intermediate_values=dict(enumerate(curve, 1)),
    )


def best_of(trials: "Sequence[FrozenTrial]") -> "FrozenTrial":
    """Return the complete trial with the highest value, the earliest of several.

    Raises:
        ValueError: no trial is complete.
    """
    complete = [trial for trial in trials if trial.state.name == "COMPLETE"]
    if not complete:
        why = trials[-1].user_attrs.get(REASON, "it was pruned")
        raise ValueError(f"none of the {len(trials)} trials is complete; of the last: {why}")
    return max(complete, key=lambda trial: (trial.values[0], -trial.number))


def counted(trials: "Sequence[FrozenTrial]") -> dict[str, int]:
    """Return the number of trials, and of those in each state."""
    states = [STATES[trial.state.name] for trial in trials]
    return {"trials": len(trials)} | {state: states.count(state) for state in STATES.values()}


def trial_table(trials: "Sequence[FrozenTrial]", names: Sequence[str]) -> pl.DataFrame:
    """Return a row for each trial.

    Columns: ``trial`` (its number, from 0), ``state`` (complete, pruned or failed),
    ``valid_ndcg@10`` of its best epoch, ``epochs``, ``seconds``, and one for each name.
    """
    rows: dict[str, list[Any]] = {
        "trial": [trial.number for trial in trials],
        "state": [STATES[trial.state.name] for trial in trials],
        f"valid_{METRIC}": [trial.value for trial in trials],
        "epochs": [len(trial.intermediate_values) for trial in trials],
        SECONDS: [trial.user_attrs.get(SECONDS) for trial in trials],
    }
    rows |= {name: [trial.params[name] for trial in trials] for name in names}
    return pl.DataFrame(rows, strict=False)


def one_line(trial: "FrozenTrial", number: int) -> str:
    """Return what became of a trial, on one line."""
    said = trial.user_attrs.get(REASON)
    if trial.value is not None:
        said = f"NDCG@10 {trial.value:.4f} in {_epochs(len(trial.intermediate_values), 'epoch')}"
    values = ", ".join(f"{name}={_short(value)}" for name, value in trial.params.items())
    return f"trial {number} {STATES[trial.state.name]}: {said}; {values}"


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
