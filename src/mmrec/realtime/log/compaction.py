"""Changes of items without those that later changes have made void."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import polars as pl

from mmrec.data import ItemId
from mmrec.realtime.log.item_changes import ItemChange


class Compaction(NamedTuple):
    """What :meth:`mmrec.realtime.EventLog.compact_items` has done.

    Attributes:
        folded: number of changes that were replaced.
        before: the number of the last change before.
        after: the number of the last change now.
    """

    folded: int
    before: int
    after: int


def is_kept(change: ItemChange) -> bool:
    """Return whether a change stays as it is.

    Additions do, because their order decides the catalogue indices of items, and so do changes with
    features.
    """
    return change.action == "add" or (change.action == "update" and bool(change.features))


def compacted(changes: Iterable[ItemChange]) -> list[ItemChange]:
    """Return fewer changes with the same result.

    Of each column of an item the last value counts, and of several removals and restorations the
    last one. First come the changes that are kept (:func:`is_kept`), then one change for each
    column, removals, and restorations. To apply the result after some of the changes is harmless.

    Example:
        >>> stock = [pl.DataFrame({"item_id": ["a"], "stock": [n]}) for n in (3, 2, 1)]
        >>> [change] = compacted(ItemChange("update", rows, {}) for rows in stock)
        >>> change.rows.rows()
        [('a', 1)]
    """
    kept, values, available = [], _Values(), dict[ItemId, bool]()
    for change in changes:
        ids = change.rows["item_id"].to_list()
        if is_kept(change):
            kept.append(change)
            values.forget(change.rows.columns, ids)
        elif change.action == "update":
            values.put(change.rows, ids)
        else:
            available |= dict.fromkeys(ids, change.action == "restore")
    removed = _tables([item for item, there in available.items() if not there])
    restored = _tables([item for item, there in available.items() if there])
    return [
        *kept,
        *(ItemChange("update", rows, {}) for rows in values.tables()),
        *(ItemChange("remove", rows, {}) for rows in removed),
        *(ItemChange("restore", rows, {}) for rows in restored),
    ]


class _Values:
    """The last value of each column of each item, by type: RUNs that share a log may differ."""

    def __init__(self) -> None:
        self._columns: dict[str, dict[Any, dict[ItemId, Any]]] = {}

    def put(self, rows: pl.DataFrame, ids: list[ItemId]) -> None:
        """Take the values of some items."""
        for name in rows.columns:
            if name != "item_id":
                column, types = rows[name], self._columns.setdefault(name, {})
                if set(types) - {column.dtype}:
                    self.forget([name], ids)
                types.setdefault(column.dtype, {}).update(zip(ids, column.to_list(), strict=True))

    def forget(self, columns: list[str], ids: list[ItemId]) -> None:
        """Drop the values of some items in some columns."""
        for name in columns:
            for held in self._columns.get(name, {}).values():
                for item in ids:
                    held.pop(item, None)

    def tables(self) -> Iterator[pl.DataFrame]:
        """Return a table of ids and values for each column."""
        for name, types in self._columns.items():
            for dtype, held in types.items():
                for ids in _tables(list(held)):
                    values = [held[item] for item in ids["item_id"].to_list()]
                    yield ids.with_columns(pl.Series(name, values, dtype=dtype))


def _tables(items: list[ItemId]) -> list[pl.DataFrame]:
    """Return tables of ids, one for texts and one for integers."""
    kinds = ([item for item in items if isinstance(item, kind)] for kind in (str, int))
    return [pl.DataFrame({"item_id": ids}) for ids in kinds if ids]
