"""How much each modality adds to the vectors of items."""

from typing import Any

import polars as pl
import torch

from mmrec.display.plots import LINE, WIDTH, color_of, label_rows, new_figure, styled
from mmrec.recommender.artifact.state import RecommenderState


def modality_shares(state: RecommenderState) -> pl.DataFrame:
    """Return how much of the items' vectors each modality makes, a row for a modality and group.

    What a modality adds to an item's vector is how much the vector changes without it. Its share is
    the length of that change, divided by the sum of the lengths of all modalities. Groups are
    ``"all items"``, and, where there are both, ``"with events"`` and ``"without events"``, by
    whether the model has trained on an event of the item.

    Returns:
        Columns ``group``, ``items``, ``modality`` and ``share``, the mean over the items of the
        group. The shares of a group sum to 1, unless nothing of an item is known.

    Raises:
        ValueError: the recommender holds no contributions of modalities.
    """
    if not state.modality_contributions:
        raise ValueError("expected a recommender with contributions of modalities; got none")
    lengths = torch.stack(
        [added[1:].double().norm(dim=1).cpu() for added in state.modality_contributions.values()], 1
    )
    shares = lengths / lengths.sum(1, keepdim=True).clamp(min=1e-12)
    available, trained = state.available[1:], state.counts[1:].cpu() > 0
    groups = {
        "all items": available,
        "with events": available & trained,
        "without events": available & ~trained,
    }
    if not groups["with events"].any() or not groups["without events"].any():
        groups = {"all items": available}
    return pl.DataFrame(
        [
            {"group": group, "items": int(mask.sum()), "modality": name, "share": share}
            for group, mask in groups.items()
            for name, share in zip(
                state.modality_contributions, shares[mask].mean(0).tolist(), strict=True
            )
        ]
    )


def plot_modalities(state: RecommenderState, *, width: float = WIDTH) -> Any:
    """Draw how much each modality adds to the vectors of items, see :func:`modality_shares`.

    Raises:
        ValueError: the recommender holds no contributions of modalities.
        ImportError: matplotlib is not installed.
    """
    table = modality_shares(state)
    groups = table.unique("group", maintain_order=True)
    labels = [f"{row['group']} ({row['items']:,})" for row in groups.to_dicts()]
    with styled():
        title = "Share of each modality in the vectors of items (their number)"
        figure, axes = new_figure(1.15 + 0.42 * len(groups), title, width=width)
        left = [0.0] * len(groups)
        for place, name in enumerate(state.modality_contributions):
            part = table.filter(modality=name)["share"].to_list()
            axes.barh(
                range(len(groups)), part, 0.6, left, color=color_of(place), label=name, zorder=2
            )
            left = [before + share for before, share in zip(left, part, strict=True)]
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        label_rows(axes, labels)
        axes.grid(axis="x", color=LINE, lw=0.8, zorder=0)
        figure.legend(loc="outside lower center", ncols=4)
        return figure
