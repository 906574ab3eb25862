"""What validation chooses for a trained model, and trainings on more events keep."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mmrec.data import Split
from mmrec.recommender.artifact.state import RecommenderState
from mmrec.recommender.pipeline.trend import with_trend


@dataclass(frozen=True)
class Choice:
    """One thing that validation chooses.

    Attributes:
        choose: from a trained state and the split, the state with what was chosen, and facts for
            the report.
        keep: from a state that was trained on more events, the state for which it was chosen, and
            the split of the later training, the later state with what was chosen.
    """

    choose: Callable[[RecommenderState, Split], tuple[RecommenderState, dict[str, Any]]]
    keep: Callable[[RecommenderState, RecommenderState, Split], RecommenderState]


def _keep_trend(
    later: RecommenderState, chosen: RecommenderState, split: Split
) -> RecommenderState:
    # It counts the events of all parts already.
    return replace(later, trend=chosen.trend)


CHOICES: Sequence[Choice] = (Choice(with_trend, _keep_trend),)
"""In the order in which they are made; each sees what those before it have chosen."""


def choose(state: RecommenderState, split: Split) -> tuple[RecommenderState, dict[str, Any]]:
    """Return a trained state with all that validation chooses, and facts for the report.

    Nothing is chosen with privacy, since its budget covers training alone.
    """
    facts: dict[str, Any] = {}
    if state.options.epsilon is not None:
        return state, facts
    for choice in CHOICES:
        state, more = choice.choose(state, split)
        facts |= more
    return state, facts


def keep(later: RecommenderState, chosen: RecommenderState, split: Split) -> RecommenderState:
    """Return a state that was trained on more events, with what was chosen for an earlier one."""
    for choice in CHOICES:
        later = choice.keep(later, chosen, split)
    return later
