"""The trend of a recommender: fitted on validation, and as it was at times of a log."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float

from mmrec.affinities import Counted
from mmrec.data import Split
from mmrec.evaluation import known_sequences
from mmrec.models import CatalogScorer
from mmrec.recommender.artifact.state import RecommenderState
from mmrec.recommender.pipeline.requests import ValidRequests
from mmrec.trends import (
    ItemEvents,
    Requests,
    Trend,
    TrendHistory,
    created_times,
    fit_trend,
)


def known_events(split: Split, part: str) -> ItemEvents:
    """Return the events that requests of a part may know of, if they come before them."""
    events = known_sequences(split, part)
    return ItemEvents(events.item, events.time.astype(np.float64))


def with_trend(
    state: RecommenderState,
    split: Split,
    counted: Sequence[Counted] = (),
    usual: Trend | None = None,
) -> tuple[RecommenderState, dict[str, Any]]:
    """Return a state with a trend, fitted on the validation part, and facts for the report.

    Without the option ``trend`` or without times there is none. With too few validation events it
    is the usual one, with its counts, or none. Events on items that their user has met don't
    count for the choice, not even where a view is context and the purchase after it a target: who
    returns to a product within an hour makes it popular, and says nothing of what others want.

    Args:
        state: a trained state; a trend that it has is fitted anew.
        split: the events.
        counted: its counted affinities as they were after the training part.
        usual: the trend of the recommender that was updated, which stays if no other is better.
    """
    if not state.options.trend or not split.sequences.timed:
        return state, {}
    split = state.labelled(split)
    known = ValidRequests.of(split).reachable().new_to_users()
    train, events = split.train.without_negatives(), known_events(split, "valid")
    trained = ItemEvents(train.item, train.time.astype(np.float64))
    created = created_times(state.catalog.frame, events)
    if known.enough:
        scorer = replace(state, trend=None, neighbours=tuple(counted)).scorer
        requests = Requests(
            known.targets,
            split.sequences.time[known.stops].astype(np.float64),
            known.users,
            known.seen,
        )
        scores, seed = partial(known.scores, scorer), state.options.seed
        trend, facts = fit_trend(scores, requests, events, trained, created, usual=usual, seed=seed)
    else:
        none = ItemEvents(np.zeros(0, dtype=np.int64), np.zeros(0))
        dated = created_times(state.catalog.frame, none)
        return replace(state, trend=_grown(usual, created, dated)), {}
    every = split.sequences.without_negatives()
    trend = trend.with_events(ItemEvents(every.item, every.time.astype(np.float64)))
    return replace(state, trend=trend), {"trend": facts}


def _grown(
    usual: Trend | None, created: Float[np.ndarray, " V1"], dated: Float[np.ndarray, " V1"]
) -> Trend | None:
    """Return the trend of the recommender before, with items that are new, and dates as now."""
    if usual is None:
        return None
    old = usual.catalog_size
    usual = usual.with_items(created[old + 1 :])
    return usual.with_dates(np.arange(1, old + 1), dated[1 : old + 1])


def trending(state: RecommenderState, split: Split, part: str) -> CatalogScorer:
    """Return the scorer of a state, whose trend is as it was at each time of a part."""
    made = state.scorer
    if isinstance(state.trend, Trend) and split.sequences.timed:
        made.trend = TrendHistory(state.trend, known_events(split, part))
    return made
