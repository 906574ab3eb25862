"""Plots of a comparison: means beside baselines, differences, validation curves."""

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

from mmrec.display.plots import (
    BASELINE,
    INK,
    LINE,
    SOFT,
    Plot,
    color_of,
    label_rows,
    new_figure,
    saved,
    styled,
)
from mmrec.evaluation.comparison import Comparison


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
    label_rows(axes, labels)
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
    label_rows(axes, [name for name, *_ in rows])
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
