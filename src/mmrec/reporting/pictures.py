"""A map of the items' pictures."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from mmrec.data import ItemId
from mmrec.display import Thumbnails
from mmrec.recommender.artifact.state import RecommenderState
from mmrec.recommender.figures import ItemMap

CELLS = 13
"""Rows and columns of the grid; a cell has one picture at most."""


@dataclass(frozen=True)
class Pinned:
    """A picture on a map.

    Attributes:
        item: the item's id.
        image: its picture, as a ``data:`` URI.
        left: where it is, in percent of the width.
        top: in percent of the height.
    """

    item: ItemId
    image: str
    left: float
    top: float


def pin_pictures(
    state: RecommenderState, positions: ItemMap | None, thumbnails: Thumbnails
) -> list[Pinned]:
    """Return the pictures of the items on a map; none without a map.

    Of items that would cover one another, the one with the most events is shown.
    """
    paths = state.catalog.image_paths()
    if positions is None or not any(paths):
        return []
    indices, at, _ = positions
    cells = _cells(at)
    counts = state.counts.cpu().numpy()[indices]
    found, taken = [], set[tuple[int, int]]()
    for place in np.argsort(-counts, kind="stable"):
        item, cell = state.catalog.ids[indices[place] - 1], (cells[place, 0], cells[place, 1])
        if cell in taken or paths[indices[place] - 1] is None:
            continue
        if (image := thumbnails[item]) is not None:
            taken.add(cell)
            left, top = (100 * (float(number) + 0.5) / CELLS for number in cell)
            found.append(Pinned(item, image, left, top))
    return found


def _cells(at: Float[np.ndarray, "N 2"]) -> Int[np.ndarray, "N 2"]:
    """Return the cell of each position, column and row, the first row on top."""
    low, high = at.min(0), at.max(0)
    shares = (at - low) / np.maximum(high - low, 1e-12)
    shares[:, 1] = 1 - shares[:, 1]
    cells: np.ndarray = np.minimum((shares * CELLS).astype(np.int64), CELLS - 1)
    return cells
