"""The figures of ``mmrec degrade``, as a table and as curves."""

from pathlib import Path
from typing import Any

import polars as pl

from mmrec.display.plots import LINE, Plot, color_of, new_figure, saved, styled

METRIC = "ndcg@10"


def degradation_table(found: pl.DataFrame) -> str:
    """Return the figures as a text table, a line for each modality and share."""
    lines = [f"{'lost':<16}{'by a share of':>14}{'NDCG@10':>10}{'warm':>10}{'cold':>10}"]
    for row in found.to_dicts():
        figures = [row[name] for name in (METRIC, "warm", "cold")]
        said = "".join(f"{'' if one is None else f'{one:.4f}':>10}" for one in figures)
        lines.append(f"{row['modality']:<16}{row['share']:>14.0%}{said}")
    return "\n".join(lines)


def check_plot(file: Path) -> None:
    """Raise an error, before anything is measured, if a plot can't be drawn to a file.

    Raises:
        ValueError: it ends in neither .png nor .svg, or its folder doesn't exist.
        ImportError: matplotlib is not installed.
    """
    if file.suffix not in (".png", ".svg"):
        raise ValueError(f"--plot expects a file that ends in .png or .svg; got {file}")
    if not file.absolute().parent.is_dir():
        raise ValueError(f"--plot expects a file in a folder that exists; got {file}")
    with styled():
        pass


def degradation_plot(found: pl.DataFrame) -> Plot:
    """Draw NDCG@10 by the share of items that lose a modality, a curve for each.

    Raises:
        ImportError: matplotlib is not installed.
    """
    says = "NDCG@10 on the test events, when a share of the items with a modality loses it"
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
    axes.set_xlabel("share of the items with the modality that lose it")
    axes.grid(axis="y", color=LINE, lw=0.8)
    axes.spines["left"].set_visible(False)
    axes.set_axisbelow(True)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.0)
    return figure
