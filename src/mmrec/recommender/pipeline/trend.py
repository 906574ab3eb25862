"""The trend of a recommender: fitted on validation, and as it was at times of a log."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmrec.data import Split
from mmrec.data.splits import seen_before, target_users
from mmrec.evaluation import known_sequences
from mmrec.evaluation.heldout import histories_before
from mmrec.evaluation.rank_buffer import rows_at_once
from mmrec.models import CatalogScorer
from mmrec.recommender.artifact.state import RecommenderState
from mmrec.trends import ItemEvents, Requests, Trend, TrendHistory, created_times, fit_trend

LEAST_USERS = 20
"""Validation users below which nothing is concluded from them."""

LENGTH = 200
"""Events of a history that are read to fit a trend, as in a report."""


def known_events(split: Split, part: str) -> ItemEvents:
    """Return the events that requests of a part may know of, if they come before them."""
    events = known_sequences(split, part)
    return ItemEvents(events.item, events.time.astype(np.float64))


def with_trend(
    state: RecommenderState, split: Split, seed: int
) -> tuple[RecommenderState, dict[str, Any]]:
    """Return a state with a trend, fitted on the validation part, and facts for the report.

    Without times, or with too few validation events, there is none.
    """
    targets = split.targets("valid")
    targets = targets[targets > split.sequences.offsets[target_users(split, targets)]]
    users = target_users(split, targets)
    if not split.sequences.timed or len(np.unique(users)) < LEAST_USERS:
        return state, {}
    train = split.train.without_negatives()
    scorer = replace(state, trend=None).scorer
    blocked = torch.ones(split.catalog_size + 1, dtype=torch.bool)
    blocked[torch.from_numpy(split.candidates)] = False

    def scores(rows: np.ndarray) -> Tensor:
        parts = [
            scorer.scores(histories_before(split, some, LENGTH)).cpu()
            for some in np.array_split(targets[rows], -(-len(rows) // rows_at_once(len(blocked))))
        ]
        return torch.cat(parts).masked_fill(blocked, -torch.inf)

    requests = Requests(
        split.sequences.item[targets],
        split.sequences.time[targets].astype(np.float64),
        users,
        np.stack(seen_before(split, targets)),
    )
    events = known_events(split, "valid")
    trend, facts = fit_trend(
        scores,
        requests,
        events,
        ItemEvents(train.item, train.time.astype(np.float64)),
        created_times(state.catalog.frame, events),
        seed=seed,
    )
    every = split.sequences.without_negatives()
    trend = trend.with_events(ItemEvents(every.item, every.time.astype(np.float64)))
    return replace(state, trend=trend), {"trend": facts}


def scorer_at(state: RecommenderState, split: Split, part: str) -> CatalogScorer:
    """Return the scorer of a state for requests at the times of a part."""
    made = state.scorer
    if isinstance(state.trend, Trend) and split.sequences.timed:
        made.trend = TrendHistory(state.trend, known_events(split, part))
    return made
