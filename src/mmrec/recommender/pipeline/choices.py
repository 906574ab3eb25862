"""What validation chooses for a trained model, and trainings on more events keep."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mmrec.affinities import Counted
from mmrec.data import Source, Split
from mmrec.recommender.artifact.state import RecommenderState
from mmrec.recommender.pipeline.affinity import attach, recounted, weights_of, with_affinities
from mmrec.recommender.pipeline.reranking import with_useful_reranker, without_reranker
from mmrec.recommender.pipeline.trend import with_trend

Sources = Mapping[str, Source]


@dataclass(frozen=True)
class Choice:
    """One thing that validation chooses.

    Attributes:
        choose: from a trained state, the content of its items, the split, and the recommender that
            was updated if there is one, the state with what was chosen, and facts for the report.
        keep: from a state that was trained on more events, the content of its items, the state for
            which it was chosen, and the split of the later training, the later state with what was
            chosen.
    """

    choose: Callable[
        [RecommenderState, Sources, Split, RecommenderState | None],
        tuple[RecommenderState, dict[str, Any]],
    ]
    keep: Callable[[RecommenderState, Sources, RecommenderState, Split], RecommenderState]


def _keep_affinities(
    later: RecommenderState, sources: Sources, chosen: RecommenderState, split: Split
) -> RecommenderState:
    before: dict[str, Counted | None] = {one.kind: one.before for one in chosen.neighbours}
    return attach(later, sources, split, weights_of(chosen), before)


def _choose_trend(
    state: RecommenderState, sources: Sources, split: Split, start: RecommenderState | None
) -> tuple[RecommenderState, dict[str, Any]]:
    usual = None if start is None else start.trend
    return with_trend(state, split, recounted(state, split.train), usual)


def _choose_trend_beside(
    state: RecommenderState, sources: Sources, split: Split, start: RecommenderState | None
) -> tuple[RecommenderState, dict[str, Any]]:
    if not weights_of(state):
        return state, {}  # there is nothing beside it: it would be the same
    return _choose_trend(state, sources, split, start)


def _choose_reranker(
    state: RecommenderState, sources: Sources, split: Split, start: RecommenderState | None
) -> tuple[RecommenderState, dict[str, Any]]:
    return with_useful_reranker(state, split)


def _keep_trend(
    later: RecommenderState, sources: Sources, chosen: RecommenderState, split: Split
) -> RecommenderState:
    # It counts the events of all parts already.
    return replace(later, trend=chosen.trend)


def _keep_reranker(
    later: RecommenderState, sources: Sources, chosen: RecommenderState, split: Split
) -> RecommenderState:
    return later if chosen.model.reranker is not None else without_reranker(later)


CHOICES: Sequence[Choice] = (
    Choice(_choose_trend, _keep_trend),
    Choice(with_affinities, _keep_affinities),
    Choice(_choose_trend_beside, _keep_trend),
    Choice(_choose_reranker, _keep_reranker),
)
"""In the order in which they are made; each sees what those before it have chosen.

The trend is chosen before affinities, so that they don't stand in for it, and again beside them.
"""


def choose(
    state: RecommenderState,
    sources: Sources,
    split: Split,
    start: RecommenderState | None = None,
) -> tuple[RecommenderState, dict[str, Any]]:
    """Return a trained state with all that validation chooses, and facts for the report.

    Nothing is chosen with privacy, since its budget covers training alone.
    """
    facts: dict[str, Any] = {}
    if state.options.epsilon is not None:
        return state, facts
    for choice in CHOICES:
        state, more = choice.choose(state, sources, split, start)
        facts |= more
    return state, facts


def keep(
    later: RecommenderState, sources: Sources, chosen: RecommenderState, split: Split
) -> RecommenderState:
    """Return a state that was trained on more events, with what was chosen for an earlier one."""
    for choice in CHOICES:
        later = choice.keep(later, sources, chosen, split)
    return later
