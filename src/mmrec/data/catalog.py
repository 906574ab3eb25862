"""The catalogue: the items that can be recommended, with their columns and images."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool, Int

from mmrec.data.columns import DEEPEST, Edit, edited, fitted, fitted_columns
from mmrec.data.conditions import is_not_flat, matches
from mmrec.data.images import resolve_image
from mmrec.data.tables import Table, check_ids, read_table, require_columns

log = logging.getLogger(__name__)

ItemId = str | int

FEW = 100
"""Up to so many ids are looked up one by one."""


class Catalog:
    """Items with any columns and optional images; it maps ids to indices and back.

    The item in row ``r`` has the index ``r + 1``; index 0 is padding. New items are only added at
    the end, so indices stay valid.

    Args:
        source: polars or pandas frame, pyarrow table, mapping of columns, CSV or Parquet path
            with the column ``item_id`` and any others; ``image`` is a file name in ``images``.
        images: folder of the images, or None.

    Columns keep their types. Those of a CSV file are text: so are a price and a stock from there.

    Copies share what they don't change. Threads may read a catalogue that no thread changes; to
    change it meanwhile, change a copy.

    Attributes:
        images: folder of the images, or None.

    Raises:
        ValueError: there is no ``item_id`` column, an id is empty or occurs twice, or an image is
            outside the folder.

    Example:
        >>> catalog = Catalog({"item_id": ["a", "b"], "title": ["A lamp", "A chair"]})
        >>> catalog.indices_of(["b", "a"])
        array([2, 1])
    """

    def __init__(self, source: Table, images: str | Path | None = None) -> None:
        frame = _read(source)
        self.images = Path(images) if images is not None else None
        # One attribute, because a reader may apply the edits while another copies the catalogue.
        self._held: tuple[pl.DataFrame, Edit | None] = (frame, None)
        self._ids = frame["item_id"]
        self._index: dict[ItemId, int] = {
            item: row + 1 for row, item in enumerate(self._ids.to_list())
        }
        named = sum(
            path is not None for path in self.image_paths()
        )  # raises if one is outside the folder
        if named and self.images is not None and not self.images.is_dir():
            log.warning("%d items name an image in %s, which is not a folder", named, self.images)

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, item: object) -> bool:
        return item in self._index

    def __repr__(self) -> str:
        return f"Catalog({len(self):,} items, columns {self.frame.columns})"

    @property
    def frame(self) -> pl.DataFrame:
        """The items, a polars frame."""
        frame, edits = self._held
        if edits is not None:
            frame = edited(frame, edits)
            self._held = (frame, None)
        return frame

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return self._held[0].columns

    @property
    def ids(self) -> list[ItemId]:
        """The ids in the order of their rows; the id of index ``i`` is ``ids[i - 1]``."""
        return self._ids.to_list()

    def indices_of(self, items: Iterable[ItemId]) -> Int[np.ndarray, " N"]:
        """Return the indices of ``items``.

        Raises:
            ValueError: an id is not in the catalogue (the message names the first few), or
                ``items`` is a single id.
        """
        if isinstance(items, str | int):
            raise ValueError(f"expected a list of item ids; got the single id {items!r}")
        wanted = list(items)
        indices = np.fromiter((self._index.get(item, 0) for item in wanted), np.int64, len(wanted))
        if len(wanted) and not indices.all():
            unknown = dict.fromkeys(item for item in wanted if item not in self._index)
            raise ValueError(
                f"{len(unknown)} item ids are not in the catalogue of {len(self)} items "
                f"({self._ids.dtype} ids), first {list(unknown)[:3]!r}"
            )
        return indices

    def find(self, item: ItemId) -> int:
        """Return the index of an item, 0 if it is not in the catalogue."""
        return self._index.get(item, 0)

    def ids_of(self, indices: Sequence[int] | Int[np.ndarray, " N"]) -> list[ItemId]:
        """Return the ids of ``indices``, which are from 1 to V; the reverse of :meth:`indices_of`.

        Example:
            >>> Catalog({"item_id": ["a", "b"]}).ids_of([2, 1])
            ['b', 'a']
        """
        column = self._ids
        if len(indices) <= FEW:  # starting polars' threads would take longer
            return [column[int(index) - 1] for index in indices]
        return column.gather(np.asarray(indices, dtype=np.int64) - 1).to_list()

    def parse_ids(self, texts: Iterable[str]) -> list[ItemId]:
        """Return ids that are given as text, converted to integers if the catalogue's ids are.

        Raises:
            ValueError: the catalogue's ids are integers, and a text is not an integer.
        """
        stripped = [text.strip() for text in texts]
        if self._ids.dtype == pl.String:
            return list(stripped)
        try:
            return [int(text) for text in stripped]
        except ValueError as error:
            raise ValueError(
                f"item ids must be integers in this catalogue; got {stripped}"
            ) from error

    def row(self, item: ItemId) -> dict[str, Any]:
        """Return the columns of one item, by name."""
        return self.frame.row(int(self.indices_of([item])[0]) - 1, named=True)

    def take(self, indices: Int[np.ndarray, " N"]) -> "Catalog":
        """Return some items as a catalogue of their own, in this order.

        Example:
            >>> Catalog({"item_id": ["a", "b", "c"]}).take(np.array([3, 1])).ids
            ['c', 'a']
        """
        return Catalog(self.frame[(indices - 1).tolist()], self.images)

    def image_paths(self) -> list[Path | None]:
        """Return the image file of each row; None for items without an image.

        Raises:
            ValueError: the column ``image`` is not text, or an image is outside the folder.
        """
        return _image_paths(self.frame, self.images)

    def image_path(self, item: ItemId) -> Path | None:
        """Return the image file of one item; None if it has no image."""
        name = str(self.row(item).get("image") or "").strip()
        return resolve_image(self.images, name) if name and self.images is not None else None

    def where(self, conditions: Mapping[str, Any] | pl.Expr) -> Bool[np.ndarray, " V1"]:
        """Return a mask of indices ``(V + 1,)``, True where an item satisfies all ``conditions``.

        The conditions map a column to a value or a list of allowed values; None stands for an
        empty value. Values are compared as text, so that 1995 also matches the text of a CSV file.
        A polars expression over the columns can express any other condition.

        Raises:
            ValueError: a column is not in the catalogue or holds lists, or ``conditions`` is
                neither a mapping nor an expression of one boolean per item.

        Example:
            >>> catalog = Catalog({"item_id": [1, 2], "category": ["lamp", "chair"]})
            >>> catalog.where({"category": "lamp"})
            array([False,  True, False])
        """
        return np.concatenate([[False], matches(self.frame, conditions)])

    def copy(self) -> "Catalog":
        """Return a copy that can be changed without changing this catalogue."""
        return copy(self)

    def typed(self, rows: Table) -> pl.DataFrame:
        """Return rows of items, new or known, with the types of the catalogue's columns.

        Raises:
            ValueError: an id is empty or occurs twice, an image is outside the folder, or a value
                doesn't fit the type of its column, see :func:`mmrec.data.columns.fitted`.

        Example:
            >>> catalog = Catalog({"item_id": ["a"], "price": [12.5]})
            >>> catalog.typed({"item_id": ["b"], "price": ["20"]})["price"].to_list()
            [20.0]
        """
        now = self._held[0]
        new = _read(fitted_columns(rows, now))
        shared = [name for name in new.columns if name in now.columns and name != "item_id"]
        others = [name for name in shared if new[name].dtype != now[name].dtype]
        if others:
            new = new.with_columns(fitted(new[name], now[name]) for name in others)
        _image_paths(new, self.images)
        return new

    def update(self, rows: Table) -> Int[np.ndarray, " N"]:
        """Replace columns of existing items, and return the indices of these items.

        The time doesn't grow with the catalogue, because the frame is written when it is read.

        Args:
            rows: ``item_id`` and the columns to replace; all other values stay. Values are
                converted to the types of the columns if nothing is lost.

        Raises:
            ValueError: an id or a column is unknown, or a value doesn't fit the type of its column.
                Then nothing is changed.
        """
        new = self.typed(rows)
        indices = self.indices_of(new["item_id"].to_list())
        columns = {name: new[name] for name in new.columns if name != "item_id"}
        frame, edits = self._held
        require_columns(frame, list(columns), "items")
        if not columns:
            return indices
        depth = 1 if edits is None else edits.depth + 1
        self._held = (frame, Edit(edits, indices - 1, columns, depth))
        untyped = any(frame[name].dtype != column.dtype for name, column in columns.items())
        if depth > DEEPEST or untyped:  # a column without values gets a type
            self._held = (self.frame, None)
        return indices

    def append(self, rows: Table) -> Sequence[int]:
        """Add items at the end and return their indices; missing columns are filled with null.

        A column that the catalogue lacks is added, with a warning, since it may be a typing error.

        Raises:
            ValueError: an id is empty, occurs twice or is in the catalogue already, or a value
                doesn't fit the type of its column. Then nothing is added.
        """
        frame = self.frame
        new = self.typed(rows)
        ids = new["item_id"].to_list()
        known = [item for item in ids if item in self._index]
        if known:
            raise ValueError(
                f"items: item_id must be new; {known[:3]!r} are in the catalogue already"
            )
        if new["item_id"].dtype != self._ids.dtype:
            raise ValueError(
                f"items: item_id must be {self._ids.dtype} as in the catalogue; got "
                f"{new['item_id'].dtype}"
            )
        added = [name for name in new.columns if name not in frame.columns]
        if added:
            log.warning("items get the new columns %s beside %s", added, frame.columns)
        start = len(self)
        # "relaxed" for columns without values, which have no type yet.
        frame = pl.concat([frame, new], how="diagonal_relaxed")
        self._held, self._ids = (frame, None), frame["item_id"]
        # A new dictionary, because copies share it.
        self._index = self._index | {item: start + row + 1 for row, item in enumerate(ids)}
        return range(start + 1, len(self) + 1)


def _read(source: Table) -> pl.DataFrame:
    """Return items with checked ids.

    Raises:
        ValueError: there is no ``item_id`` column, or an id is empty or occurs twice.
    """
    frame = read_table(source, "items")
    require_columns(frame, ["item_id"], "items")
    if len(frame) <= FEW and _are_ids(frame["item_id"]):
        return frame
    frame = check_ids(frame, "item_id", "items")
    ids = frame["item_id"]
    if ids.n_unique() < len(ids):
        duplicated = ids.filter(ids.is_duplicated()).unique(maintain_order=True)
        raise ValueError(
            f"items: item_id must be unique; got {len(duplicated)} ids more than once, "
            f"first {duplicated.head(3).to_list()}"
        )
    return frame


def _are_ids(column: pl.Series) -> bool:
    """Return whether a few ids are valid and unique; for these, polars would take longer."""
    ids = column.to_list()
    if column.dtype == pl.String:
        valid = all(item is not None and item.strip() for item in ids)
    else:
        valid = column.dtype == pl.Int64 and None not in ids
    return valid and len(set(ids)) == len(ids)


def _image_paths(frame: pl.DataFrame, root: Path | None) -> list[Path | None]:
    if root is None or "image" not in frame.columns:
        return [None] * len(frame)
    images = frame["image"]
    if is_not_flat(images):
        raise ValueError(f"items: image must be text; got {images.dtype}")
    names = images.cast(pl.String).fill_null("").str.strip_chars()
    return [resolve_image(root, name) if name else None for name in names]
