"""Plots of a comparison: means beside baselines, differences, validation curves."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite
from textwrap import fill
from typing import Any

from mmrec.evaluation.comparison import Comparison

INK, SOFT, LINE, BASELINE = "#1d1c1a", "#66625b", "#e2dfd8", "#b9b4a9"
# The colors of Okabe and Ito, for color-blind readers too; the first is that of the report.
COLORS = ("#0d6b62", "#d55e00", "#0072b2", "#cc79a7", "#e69f00", "#56b4e9", "#7a5195")
STYLE: dict[Any, Any] = {
    "font.size": 10,
    "font.family": ["DejaVu Sans"],
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": SOFT,
    "ytick.color": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "svg.hashsalt": "mmrec",  # so that equal comparisons give equal files
}


@dataclass(frozen=True)
class Plot:
    """A plot in two formats.

    Attributes:
        name: name of its file, without suffix.
        says: what it shows, as alternative text.
        png: the plot at 150 dots an inch.
        svg: the plot as vectors.
    """

    name: str
    says: str
    png: bytes
    svg: bytes


def draw_plots(comparison: Comparison, names: Mapping[str, str]) -> list[Plot]:
    """Draw means, differences and validation curves, as far as the comparison has them.

    Args:
        comparison: the comparison.
        names: names of the baselines to show.

    Raises:
        ImportError: matplotlib is not installed.
    """
    with styled():
        return list(_plots(comparison, names))


@contextmanager
def styled() -> Iterator[None]:
    """Draw in the style of mmrec.

    Raises:
        ImportError: matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError("plots need matplotlib: pip install 'mmrec[compare]'") from error
    with matplotlib.rc_context(STYLE):
        yield


def _plots(comparison: Comparison, names: Mapping[str, str]) -> Iterator[Plot]:
    metric, percent = comparison.metric.upper(), f"{100 * comparison.level:g} %"
    shown = f"{metric} on the test events"
    if all(group.over_users for group in comparison.groups):
        shown += f", {percent} intervals over users"
    if any(len(group.values) > 1 for group in comparison.groups):
        shown += "; dots: single seeds"
    yield saved("bars", shown, _bars(comparison, names, shown))
    if comparison.versus:
        first = comparison.groups[0].name
        text = f"{metric} less that of {first} (right of 0: better), {percent} intervals over users"
        yield saved("differences", text, _differences(comparison, text))
    if any(curve for group in comparison.groups for curve in group.curves):
        text = "NDCG@10 on validation after each epoch; dots: the epoch that was kept"
        yield saved("curves", text, _curves(comparison, text))


def _bars(comparison: Comparison, names: Mapping[str, str], title: str) -> Any:
    groups = comparison.groups
    baselines = {n: v for n, v in comparison.baselines.items() if v is not None}
    labels = [g.name for g in groups] + [names.get(n, n) for n in baselines]
    values = [g.mean for g in groups] + list(baselines.values())
    colors = [color_of(i) for i in range(len(groups))] + [BASELINE] * len(baselines)
    figure, axes = new_figure(0.9 + 0.42 * len(labels), title)
    axes.barh(range(len(labels)), values, 0.62, color=colors, zorder=2)
    ends = list(values)
    for row, group in enumerate(groups):
        if len(group.values) > 1:
            axes.plot(
                group.values,
                [row] * len(group.values),
                "o",
                ms=4,
                mec=INK,
                mfc="w",
                mew=0.8,
                zorder=4,
            )
            ends[row] = max(ends[row], *group.values)
        if group.over_users:
            low, high = group.over_users.low, group.over_users.high
            axes.plot([low, high], [row, row], color=INK, lw=1.4, zorder=3)
            ends[row] = max(ends[row], high)
    room = 0.012 * max(ends)
    for row, (value, end) in enumerate(zip(values, ends, strict=True)):
        axes.text(end + room, row, f"{value:.4f}", va="center", fontsize=9, color=INK)
    axes.set_xlim(0, max(ends) * 1.12 or 1.0)
    _rows(axes, labels)
    return figure


def _differences(comparison: Comparison, title: str) -> Any:
    rows = []
    for place, versus in enumerate(comparison.versus, 1):
        rows.append((versus.name, versus.difference, color_of(place), True))
        rows += [(part, d, color_of(place), False) for part, d in versus.slices.items()]
    figure, axes = new_figure(0.9 + 0.3 * len(rows), title)
    axes.axvline(0, color=SOFT, lw=1, zorder=1)
    for row, (_, d, color, whole) in enumerate(rows):
        fade = 1.0 if whole else 0.55
        bounds = [d.low, d.high] if isfinite(d.low) else []
        axes.plot(bounds, [row] * len(bounds), color=color, lw=2.4 if whole else 1.4, alpha=fade)
        axes.plot([d.mean], [row], "o", color=color, ms=7 if whole else 5, alpha=fade)
    _rows(axes, [name for name, *_ in rows])
    for label, (*_, whole) in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_color(INK if whole else SOFT)
        label.set_fontweight("bold" if whole else "normal")
    axes.xaxis.set_major_formatter(
        lambda value, _: f"{value:+.3g}".replace("-", "−") if value else "0"
    )
    return figure


def _curves(comparison: Comparison, title: str) -> Any:
    figure, axes = new_figure(3.4, title)
    top, longest = 0.0, 1
    for place, group in enumerate(comparison.groups):
        label: str | None = group.name
        for curve in filter(None, group.curves):
            epochs, best = range(1, len(curve) + 1), max(curve)
            axes.plot(epochs, curve, color=color_of(place), lw=1.5, alpha=0.8, label=label)
            axes.plot([curve.index(best) + 1], [best], "o", color=color_of(place), ms=5)
            label, top, longest = None, max(top, best), max(longest, len(curve))
    axes.set_ylim(0, top * 1.08 or 1.0)
    axes.set_xlabel("epoch")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlim(0.9, longest + 0.1)
    axes.grid(axis="y", color=LINE, lw=0.8)
    axes.spines["left"].set_visible(False)
    axes.set_axisbelow(True)
    if len(comparison.groups) > 1:
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.0)
    return figure


def new_figure(height: float, title: str) -> tuple[Any, Any]:
    """Return a figure of a height in inches with a title, and its axes."""
    # Not pyplot, which keeps every figure and may need a display.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, height), layout="constrained")
    figure.suptitle(fill(title, 96), x=0.01, ha="left", fontsize=10, color=SOFT)
    return figure, figure.subplots()


def _rows(axes: Any, labels: list[str]) -> None:
    """Label the rows, the first on top, and draw only thin vertical lines."""
    axes.set_yticks(range(len(labels)), [fill(label, 34) for label in labels])
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.grid(axis="x", color=LINE, lw=0.8, zorder=0)
    axes.set_axisbelow(True)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)


def color_of(place: int) -> str:
    """Return the color of a curve."""
    return COLORS[place % len(COLORS)]


def saved(name: str, says: str, figure: Any) -> Plot:
    """Return a figure in both formats."""
    files = {}
    for kind, metadata in (("png", {}), ("svg", {"Date": None})):
        file = io.BytesIO()
        figure.savefig(file, format=kind, dpi=150, metadata=metadata)
        files[kind] = file.getvalue()
    return Plot(name, says, files["png"], files["svg"])
