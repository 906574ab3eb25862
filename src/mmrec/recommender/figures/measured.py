"""A metric on the test events, on slices of them, and its intervals over users."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Int

from mmrec.display import BASELINE_NAMES
from mmrec.evaluation.statistics import cluster_bootstrap
from mmrec.evaluation.targets import (
    AMONG_COLD,
    COLD_ALONE,
    metric_of_targets,
    ranks_cold,
    slices_of,
)
from mmrec.recommender.artifact.state import RecommenderState
from mmrec.recommender.report import has_metrics, tested

DRAWS = 2000
"""Draws of the bootstrap."""


@dataclass(frozen=True)
class Measured:
    """A metric on some test events.

    Attributes:
        name: what was measured.
        mean: the metric, that of the report.
        targets: number of test events.
        low: lower bound of the 95 % interval over users; None where it isn't known.
        high: upper bound.
    """

    name: str
    mean: float
    targets: int
    low: float | None = None
    high: float | None = None

    @property
    def top(self) -> float:
        """The highest value that is drawn."""
        return self.mean if self.high is None else self.high


def measured(state: RecommenderState, metric: str = "ndcg@10") -> Measured:
    """Return a metric of the recommender on all test events.

    The interval is a bootstrap of whole users (:func:`mmrec.evaluation.cluster_bootstrap`).

    Raises:
        ValueError: the report has no such metric.
        ImportError: SciPy is not installed.
    """
    return _measured(
        "this model", test_metrics(state, metric), metric, state.targets, state, "rank"
    )


def measured_baselines(state: RecommenderState, metric: str = "ndcg@10") -> list[Measured]:
    """Return a metric of each baseline on the same events; a RUN holds no ranks of theirs."""
    return [
        Measured(BASELINE_NAMES.get(name, name), metrics[metric], metrics["targets"])
        for name, metrics in state.report.get("baselines", {}).items()
        if metric in metrics
    ]


def measured_slices(state: RecommenderState, metric: str = "ndcg@10") -> list[Measured]:
    """Return a metric on each slice of the test events that the report has.

    Slices by the type of an event have no interval, since a RUN holds no types of targets.

    Raises:
        ValueError: the report has no such metric.
        ImportError: SciPy is not installed.
    """
    test = test_metrics(state, metric)
    slices: dict[str, Mapping[str, Any]] = dict(test.get("slices", {}))
    targets = state.targets
    masks = {} if targets is None else slices_of(targets)
    found = []
    for name, metrics in slices.items():
        if metric in metrics:
            rows = targets.filter(masks[name]) if targets is not None and name in masks else None
            found.append(_measured(name, metrics, metric, rows, state, "rank"))
    if metric in test.get("among_cold", {}):
        rows = None
        if targets is not None and ranks_cold(targets):
            rows = targets.filter(pl.col(AMONG_COLD).is_not_null())
        found.append(_measured(COLD_ALONE, test["among_cold"], metric, rows, state, AMONG_COLD))
    return found


def test_metrics(state: RecommenderState, metric: str) -> Mapping[str, Any]:
    """Return the metrics on the test events.

    Raises:
        ValueError: the report has no such metric.
    """
    if not has_metrics(state.report):
        raise ValueError(
            "expected a recommender that was measured; got one whose report has no test metrics"
        )
    test = tested(state.report)
    if metric not in test or "@" not in metric:
        known = [name for name in test if "@" in name]
        raise ValueError(f"metric must be one of {known}; got {metric!r}")
    return test


def measured_by_popularity(
    state: RecommenderState, counts: Int[np.ndarray, " V1"], metric: str = "ndcg@10"
) -> list[Measured]:
    """Return a metric on test events by how many training events their items have.

    Args:
        state: the recommender.
        counts: training events of each catalogue index, such as ``split.train_counts``.
        metric: the metric.

    Raises:
        ValueError: the recommender has no table of ranks, or no such metric.
        ImportError: SciPy is not installed.
    """
    test_metrics(state, metric)
    if state.targets is None:
        raise ValueError("expected a recommender with ranks of its targets; got one without")
    seen = counts[state.catalog.indices_of(state.targets["item_id"].to_list())]
    found, low, high = [], 0, 1
    while low <= seen.max(initial=0):
        rows = state.targets.filter(pl.Series((seen >= low) & (seen < high)))
        if len(rows):
            name = "0 events" if low == 0 else f"{low:,} to {high - 1:,} events"
            values = metric_of_targets(rows, metric, state.report.get("items"))
            about = {metric: float(values.mean()), "targets": len(rows)}
            found.append(_measured(name, about, metric, rows, state, "rank"))
        low, high = max(1, high), 10 * max(1, high)
    return found


def _measured(
    name: str,
    metrics: Mapping[str, Any],
    metric: str,
    rows: pl.DataFrame | None,
    state: RecommenderState,
    column: str,
) -> Measured:
    plain = Measured(name, metrics[metric], metrics["targets"])
    if rows is None or metric.partition("@")[0] not in ("ndcg", "hr", "mrr"):
        return plain
    values = metric_of_targets(rows, metric, state.report.get("items"), column)
    found = cluster_bootstrap(values, rows["user_id"].to_numpy(), samples=DRAWS)
    if not np.isfinite(found.low):  # a single user
        return plain
    return Measured(name, plain.mean, plain.targets, found.low, found.high)
