"""The rows of a table that can be read, where others can't."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import polars as pl

from mmrec.data.catalog import Catalog
from mmrec.data.ids import read_ids
from mmrec.data.pictures import pictures_in
from mmrec.data.tables import Table, read_table

Made = TypeVar("Made")


def usable_catalog(items: Table, images: str | Path | None = None) -> Catalog | None:
    """Return the first row of each id that is not empty, without images outside the folder.

    Events can be compared with it although a catalogue of all rows would be refused. It is None if
    there is none.

    Example:
        >>> usable_catalog({"item_id": ["a", "b", "a", ""]}).ids
        ['a', 'b']
    """
    folder = Path(images) if images is not None else None
    return tried(lambda: Catalog(_usable_rows(read_table(items, "items"), folder), folder))


def tried(make: Callable[[], Made]) -> Made | None:
    """Return what a function makes; None if it refuses."""
    try:
        return make()
    except (ValueError, pl.exceptions.PolarsError):
        return None


def _usable_rows(frame: pl.DataFrame, images: Path | None) -> pl.DataFrame:
    ids, _ = read_ids(frame["item_id"], "items")
    frame = frame.with_columns(ids).filter(ids.is_not_null() & ids.is_first_distinct())
    if images is None or "image" not in frame.columns:
        return frame
    image = frame["image"]
    inside = [
        tried(partial(pictures_in, image[row : row + 1], images)) is not None
        for row in range(len(image))
    ]
    return frame.with_columns(pl.when(pl.Series(inside)).then(pl.col("image")).otherwise(None))
