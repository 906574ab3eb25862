"""Ranking protocol and reports."""

from mmrec.evaluation.comparison import Comparison, compare_runs
from mmrec.evaluation.learners import Frozen, OnlineMarkov
from mmrec.evaluation.prequential import Learner, Observed, Prequential, follow, prequential
from mmrec.evaluation.protocol import (
    HeldOut,
    Ranker,
    Ranks,
    held_out,
    rank_targets,
    rank_with_and_without_seen,
    summarize,
)
from mmrec.evaluation.report import describe_split, evaluate, evaluate_baselines, summarize_ranks
from mmrec.evaluation.results import Result, read_result
from mmrec.evaluation.rules import RankingProtocol
from mmrec.evaluation.statistics import (
    Difference,
    Interval,
    Outcome,
    cluster_bootstrap,
    holm,
    paired_bootstrap,
    paired_test,
    seed_interval,
)
from mmrec.evaluation.targets import target_table

__all__ = [
    "Comparison",
    "Difference",
    "Frozen",
    "HeldOut",
    "Interval",
    "Learner",
    "Observed",
    "OnlineMarkov",
    "Outcome",
    "Prequential",
    "Ranker",
    "RankingProtocol",
    "Ranks",
    "Result",
    "cluster_bootstrap",
    "compare_runs",
    "describe_split",
    "evaluate",
    "evaluate_baselines",
    "follow",
    "held_out",
    "holm",
    "paired_bootstrap",
    "paired_test",
    "prequential",
    "rank_targets",
    "rank_with_and_without_seen",
    "read_result",
    "seed_interval",
    "summarize",
    "summarize_ranks",
    "target_table",
]
