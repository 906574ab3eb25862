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


def _keep_terms(
    later: RecommenderState, sources: Sources, chosen: RecommenderState, split: Split
) -> RecommenderState:
    before: dict[str, Counted | None] = {one.kind: one.before for one in chosen.neighbours}
    later = replace(later, trend=chosen.trend)  # it counts the events of all parts already
    return attach(later, sources, split, weights_of(chosen), before)


def _choose_terms(
    trained: RecommenderState, sources: Sources, split: Split, start: RecommenderState | None
) -> tuple[RecommenderState, dict[str, Any]]:
    """Return a state with the trend and the affinities.

    The trend is chosen before affinities, so that they don't stand in for it, and again beside
    them. If it is another one then, affinities are chosen once more, since new items are balanced
    with the others under the trend that is served.
    """
    usual = None if start is None else start.trend
    state, facts = with_trend(trained, split, recounted(trained, split.train), usual)
    first = facts.get("trend")
    state, more = with_affinities(state, sources, split, start)
    facts |= more
    if not weights_of(state):
        return state, facts  # there is nothing beside the trend: it would be the same
    state, more = with_trend(state, split, recounted(state, split.train), usual)
    facts |= more
    if _weights(facts.get("trend")) == _weights(first):
        return state, facts
    state, more = with_affinities(replace(trained, trend=state.trend), sources, split, start)
    return state, facts | more


def _weights(trend: Mapping[str, Any] | None) -> Any:
    return None if trend is None else (trend["chosen"], trend["weights"])


def _choose_reranker(
    state: RecommenderState, sources: Sources, split: Split, start: RecommenderState | None
) -> tuple[RecommenderState, dict[str, Any]]:
    return with_useful_reranker(state, split)


def _keep_reranker(
    later: RecommenderState, sources: Sources, chosen: RecommenderState, split: Split
) -> RecommenderState:
    return later if chosen.model.reranker is not None else without_reranker(later)


CHOICES: Sequence[Choice] = (
    Choice(_choose_terms, _keep_terms),
    Choice(_choose_reranker, _keep_reranker),
)
"""In the order in which they are made; each sees what those before it have chosen."""


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
