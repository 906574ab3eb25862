"""How good a recommender is when items lack a modality."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl
from jaxtyping import Bool, Int

from mmrec.affinities import content_columns, counting_once
from mmrec.data import Split
from mmrec.evaluation import evaluate
from mmrec.recommender.artifact.state import RecommenderState
from mmrec.recommender.pipeline.measure import protocol_of
from mmrec.recommender.pipeline.scorers import scorer_at

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Shares of the items with a modality that lose it."""


def degradation(
    state: RecommenderState,
    split: Split,
    *,
    modalities: Sequence[str] | None = None,
    shares: Sequence[float] = SHARES,
    seed: int = 0,
) -> pl.DataFrame:
    """Return how good a recommender is on the test part when a share of the items loses a modality.

    The items that lose it are drawn at random from those that have it. Their vectors are those that
    they would have without it, up to float16, but that an item without its id does not count as
    new. What is counted in the log stays as it is.

    Args:
        state: the recommender.
        split: labelled events.
        modalities: those that are removed, one at a time; None for all.
        shares: shares of the items with the modality that lose it.
        seed: seed of the draw. A larger share has the items of a smaller one, too.

    Returns:
        A row for each modality and share: ``modality``, ``share``, ``ndcg@10`` of all targets, and
        ``warm`` and ``cold``: NDCG@10 of targets that are warm or cold items, null where there are
        none.

    Raises:
        ValueError: the recommender lacks a modality, or a share is not from 0 to 1.
    """
    known = list(state.modality_contributions)
    names = known if modalities is None else list(modalities)
    if unknown := sorted(set(names) - set(known)):
        raise ValueError(f"modalities must be of {known}; got {unknown}")
    if wrong := [share for share in shares if not 0 <= share <= 1]:
        raise ValueError(f"shares must be from 0 to 1; got {wrong}")
    rows = []
    with counting_once():
        whole = _figures(state, split)
        for name in names:
            has = state.modality_contributions[name].any(1).cpu().numpy()
            order = np.random.default_rng(seed).permutation(np.flatnonzero(has))
            for share in shares:
                items = order[: round(share * len(order))]
                found = _figures(without(state, name, items), split) if len(items) else whole
                rows.append({"modality": name, "share": float(share), **found})
    return pl.DataFrame(rows, infer_schema_length=None)


def without(state: RecommenderState, name: str, items: Int[np.ndarray, " N"]) -> RecommenderState:
    """Return a recommender of which some items lack a modality, by catalogue index."""
    vectors, added = state.vectors.clone(), state.modality_contributions[name]
    vectors[items] -= added[items].to(vectors)
    if name in (columns := content_columns(state.model)):
        # Exactly 0: an interest divides by the length of what is left.
        vectors[items, columns[name]] = 0.0
    if len(bare := items[_bare(state, name)[items]]):
        # Their vectors are equal but for rounding, which must not rank them.
        vectors[bare] = vectors[bare].mean(0)
    return replace(state, vectors=vectors)


def _bare(state: RecommenderState, name: str) -> Bool[np.ndarray, " V"]:
    """Return which items have no modality beside one."""
    others = [added for other, added in state.modality_contributions.items() if other != name]
    has = [added.any(1).cpu().numpy() for added in others]
    return ~np.any(has, axis=0) if has else np.ones(len(state.vectors), dtype=bool)


def _figures(state: RecommenderState, split: Split) -> dict[str, float | None]:
    found = evaluate(scorer_at(state, split, "test"), split, "test", protocol=protocol_of(state))
    metric = "ndcg@10"
    return {metric: found[metric], **{name: found[name].get(metric) for name in ("warm", "cold")}}
