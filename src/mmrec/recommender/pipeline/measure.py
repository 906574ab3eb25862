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
    rank_both,
    summarize_ranks,
    target_table,
)
from mmrec.models import CatalogScorer
from mmrec.recommender.content import Content
from mmrec.recommender.options import Options


def describe_content(catalog: Catalog, content: Content) -> dict[str, Any]:
    """Return how many items have each modality, and what could not be read, and why."""
    return {
        "items": len(catalog),
        "items_with": {name: int(s.present.sum()) for name, s in content.sources.items()},
        "left_out": content.problems,
        "cut_texts": content.cut_texts,
    }


def measure(
    scorer: CatalogScorer, split: Split, options: Options, catalog: Catalog
) -> tuple[dict[str, Any], pl.DataFrame]:
    """Return the metrics of a scorer and of baselines, and the rank of each test target."""
    # Models are compared on the same histories, however many events of them each reads.
    protocol = RankingProtocol(max_length=max(RankingProtocol.max_length, options.max_length))
    items = facts_of(catalog)
    ranks, everything = rank_both(scorer, split, "test", protocol)
    report = describe_split(split) | {
        "protocol": protocol.to_dict(),
        "seed": options.seed,
        "valid": evaluate(scorer, split, "valid", protocol=protocol, items=items),
        "test": summarize_ranks(ranks, everything, split, protocol=protocol, items=items),
        "baselines": evaluate_baselines(split, "test", protocol=protocol, items=items),
    }
    has = items.has
    table = target_table(ranks, everything, split, catalog.ids, has.get("image"), has.get("text"))
    return report, table
