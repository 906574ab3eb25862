"""Ranking protocol and reports."""

from mmrec.evaluation.protocol import HeldOut, Ranker, Ranks, held_out, rank_targets, summarize

__all__ = ["HeldOut", "Ranker", "Ranks", "held_out", "rank_targets", "summarize"]
