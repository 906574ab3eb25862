"""The catalogue: the items that can be recommended, and what is known of them."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool, Int

from mmrec.data.images import resolve_image
from mmrec.data.tables import Table, check_ids, read_table, require_columns

log = logging.getLogger(__name__)

ItemId = str | int

FEW = 100


class Catalog:
    """Items with free columns and an optional image; ids ↔ indices.

    The item in row ``r`` has the index ``r + 1``: index 0 is padding. A catalogue only ever grows
    at its end, so that an index stays valid.

    Args:
        source: polars or pandas frame, pyarrow table, mapping of columns, CSV or Parquet path
            with the column ``item_id`` and any others; ``image`` is a file name in ``images``.
        images: folder of the images.

    Attributes:
        frame: the items, a polars frame.
        images: folder of the images, or None.

    Raises:
        ValueError: no ``item_id`` column, an id that is empty or occurs twice, an image outside
            the folder.

    Example:
        >>> catalog = Catalog({"item_id": ["a", "b"], "title": ["A lamp", "A chair"]})
        >>> catalog.indices_of(["b", "a"])
        array([2, 1])
    """

    def __init__(self, source: Table, images: str | Path | None = None) -> None:
        frame = read_table(source, "items")
        require_columns(frame, ["item_id"], "items")
        self.frame = check_ids(frame, "item_id", "items")
        self.images = Path(images) if images is not None else None
        duplicated = self.frame["item_id"].filter(self.frame["item_id"].is_duplicated())
        if len(duplicated):
            raise ValueError(
                f"items: item_id must be unique; {duplicated.n_unique()} of them occur more than "
                f"once, first {duplicated.unique(maintain_order=True).head(3).to_list()}"
            )
        self._index: dict[ItemId, int] = {
            item: row + 1 for row, item in enumerate(self.frame["item_id"].to_list())
        }
        named = sum(path is not None for path in self.image_paths())  # refuses one outside it
        if named and self.images is not None and not self.images.is_dir():
            log.warning("%d items name an image in %s, which is no folder", named, self.images)

    def __len__(self) -> int:
        return self.frame.height

    def __contains__(self, item: object) -> bool:
        return item in self._index

    def __repr__(self) -> str:
        return f"Catalog({len(self):,} items, columns {self.frame.columns})"

    @property
    def ids(self) -> list[ItemId]:
        """The ids in the order of their rows; the id of index ``i`` is ``ids[i - 1]``."""
        return self.frame["item_id"].to_list()

    def indices_of(self, items: Iterable[ItemId]) -> Int[np.ndarray, " N"]:
        """Return the indices of ``items``.

        Raises:
            ValueError: an id is not in the catalogue; names the first few. Or it is one id, no
                list of them.
        """
        if isinstance(items, str | int):
            raise ValueError(f"a list of item ids is expected; got the one id {items!r}")
        wanted = list(items)
        indices = np.fromiter((self._index.get(item, 0) for item in wanted), np.int64, len(wanted))
        if len(wanted) and not indices.all():
            unknown = dict.fromkeys(item for item in wanted if item not in self._index)
            raise ValueError(
                f"{len(unknown)} item ids are not in the catalogue of {len(self)} items "
                f"({self.frame['item_id'].dtype} ids), first {list(unknown)[:3]!r}"
            )
        return indices

    def find(self, item: ItemId) -> int:
        """Return the index of an item, 0 where the catalogue hasn't got it."""
        return self._index.get(item, 0)

    def ids_of(self, indices: Sequence[int] | Int[np.ndarray, " N"]) -> list[ItemId]:
        """Return the ids of ``indices``, from 1 to V: the reverse of :meth:`indices_of`.

        Example:
            >>> Catalog({"item_id": ["a", "b"]}).ids_of([2, 1])
            ['b', 'a']
        """
        column = self.frame["item_id"]
        if len(indices) <= FEW:  # a list to show: waking polars' threads would take longer
            return [column[int(index) - 1] for index in indices]
        return column.gather(np.asarray(indices, dtype=np.int64) - 1).to_list()

    def parse_ids(self, texts: Iterable[str]) -> list[ItemId]:
        """Return ids that were written as text, as integers where the catalogue's are.

        Raises:
            ValueError: the ids are integers and a text is not one.
        """
        stripped = [text.strip() for text in texts]
        if self.frame["item_id"].dtype == pl.String:
            return list(stripped)
        try:
            return [int(text) for text in stripped]
        except ValueError as error:
            raise ValueError(f"item ids are integers here; got {stripped}") from error

    def row(self, item: ItemId) -> dict[str, Any]:
        """Return the columns of one item."""
        return self.frame.row(int(self.indices_of([item])[0]) - 1, named=True)

    def image_paths(self) -> list[Path | None]:
        """Return the image file of each row; None where there is none.

        Raises:
            ValueError: names are no text, or one leads outside the folder of images.
        """
        if self.images is None or "image" not in self.frame.columns:
            return [None] * len(self)
        images = self.frame["image"]
        if _is_not_flat(images):
            raise ValueError(f"items: image must be text; got {images.dtype}")
        names = images.cast(pl.String).fill_null("").str.strip_chars()
        return [resolve_image(self.images, name) if name else None for name in names]

    def image_path(self, item: ItemId) -> Path | None:
        """Return the image file of one item; None where there is none."""
        name = str(self.row(item).get("image") or "").strip()
        return resolve_image(self.images, name) if name and self.images is not None else None

    def where(self, conditions: Mapping[str, Any] | pl.Expr) -> Bool[np.ndarray, " V1"]:
        """Return a mask of indices ``(V + 1,)``, True where an item meets all ``conditions``.

        A condition is a value, or a list of allowed values, of a column; None means empty. Values
        are compared as they are written, so that 1995 also finds the text of a CSV file. A polars
        expression over the columns says anything else.

        Raises:
            ValueError: a column is not in the catalogue, or holds lists, or what was given is no
                condition.

        Example:
            >>> catalog = Catalog({"item_id": [1, 2], "category": ["lamp", "chair"]})
            >>> catalog.where({"category": "lamp"})
            array([False,  True, False])
        """
        if isinstance(conditions, pl.Expr):
            return np.concatenate([[False], self._meets(conditions)])
        if not isinstance(conditions, Mapping):
            raise ValueError(
                "where expects {column: value}, or a polars expression such as "
                f'pl.col("price") < 20; got {conditions!r}'
            )
        require_columns(self.frame, list(conditions), "items")
        allowed = np.ones(len(self) + 1, dtype=bool)
        allowed[0] = False
        for column, wanted in conditions.items():
            values = wanted if isinstance(wanted, list | tuple | set) else [wanted]
            allowed[1:] &= _is_one_of(self.frame[column], list(values)).to_numpy()
        return allowed

    def _meets(self, condition: pl.Expr) -> Bool[np.ndarray, " V"]:
        try:
            result = self.frame.select(condition)
        except pl.exceptions.PolarsError as error:
            reason = str(error).strip().splitlines()[0]
            raise ValueError(f"where: the catalogue can't be filtered: {reason}") from error
        if result.dtypes != [pl.Boolean] or len(result) != len(self):
            raise ValueError(
                f"where must give True or False for each of {len(self)} items; got {len(result)} "
                f"rows of {', '.join(map(str, result.dtypes))}"
            )
        return result.to_series().fill_null(False).to_numpy()

    def copy(self) -> "Catalog":
        """Return a catalogue that can be changed without changing this one."""
        other = copy(self)
        other._index = dict(self._index)
        return other

    def update(self, rows: Table) -> Int[np.ndarray, " N"]:
        """Replace columns of items that are there, and return their indices.

        Args:
            rows: ``item_id`` and the columns to replace; what they leave out stays.

        Raises:
            ValueError: an id is unknown, or a column is, or has another type. Nothing is changed
                then.
        """
        new = Catalog(rows, self.images)
        indices = self.indices_of(new.ids)
        columns = [name for name in new.frame.columns if name != "item_id"]
        require_columns(self.frame, columns, "items")
        frame = self.frame
        try:
            for name in columns:
                values = new.frame[name].cast(frame[name].dtype)
                # A series changes in place, so a copy of it is what is changed.
                frame = frame.with_columns(frame[name].clone().scatter(indices - 1, values))
        except (pl.exceptions.PolarsError, TypeError) as error:
            reason = str(error).strip().splitlines()[0]
            raise ValueError(f"items: columns must have the catalogue's types: {reason}") from error
        self.frame = frame
        return indices

    def append(self, rows: Table) -> Sequence[int]:
        """Add items at the end and return their indices; what they leave out is null.

        A column that the catalogue lacks is added, with a warning: it may be a slip of the pen.

        Raises:
            ValueError: an id is empty, occurs twice or is there already, or a column has another
                type than in the catalogue. Nothing is added then.
        """
        new = Catalog(rows, self.images)
        known = [item for item in new.ids if item in self._index]
        if known:
            raise ValueError(f"items: {known[:3]!r} are in the catalogue already")
        if new.frame["item_id"].dtype != self.frame["item_id"].dtype:
            raise ValueError(
                f"items: item_id must be {self.frame['item_id'].dtype} as in the catalogue; got "
                f"{new.frame['item_id'].dtype}"
            )
        start, known_columns = len(self), self.frame.columns
        try:
            self.frame = pl.concat([self.frame, new.frame], how="diagonal_relaxed")
        except pl.exceptions.PolarsError as error:
            reason = str(error).strip().splitlines()[0]
            raise ValueError(f"items: columns must have the catalogue's types: {reason}") from error
        added = [name for name in new.frame.columns if name not in known_columns]
        if added:
            log.warning("items have the columns %s; %s is new to them", known_columns, added)
        self._index |= {item: start + row + 1 for row, item in enumerate(new.ids)}
        return range(start + 1, len(self) + 1)


def _is_not_flat(column: pl.Series) -> bool:
    return column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Object)


def _is_one_of(column: pl.Series, values: list[Any]) -> pl.Series:
    """Return where ``column`` holds one of ``values``, both as text; None is an empty place."""
    if _is_not_flat(column):
        raise ValueError(f"where: {column.name} must hold single values; got {column.dtype}")
    texts = column.cast(pl.String)
    wanted = [str(value) for value in values if value is not None]
    if column.dtype == pl.Boolean:
        wanted = [text.lower() for text in wanted]  # polars writes true, Python True
    elif column.dtype.is_numeric():
        # 1995 and 1995.0 are one number: a column of years with gaps is often one of floats.
        texts = texts.str.strip_suffix(".0")
        wanted = [text.removesuffix(".0") for text in wanted]
    found = texts.is_in(wanted).fill_null(False)
    if any(value is None for value in values):
        found |= texts.fill_null("") == ""
    return found
