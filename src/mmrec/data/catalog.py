"""The catalogue: the items that can be recommended, with their columns and images."""

import logging
import os
from collections.abc import Collection, Iterable, Sequence
from copy import copy
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool, Int

from mmrec.data.columns import DEEPEST, Edit, edited, fitted, fitted_columns, require_known
from mmrec.data.conditions import ParsedColumns, Where, matches
from mmrec.data.file_lines import files_noted
from mmrec.data.held_kinds import HeldKinds, Unlike
from mmrec.data.ids import (
    GivenId,
    IdIndex,
    ItemId,
    forms,
    in_form_of,
    read_ids,
)
from mmrec.data.images import resolve_image
from mmrec.data.other_names import require_own
from mmrec.data.pictures import first_name, in_own_folders, pictures_in, shown_picture
from mmrec.data.problems import Problems
from mmrec.data.tables import Table, read_table, require_columns
from mmrec.data.wording import counted, some_meant, verb

log = logging.getLogger(__name__)

FEW = 100
"""Up to so many ids are looked up one by one."""


class Catalog:
    """Items with any columns and optional images; it maps ids to indices and back.

    The item in row ``r`` has the index ``r + 1``; index 0 is padding. New items are only added at
    the end, so indices stay valid.

    The ids of the catalogue decide how ids are written. Whoever looks up an item may give a number
    as text or the reverse: 7, ``"7"`` and ``"7.0"`` are one id, ``"007"`` is another.

    Args:
        source: a table, see ``mmrec.data.tables.read_table``, with the column ``item_id``
            and any others; ``image`` is a file name in ``images``, or what else
            :func:`mmrec.data.pictures_in` reads.
        images: folder of the images, or None.

    Columns keep their types. Those of a CSV file are text: so are a price and a stock from there.

    Copies share what they don't change. Threads may read a catalogue that no thread changes; to
    change it meanwhile, change a copy.

    Attributes:
        images: folder of the images, or None.

    Raises:
        ValueError: there is no ``item_id`` column, an id is empty or occurs twice, or an image is
            outside the folder; the message names all such problems.

    Example:
        >>> catalog = Catalog({"item_id": ["a", "b"], "title": ["A lamp", "A chair"]})
        >>> catalog.indices_of(["b", "a"])
        array([2, 1])
        >>> Catalog({"item_id": ["7", "8"]}).find(8)
        2
    """

    @files_noted()
    def __init__(self, source: Table, images: str | Path | None = None) -> None:
        self._columns: ParsedColumns | None = None
        self._kinds = HeldKinds()
        self.images, problems = Path(images) if images is not None else None, Problems()
        frame, named = _read(source, problems), 0
        with problems:  # refuses images outside the folder
            named = sum(path is not None for path in _image_paths(frame, self.images))
        problems.check()
        self._folders = in_own_folders(frame)
        # One attribute, because a reader may apply the edits while another copies the catalogue.
        self._held: tuple[pl.DataFrame, Edit | None] = (frame, None)
        self._ids = frame["item_id"]
        self._index = IdIndex().with_ids(self._ids.to_list())
        if named and self.images is not None and not self.images.is_dir():
            some = f"{counted(named, 'item')} {verb(named, 'names', 'name')}"
            log.warning("%s an image in %s, which is not a folder", some, self.images)

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, item: object) -> bool:
        return isinstance(item, str | int | float | np.generic) and self._index[item] > 0

    def __repr__(self) -> str:
        return f"Catalog({counted(len(self), 'item')}, columns {self.frame.columns})"

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

    def indices_of(self, items: Iterable[GivenId]) -> Int[np.ndarray, " N"]:
        """Return the indices of ``items``.

        Raises:
            ValueError: an id is not in the catalogue (the message names the first few), or
                ``items`` is a single id.
        """
        if isinstance(items, str | int | np.generic):
            raise ValueError(f"expected a list of item ids; got the single id {items!r}")
        wanted = list(items)
        indices = np.fromiter((self._index[item] for item in wanted), np.int64, len(wanted))
        if len(wanted) and not indices.all():
            unknown = dict.fromkeys(item for item in wanted if item not in self)
            many = f"{len(unknown)} item ids are" if len(unknown) > 1 else "an item id is"
            kind = "text" if self._ids.dtype == pl.String else "integers"
            raise ValueError(
                f"{many} not in the catalogue of {counted(len(self), 'item')}, whose ids are "
                f"{kind}; got {list(unknown)[:3]!r}{self.mistaken(unknown)}"
            )
        return indices

    def find(self, item: GivenId) -> int:
        """Return the index of an item, 0 if it is not in the catalogue."""
        return self._index[item]

    def mistaken(self, unknown: Iterable[GivenId]) -> str:
        """Return what unknown ids may be mistaken for, as the end of a message."""
        for item in islice(unknown, 1000):
            if alike := self._index.alike(item):
                return (
                    f"; {item!r} may be {' or '.join(map(repr, alike))} of the catalogue: write "
                    f"the ids as text in all tables, with their zeros"
                )
        return ""

    def written(self, item: GivenId) -> GivenId:
        """Return an id as the catalogue writes it, or would write it if it is unknown.

        Example:
            >>> catalog = Catalog({"item_id": ["7", "007"]})
            >>> catalog.written(8), catalog.written("007")
            ('8', '007')
        """
        if index := self._index[item]:
            return self.ids_of([index])[0]
        kind = str if self.frame["item_id"].dtype == pl.String else int
        if isinstance(item, kind):
            return item
        made = next((form for form in forms(item) if isinstance(form, kind)), item)
        return item if made in self._index else made  # one that may be several ids stays in doubt

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
            ValueError: the catalogue's ids are integers, and a text is not an integer; ``"007"`` is
                none.
        """
        made = [self.written(text.strip()) for text in texts]
        if self._ids.dtype == pl.String:
            return [str(item) for item in made]
        if any(isinstance(item, str) for item in made):
            raise ValueError(f"item ids must be integers in this catalogue; got {made}")
        return [int(item) for item in made]

    def row(self, item: GivenId) -> dict[str, Any]:
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
        """Return the first image file of each row; None for items without one.

        It is in the column ``image``, or else ``images``, or else in the folder of the item.

        Raises:
            ValueError: the column ``image`` can't hold images, or one is outside the folder.
        """
        frame, paths = self.frame, _image_paths(self.frame, self.images)
        named = frame["images"] if "images" in frame.columns else [None] * len(frame)
        return [
            self._other_image(*row) if path is None else path
            for path, *row in zip(paths, self._ids, named, strict=True)
        ]

    def image_path(self, item: GivenId) -> Path | None:
        """Return the first image file of one item, as :meth:`image_paths` does for all."""
        row = self.row(item)
        name = first_name(row.get("image"), self.images)
        if name and self.images is not None:
            return resolve_image(self.images, name)
        return self._other_image(row["item_id"], row.get("images"))

    def _other_image(self, item: ItemId, named: Any) -> Path | None:
        """Return the image of an item whose column ``image`` names none."""
        if self.images is None:
            return None
        return shown_picture(item, self.images, named, folders=self._folders)

    def lacks_image(self, item: GivenId) -> bool:
        """Return whether an item names an image file that does not exist."""
        path = self.image_path(item)
        # Path.is_file raises if a name is too long
        return path is not None and not os.path.isfile(path)  # noqa: PTH113

    def where(self, conditions: Where, at: float | None = None) -> Bool[np.ndarray, " V1"]:
        """Return a mask of indices ``(V + 1,)``, True where an item satisfies all ``conditions``.

        Args:
            conditions: a text such as ``"price < 20 and category in (lamp, chair)"``, see
                :func:`mmrec.data.parse_condition`; or a mapping of columns, each to a value, a list
                of allowed values, or operators such as ``{"<": 20}``; or a polars expression; or a
                list of these, all of which must hold. In a mapping, None stands for an empty value,
                and plain values are compared as text, so that 1995 also matches the text of a CSV
                file.
            at: the time that ages refer to, in unix seconds; now by default.

        Raises:
            ValueError: a condition can't be read, a column is not in the catalogue or doesn't hold
                what it is compared with, or an expression doesn't give one boolean per item.

        Example:
            >>> catalog = Catalog({"item_id": [1, 2], "category": ["lamp", "chair"]})
            >>> catalog.where({"category": "lamp"})
            array([False,  True, False])
            >>> catalog.where("category != lamp and item_id < 3")
            array([False, False,  True])
        """
        columns = self._columns
        if columns is None or columns.rows is not self.frame:
            columns = self._columns = ParsedColumns(self.frame)
        return np.concatenate([[False], matches(columns, conditions, at)])

    def copy(self) -> "Catalog":
        """Return a copy that can be changed without changing this catalogue."""
        return copy(self)

    def typed(
        self, rows: Table, *, strict: bool = False, more: Collection[str] = ()
    ) -> pl.DataFrame:
        """Return rows of items, new or known, with the types of the catalogue's columns.

        Args:
            rows: ``item_id`` and any columns.
            strict: whether to refuse a column that the catalogue lacks, and a text where a text
                column holds nothing but numbers, dates or truth values, as a price of a CSV file,
                since no condition could compare it then.
            more: columns that are taken nevertheless.

        Raises:
            ValueError: an id is empty or occurs twice, an image is outside the folder, or a value
                doesn't fit the type of its column, see ``mmrec.data.columns.fitted``.

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
        if strict:
            require_known(new.columns, now.columns, more)
            self._kinds.check(new, now)
        return new

    def unlike(self, rows: pl.DataFrame) -> dict[str, Unlike]:
        """Return the texts that :meth:`typed` refuses if it is strict, by column."""
        return self._kinds.unlike(rows, self._held[0])

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
        new = new.with_columns(in_form_of(new["item_id"], self._ids, "items"))
        ids = new["item_id"].to_list()
        known = [item for item in ids if item in self]
        if known:
            raise ValueError(
                f"items: item_id must be new; {known[:3]!r} are in the catalogue already"
            )
        added = [name for name in new.columns if name not in frame.columns]
        if added:
            meant = some_meant(added, [name for name in frame.columns if name not in new.columns])
            log.warning("items get the new columns %s%s beside %s", added, meant, frame.columns)
        start = len(self)
        # "relaxed" for columns without values, which have no type yet.
        frame = pl.concat([frame, new], how="diagonal_relaxed")
        self._held, self._ids = (frame, None), frame["item_id"]
        self._index = self._index.with_ids(ids)  # a new one, because copies share it
        return range(start + 1, len(self) + 1)


def _read(source: Table, problems: Problems | None = None) -> pl.DataFrame:
    """Return items with checked ids.

    Args:
        source: a table.
        problems: collects what is wrong; by default it is raised at once.

    Raises:
        ValueError: there is no ``item_id`` column, or an id is empty or occurs twice.
    """
    frame, found = read_table(source, "items"), problems or Problems()
    with found:
        require = require_columns if problems is None else require_own  # later rows: no --columns
        require(frame, ["item_id"], "items")
        if not (len(frame) <= FEW and _are_ids(frame["item_id"])):
            ids, wrong = read_ids(frame["item_id"], "items", unique=True)
            found.found += wrong
            frame = frame.with_columns(ids)
    if problems is None:
        found.check()
    return frame


def _are_ids(column: pl.Series) -> bool:
    """Return whether a few ids are valid and unique; for these, polars would take longer."""
    ids = column.to_list()
    if column.dtype == pl.String:
        valid = all(item and item.strip() and not item.endswith(".0") for item in ids)
    else:
        valid = column.dtype == pl.Int64 and None not in ids
    return valid and len(set(ids)) == len(ids)


def _image_paths(frame: pl.DataFrame, root: Path | None) -> list[Path | None]:
    """Return the first image file of each row; None for items without one."""
    if root is None or "image" not in frame.columns:
        return [None] * len(frame)
    rows = pictures_in(frame["image"], root)
    return [next((picture for picture in row if isinstance(picture, Path)), None) for row in rows]
