"""A map of the item vectors: items that are alike lie close to one another."""

from functools import partial
from importlib.util import find_spec
from typing import Any, Literal, NamedTuple

import numpy as np
import polars as pl
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int

from mmrec.affinities import without_novelty
from mmrec.data import Catalog
from mmrec.display.plots import BASELINE, COLORS, WIDTH, color_of, new_figure, styled
from mmrec.recommender.artifact.state import RecommenderState

MOST = 4000
"""So many items are drawn at most, a fixed draw."""

NAMED = 6
"""So many values have a color of their own."""

RASTER = 800
"""Above so many, the points of an SVG are pixels."""

Projection = Literal["pca", "umap"]
"""The ways to a map."""


class ItemMap(NamedTuple):
    """Items on a map.

    Attributes:
        indices: catalogue indices, ``(N,)``.
        at: where each of them is, ``(N, 2)``.
        projection: how the map was made.
    """

    indices: Int[np.ndarray, " N"]
    at: Float[np.ndarray, "N 2"]
    projection: Projection


def item_positions(state: RecommenderState, projection: Projection | None = None) -> ItemMap:
    """Return a map of the items.

    The directions of the vectors are projected, since the cosine says which items are alike.
    Columns that say whether an item is new don't count. Removed items and those with an empty
    vector are left out.

    Args:
        state: the recommender.
        projection: ``"pca"``, the two directions of the highest variance; or ``"umap"``, which
            keeps neighbours together and needs the package umap-learn. By default UMAP if it is
            installed, else PCA.

    Raises:
        ValueError: the projection is unknown, or there are fewer than three items.
        ImportError: umap-learn is not installed.

    References:
        Pearson, "On lines and planes of closest fit to systems of points in space" (1901);
        McInnes, Healy and Melville, "UMAP" (2018), arXiv 1802.03426.
    """
    if projection not in (None, "pca", "umap"):
        raise ValueError(f"projection must be 'pca' or 'umap'; got {projection!r}")
    made: Projection = projection or ("umap" if find_spec("umap") else "pca")
    vectors = without_novelty(state.model, state.vectors).detach().cpu().double()
    indices = torch.nonzero(state.available & vectors.any(1)).flatten().numpy()
    if len(indices) < 3:
        raise ValueError(f"a map expects three items or more; got {len(indices)}")
    if len(indices) > MOST:
        indices = np.sort(np.random.default_rng(0).choice(indices, MOST, replace=False))
    directions = F.normalize(vectors[torch.from_numpy(indices)], dim=1).numpy()
    return ItemMap(indices, _umap(directions) if made == "umap" else _pca(directions), made)


def plot_items(
    state: RecommenderState,
    color: str | None = None,
    *,
    projection: Projection | None = None,
    positions: ItemMap | None = None,
    width: float = WIDTH,
) -> Any:
    """Draw a map of the item vectors.

    Args:
        state: the recommender.
        color: column of the catalogue. The six most frequent values of texts have a color each,
            others are grey; numbers, more than six of them, are a scale. Of several values, in
            a list or between bars, the first counts.
        projection: how the map is made, see :func:`item_positions`.
        positions: the map, if it is there already.
        width: in inches.

    Raises:
        ValueError: the catalogue has no such column, or there are fewer than three items.
        ImportError: matplotlib is not installed, or umap-learn, if it was given.
    """
    values = None if color is None else _column(state.catalog, color)
    indices, at, made = positions or item_positions(state, projection)
    title = f"{len(indices):,} items, by {made.upper()} of their vectors; like lies near like"
    with styled():
        figure, axes = new_figure(0.98 * width, title, width=width)
        axes.set_axis_off()
        axes.set_aspect("equal", adjustable="datalim")
        axes.margins(0.02)
        draw = partial(
            axes.scatter,
            s=float(np.clip(9000 / len(indices), 4, 36)),
            lw=0,
            alpha=0.85,
            rasterized=len(indices) > RASTER,
        )
        if values is None:
            draw(*at.T, color=COLORS[0])
        elif values.dtype.is_numeric():
            _by_number(figure, draw, at, values.gather(indices - 1))
        else:
            _by_name(figure, draw, at, values.gather(indices - 1))
        return figure


def _by_number(figure: Any, draw: Any, at: Float[np.ndarray, "N 2"], values: pl.Series) -> None:
    given = values.is_not_null().to_numpy()
    draw(*at[~given].T, color=BASELINE)
    points = draw(*at[given].T, c=values.drop_nulls().to_numpy(), cmap="viridis")
    bar = figure.colorbar(points, ax=figure.axes[0], label=values.name, fraction=0.04, pad=0.02)
    bar.outline.set_visible(False)


def _by_name(figure: Any, draw: Any, at: Float[np.ndarray, "N 2"], values: pl.Series) -> None:
    counts = values.drop_nulls().value_counts()
    names = counts.sort("count", values.name, descending=[True, False])[values.name].head(NAMED)
    rest = ~values.is_in(names.to_list()).fill_null(False).to_numpy()
    if rest.any():  # first, so that they lie below
        draw(*at[rest].T, color=BASELINE, label="other")
    for place, name in enumerate(names):
        points = at[(values == name).fill_null(False).to_numpy()]
        label = f" {name}" if name.startswith("_") else name  # a legend leaves out _names
        draw(*points.T, color=color_of(place), label=label)
    figure.legend(loc="outside lower center", ncols=3, markerscale=1.4, handletextpad=0.1)


def _pca(directions: Float[np.ndarray, "N D"]) -> Float[np.ndarray, "N 2"]:
    centered = directions - directions.mean(0)
    axes = np.linalg.eigh(centered.T @ centered)[1][:, ::-1][:, :2]
    axes = axes * np.sign(axes[np.abs(axes).argmax(0), range(axes.shape[1])])
    at: np.ndarray = centered @ axes
    return np.pad(at, ((0, 0), (0, 2 - at.shape[1])))  # vectors of one number have one axis


def _umap(directions: Float[np.ndarray, "N D"]) -> Float[np.ndarray, "N 2"]:
    try:
        import umap
    except ImportError as error:
        raise ImportError("a map by UMAP needs umap-learn: pip install umap-learn") from error
    neighbours = min(15, len(directions) - 1)
    # The spectral start of two axes needs four items or more.
    start = "spectral" if len(directions) > 3 else "random"
    how = umap.UMAP(n_neighbors=neighbours, metric="cosine", init=start, random_state=0, n_jobs=1)
    at: np.ndarray = np.asarray(how.fit_transform(directions), dtype=np.float64)
    return at


def _column(catalog: Catalog, name: str) -> pl.Series:
    if name not in catalog.frame.columns:
        raise ValueError(
            f"color must be a column of the catalogue, one of {catalog.frame.columns}; got {name!r}"
        )
    values = catalog.frame[name]
    if values.dtype == pl.List:
        values = values.list.first()
    if values.dtype.is_numeric():
        return values
    names = values.cast(pl.String).str.split("|").list.first()
    numbers = names.cast(pl.Float64, strict=False)  # a table may hold numbers as texts
    if numbers.null_count() == names.null_count() and numbers.n_unique() > NAMED:
        return numbers
    return names
