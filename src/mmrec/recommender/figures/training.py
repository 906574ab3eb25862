"""How a metric on validation rose during training."""

from typing import Any

from mmrec.display.plots import COLORS, INK, LINE, WIDTH, new_figure, styled
from mmrec.recommender.artifact.state import RecommenderState


def plot_training(state: RecommenderState, *, width: float = WIDTH) -> Any:
    """Draw NDCG@10 on validation after each epoch; the dot is the epoch that was chosen.

    Raises:
        ValueError: the report has no training curve.
        ImportError: matplotlib is not installed.
    """
    curve = state.report.get("training", {}).get("valid_curve") or []
    if not curve:
        raise ValueError("expected a report with a training curve; got one without")
    best = curve.index(max(curve))
    title = "NDCG@10 on validation after each epoch; the dot is the epoch that was chosen"
    with styled():
        figure, axes = new_figure(3.0, title, width=width)
        axes.plot(range(1, len(curve) + 1), curve, color=COLORS[0], lw=1.8)
        axes.plot([best + 1], [curve[best]], "o", color=COLORS[0], ms=7)
        axes.annotate(
            f"{curve[best]:.3f}",
            (best + 1, curve[best]),
            (0, 8),
            textcoords="offset points",
            ha="center",
            fontsize=9,
            color=INK,
        )
        axes.set_xlim(0.5, len(curve) + 0.5)
        axes.set_ylim(0, 1.15 * max(curve) or 1.0)
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(axis="y", color=LINE, lw=0.8)
        axes.spines["left"].set_visible(False)
        axes.set_axisbelow(True)
        return figure
