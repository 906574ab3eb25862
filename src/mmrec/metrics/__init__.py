"""Ranking metrics: pure functions on ranks and lists, and torchmetrics classes that average them.

Ranks come from :func:`rank_of_target` on the scores of the whole catalogue, which handles ties,
seen items and negative scores in one place. The classes load torchmetrics at their first use,
since it imports torchvision and transformers, which takes seconds.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mmrec.metrics.clicks import (
    Calibration,
    auc,
    auc_by_group,
    calibration_curve,
    log_loss,
    ranks_of_clicks,
)
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
from mmrec.metrics.lists import (
    average_popularity,
    gini,
    intra_list_diversity,
    miscalibration,
    novelty,
)
from mmrec.metrics.ranks import rank_of_target

if TYPE_CHECKING:
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

__all__ = [
    "MAP",
    "MRR",
    "NDCG",
    "Calibration",
    "CatalogCoverage",
    "HitRate",
    "Precision",
    "RankingMetric",
    "Recall",
    "auc",
    "auc_by_group",
    "average_popularity",
    "average_precision",
    "calibration_curve",
    "catalog_coverage",
    "exposure",
    "gini",
    "hit_rate",
    "intra_list_diversity",
    "log_loss",
    "miscalibration",
    "mrr",
    "ndcg",
    "novelty",
    "precision",
    "rank_of_target",
    "ranks_of_clicks",
    "recall",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("mmrec.metrics.ranking"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
