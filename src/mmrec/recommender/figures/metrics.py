"""Metrics beside those of the baselines, and on slices of the test events."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Int

from mmrec.display.plots import (
    BASELINE,
    COLORS,
    INK,
    SOFT,
    WIDTH,
    label_rows,
    new_figure,
    styled,
)
from mmrec.recommender.artifact.state import RecommenderState
from mmrec.recommender.figures.measured import (
    Measured,
    measured,
    measured_baselines,
    measured_by_popularity,
    measured_slices,
)

WHO = "Lines: 95 % intervals over users."


def plot_metrics(state: RecommenderState, metric: str = "ndcg@10", *, width: float = WIDTH) -> Any:
    """Draw a test metric of the recommender beside those of the baselines.

    Raises:
        ValueError: the report has no such metric.
        ImportError: matplotlib or SciPy is not installed.
    """
    own, others = measured(state, metric), measured_baselines(state, metric)
    others.sort(key=lambda one: one.mean, reverse=True)
    title = f"{metric.upper()} on {own.targets:,} test events. {_about([own])}"
    with styled():
        return _dots([own, *others], [COLORS[0], *[BASELINE] * len(others)], title, width)


def plot_slices(state: RecommenderState, metric: str = "ndcg@10", *, width: float = WIDTH) -> Any:
    """Draw a test metric on slices of the test events; the broken line is that on all of them.

    Raises:
        ValueError: the report has no such metric, or no slices.
        ImportError: matplotlib or SciPy is not installed.
    """
    rows, whole = measured_slices(state, metric), measured(state, metric)
    if not rows:
        raise ValueError("expected a report with slices of the test events; got one without")
    title = f"{metric.upper()} on parts of the test events (their number). {_about(rows)}"
    named = [_counted(one) for one in rows]
    with styled():
        figure = _dots(named, [COLORS[0]] * len(rows), title, width)
        figure.axes[0].axvline(whole.mean, color=SOFT, lw=1, ls=(0, (4, 3)), zorder=1)
        return figure


def plot_popularity(
    state: RecommenderState,
    counts: Int[np.ndarray, " V1"],
    metric: str = "ndcg@10",
    *,
    width: float = WIDTH,
) -> Any:
    """Draw a test metric by how many training events the next item has.

    Args:
        state: the recommender.
        counts: training events of each catalogue index, such as ``split.train_counts``.
        metric: the metric.
        width: in inches.

    Raises:
        ValueError: the recommender has no table of ranks, or no such metric.
        ImportError: matplotlib or SciPy is not installed.
    """
    rows = measured_by_popularity(state, counts, metric)
    title = f"{metric.upper()} by training events of the next item (test events). {_about(rows)}"
    with styled():
        return _dots([_counted(one) for one in rows], [COLORS[0]] * len(rows), title, width)


def _about(rows: Sequence[Measured]) -> str:
    return WHO if any(one.low is not None for one in rows) else ""


def _counted(one: Measured) -> Measured:
    return Measured(f"{one.name} ({one.targets:,})", one.mean, one.targets, one.low, one.high)


def _dots(rows: Sequence[Measured], colors: Sequence[str], title: str, width: float) -> Any:
    figure, axes = new_figure(0.7 + 0.38 * len(rows), title, width=width)
    top = max(one.top for one in rows) or 1.0
    for row, (one, color) in enumerate(zip(rows, colors, strict=True)):
        if one.low is not None and one.high is not None:
            axes.plot([one.low, one.high], [row, row], color=color, lw=2.2, alpha=0.55, zorder=3)
        axes.plot([one.mean], [row], "o", color=color, ms=7, zorder=4, clip_on=False)
        axes.text(one.top + 0.03 * top, row, f"{one.mean:.3f}", va="center", fontsize=9, color=INK)
    axes.set_xlim(0, 1.18 * top)
    label_rows(axes, [one.name for one in rows], width=int(5 * width))
    return figure
