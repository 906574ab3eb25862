"""Ranking under a protocol, reports, comparisons of RUNs, and prequential evaluation."""

from mmrec.evaluation.baselines import (
    evaluate_baselines,
    known_sequences,
    left_out_baselines,
)
from mmrec.evaluation.checks import check_once, check_split
from mmrec.evaluation.clicks import ClickReport, report_clicks, score_impressions
from mmrec.evaluation.comparison import Comparison, compare_runs
from mmrec.evaluation.heldout import HeldOut, held_out
from mmrec.evaluation.history_scorer import HistoryScorer, TwoStageScorer
from mmrec.evaluation.item_facts import ItemFacts, facts_of
from mmrec.evaluation.learners import Frozen, OnlineMarkov
from mmrec.evaluation.lists import describe_lists
from mmrec.evaluation.prequential import Learner, Observed, Prequential, follow, prequential
from mmrec.evaluation.protocol import RankingProtocol
from mmrec.evaluation.ranking import rank_targets, rank_with_and_without_seen
from mmrec.evaluation.ranks import Ranks, summarize
from mmrec.evaluation.report import (
    describe_split,
    evaluate,
    rank_among_cold,
    rank_both,
    summarize_ranks,
)
from mmrec.evaluation.results import Result, read_result
from mmrec.evaluation.slices import slices_of_targets
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
    "ClickReport",
    "Comparison",
    "Difference",
    "Frozen",
    "HeldOut",
    "HistoryScorer",
    "Interval",
    "ItemFacts",
    "Learner",
    "Observed",
    "OnlineMarkov",
    "Outcome",
    "Prequential",
    "RankingProtocol",
    "Ranks",
    "Result",
    "TwoStageScorer",
    "check_once",
    "check_split",
    "cluster_bootstrap",
    "compare_runs",
    "describe_lists",
    "describe_split",
    "evaluate",
    "evaluate_baselines",
    "facts_of",
    "follow",
    "held_out",
    "holm",
    "known_sequences",
    "left_out_baselines",
    "paired_bootstrap",
    "paired_test",
    "prequential",
    "rank_among_cold",
    "rank_both",
    "rank_targets",
    "rank_with_and_without_seen",
    "read_result",
    "report_clicks",
    "score_impressions",
    "seed_interval",
    "slices_of_targets",
    "summarize",
    "summarize_ranks",
    "target_table",
]
