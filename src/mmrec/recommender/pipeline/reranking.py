"""Whether a reranker is kept: only if it surely lifts the ranking of validation events."""

import logging
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from mmrec.affinities.choice import ERRORS, compare
from mmrec.data import Split
from mmrec.data.wording import gain_said
from mmrec.evaluation.rank_buffer import rows_at_once
from mmrec.metrics import ndcg, rank_of_target
from mmrec.models import CatalogScorer, SequentialModel
from mmrec.recommender.artifact.state import RecommenderState
from mmrec.recommender.pipeline.requests import ValidRequests
from mmrec.recommender.pipeline.scorers import scorer_at

log = logging.getLogger(__name__)

MOST = 5_000
"""Validation requests that are ranked twice, at most."""


def with_useful_reranker(
    state: RecommenderState, split: Split
) -> tuple[RecommenderState, dict[str, Any]]:
    """Return a state without its reranker unless that lifts NDCG@10 on validation, and facts.

    The gain must exceed 1.5 standard errors, as that of affinities. Nothing is concluded from too
    few validation events: the reranker is kept. So it is with the option ``keep_reranker``.
    """
    split = state.labelled(split)
    requests = ValidRequests.of(split)
    if state.model.reranker is None or not requests.enough:
        return state, {}
    requests = requests.drawn(MOST, state.options.seed)
    scorer = scorer_at(state, split, "valid")
    before, after = _ranked(scorer, requests)
    gained = compare(after, before, requests.users)
    kept = state.options.keep_reranker or gained["gain"] > ERRORS * gained["standard_error"]
    facts = {"requests": len(before), "ndcg@10": float(before.mean()), **gained, "kept": kept}
    if not kept:
        log.warning(
            "the reranker is left out: it changes NDCG@10 on validation by %s, and must lift it by "
            "more than %s standard errors; keep_reranker keeps it",
            gain_said(gained["gain"], gained["standard_error"]),
            ERRORS,
        )
        state = without_reranker(state)
    return state, {"reranker": facts}


def without_reranker(state: RecommenderState) -> RecommenderState:
    """Return a state that ranks by the product and its terms alone."""
    model: SequentialModel = copy(state.model)
    model._modules = {**state.model._modules, "reranker": None}
    specs = {slot: spec for slot, spec in state.specs.items() if slot != "reranker"}
    return replace(state, model=model, specs=specs)


def _ranked(
    scorer: CatalogScorer, requests: ValidRequests
) -> tuple[Float[np.ndarray, " N"], Float[np.ndarray, " N"]]:
    """Return the NDCG@10 of each request before and after reranking."""
    found: list[list[np.ndarray]] = [[], []]
    targets = torch.from_numpy(requests.targets.astype(np.int64))
    size, device = rows_at_once(len(requests.blocked)), scorer.vectors.device
    for start in range(0, len(targets), size):
        rows = np.arange(start, min(start + size, len(targets)))
        scores, histories = requests.scores(scorer, rows), requests.histories(rows)
        exclude = requests.excluded(rows)
        again = scorer.rerank(scores.to(device), histories, exclude.to(device)).cpu()
        for ranked, values in zip(found, (scores, again), strict=True):
            gains = ndcg(rank_of_target(values, targets[rows], exclude), 10)
            missed = exclude.gather(1, targets[rows].unsqueeze(1)).squeeze(1)
            ranked.append(gains.masked_fill(missed, 0).double().numpy())
    return np.concatenate(found[0]), np.concatenate(found[1])
