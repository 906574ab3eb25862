"""Ranking protocol and reports."""

from mmrec.evaluation.protocol import (
    HeldOut,
    Ranker,
    Ranks,
    held_out,
    rank_targets,
    rank_with_and_without_seen,
    summarize,
)
from mmrec.evaluation.report import describe_split, evaluate, evaluate_baselines

__all__ = [
    "HeldOut",
    "Ranker",
    "Ranks",
    "describe_split",
    "evaluate",
    "evaluate_baselines",
    "held_out",
    "rank_targets",
    "rank_with_and_without_seen",
    "summarize",
]
