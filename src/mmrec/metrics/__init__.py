"""Ranking metrics: pure functions on ranks, and torchmetrics classes that average them.

Ranks come from :func:`rank_of_target` on the scores of the whole catalogue, so ties, seen items and
negative scores are dealt with once, in one place.
"""

from mmrec.metrics.functional import (
    average_precision,
    catalog_coverage,
    exposure,
    hit_rate,
    mrr,
    ndcg,
    precision,
    recall,
)
from mmrec.metrics.ranking import (
    MAP,
    MRR,
    NDCG,
    CatalogCoverage,
    HitRate,
    Precision,
    RankingMetric,
    Recall,
)
from mmrec.metrics.ranks import rank_of_target

__all__ = [
    "MAP",
    "MRR",
    "NDCG",
    "CatalogCoverage",
    "HitRate",
    "Precision",
    "RankingMetric",
    "Recall",
    "average_precision",
    "catalog_coverage",
    "exposure",
    "hit_rate",
    "mrr",
    "ndcg",
    "precision",
    "rank_of_target",
    "recall",
]
