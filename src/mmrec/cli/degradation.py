"""The figures of ``mmrec degrade``, as a table and as curves."""

from typing import Any

import polars as pl

from mmrec.cli.plots import LINE, Plot, color_of, new_figure, saved, styled

METRIC = "ndcg@10"


def degradation_table(found: pl.DataFrame) -> str:
    """Return the figures as a text table, a line for each modality and share."""
    lines = [f"{'removed':<16}{'of the items':>14}{'NDCG@10':>10}{'warm':>10}{'cold':>10}"]
    for row in found.to_dicts():
        figures = [row[name] for name in (METRIC, "warm", "cold")]
        said = "".join(f"{'' if one is None else f'{one:.4f}':>10}" for one in figures)
        lines.append(f"{row['modality']:<16}{row['share']:>14.0%}{said}")
    return "\n".join(lines)


def degradation_plot(found: pl.DataFrame) -> Plot:
    """Draw NDCG@10 by the share of items that lack a modality, a curve for each.

    Raises:
        ImportError: matplotlib is not installed.
    """
    says = "NDCG@10 on the test events by the share of the items that lack a modality"
    with styled():
        return saved("degradation", says, _curves(found, says))


def _curves(found: pl.DataFrame, title: str) -> Any:
    figure, axes = new_figure(3.4, title)
    for place, ((name,), rows) in enumerate(found.group_by("modality", maintain_order=True)):
        rows = rows.sort("share")
        axes.plot(
            rows["share"], rows[METRIC], "o-", color=color_of(place), lw=1.5, ms=5, label=name
        )
    axes.set_ylim(0, (max(found[METRIC].to_list()) or 1.0) * 1.08)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlabel("items without the modality")
    axes.grid(axis="y", color=LINE, lw=0.8)
    axes.spines["left"].set_visible(False)
    axes.set_axisbelow(True)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.0)
    return figure
