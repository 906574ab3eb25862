"""The content of ``report.json``: metrics, baselines and how complete the content is."""

from typing import Any

import polars as pl

from mmrec.data import Catalog, Split
from mmrec.evaluation import (
    RankingProtocol,
    describe_split,
    evaluate,
    evaluate_baselines,
    facts_of,
    left_out_baselines,
    rank_among_cold,
    rank_both,
    summarize_ranks,
    target_table,
)
from mmrec.evaluation.report import rank_new_to_users
from mmrec.recommender.artifact.state import RecommenderState
from mmrec.recommender.content import Content
from mmrec.recommender.content.frozen import frozen_vectors
from mmrec.recommender.pipeline.scorers import scorer_at

NEAREST = "content-nearest"
"""The baseline that needs the vectors of frozen encoders."""


def describe_content(catalog: Catalog, content: Content) -> dict[str, Any]:
    """Return how many items have each modality, and what could not be read, and why."""
    return {
        "items": len(catalog),
        "items_with": {name: int(s.present.sum()) for name, s in content.sources.items()},
        "left_out": content.problems,
        "cut_texts": content.cut_texts,
    }


def measure_on_test(state: RecommenderState, split: Split) -> dict[str, Any]:
    """Return NDCG@10 and HR@10 of a recommender on the test part, without anything beside it.

    They are of all targets, and under ``warm`` and ``cold`` of those that are warm or cold items.
    """
    split = state.labelled(split)
    found = evaluate(scorer_at(state, split, "test"), split, "test", protocol=protocol_of(state))
    names = ("ndcg@10", "hr@10")
    parts = {part: {name: found[part].get(name) for name in names} for part in ("warm", "cold")}
    return {name: found[name] for name in names} | parts


def measure(
    state: RecommenderState,
    split: Split,
    content: Content | None = None,
    selected: RecommenderState | None = None,
) -> tuple[dict[str, Any], pl.DataFrame]:
    """Return the metrics of a recommender and of baselines, and the rank of each test target.

    Targets are warm or cold as the split says, see :attr:`mmrec.data.Split.warm`.

    Args:
        state: the recommender.
        split: labelled events.
        content: the content of the catalogue; with it, the items nearest in content are a baseline.
        selected: the recommender that is measured on validation, if it is another one.
    """
    split = state.labelled(split)
    options, catalog = state.options, state.catalog
    protocol = protocol_of(state)
    items = facts_of(catalog)
    scorer = scorer_at(state, split, "test")
    ranks, everything = rank_both(scorer, split, "test", protocol)
    cold = rank_among_cold(scorer, split, "test", protocol)
    new = rank_new_to_users(scorer, split, "test", protocol)
    valid = scorer_at(selected or state, split, "valid")
    report = describe_split(split) | {
        "protocol": protocol.to_dict(),
        "seed": options.seed,
        "valid": evaluate(valid, split, "valid", protocol=protocol, items=items),
        "test": summarize_ranks(
            ranks, everything, split, protocol=protocol, items=items, cold=cold, new=new
        ),
        "baselines": evaluate_baselines(
            split,
            "test",
            protocol=protocol,
            items=items,
            content=None if content is None else frozen_vectors(content),
        ),
    }
    left_out = left_out_baselines(split, "test")
    if content is None and NEAREST in state.report.get("baselines", {}):
        left_out |= {NEAREST: "a RUN does not keep what frozen encoders made of the items"}
    if left_out:
        report["baselines_left_out"] = left_out
    has = items.has
    table = target_table(
        ranks, everything, split, catalog.ids, has.get("image"), has.get("text"), cold
    )
    return report, table


def protocol_of(state: RecommenderState) -> RankingProtocol:
    """Return the protocol: models are compared on the same histories, however much each reads."""
    most = max(RankingProtocol.max_length, state.options.max_length)
    return RankingProtocol(max_length=most)
