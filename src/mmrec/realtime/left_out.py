"""Values in a log of items that don't fit the catalogue: they are left out, and that is logged."""

import logging

import numpy as np
import polars as pl

from mmrec.data import Catalog, ItemId
from mmrec.data.wording import counted
from mmrec.realtime.log.item_changes import ItemChange
from mmrec.trends import CreatedTimes

log = logging.getLogger(__name__)


class LeftOut:
    """Texts of a log where all values of the catalogue are numbers, dates or truth values.

    One of them would make its column a text, so that no condition could compare it. They are
    refused before they are written, but an older log may hold some. Times at which items began to
    exist have rules of their own, see :func:`without_unreadable`.

    Example:
        >>> catalog = Catalog({"item_id": ["a"], "price": ["9.50"], "stock": ["3"]})
        >>> rows = pl.DataFrame({"item_id": ["a"], "price": ["cheap"], "stock": ["2"]})
        >>> [change] = LeftOut().without(ItemChange("update", rows, {}), catalog)
        >>> change.rows.columns
        ['item_id', 'stock']
    """

    def __init__(self) -> None:
        self._items: dict[str, list[ItemId]] = {}
        self._why: dict[str, ValueError] = {}

    def without(self, change: ItemChange, catalog: Catalog) -> list[ItemChange]:
        """Return a change without such texts; an update that has some as one of each column."""
        unlike = catalog.unlike(change.rows)
        unlike.pop(CreatedTimes(catalog).column(change.rows) or "", None)
        if not unlike:
            return [change]
        for name, (bad, why) in unlike.items():
            self._items.setdefault(name, []).extend(change.rows["item_id"].filter(bad).to_list())
            self._why.setdefault(name, why)
        parts = by_column(change)
        for name, (bad, _) in unlike.items():
            parts = [without_values(part, name, bad.to_numpy()) for part in parts]
        return [part for part in parts if len(part.rows)]

    def say(self) -> None:
        """Warn of what was left out, once for each column."""
        for name, items in self._items.items():
            _say(logging.WARNING, name, items, self._why[name])


def without_unreadable(change: ItemChange, times: CreatedTimes) -> ItemChange:
    """Return a change without times that can't be read; an error is logged for them."""
    rows, name = change.rows, times.column(change.rows)
    bad = times.unreadable(rows)
    if name is None or not bad:
        return change
    _say(logging.ERROR, name, rows["item_id"].gather(bad).to_list(), times.refusal(rows[bad]))
    return without_values(change, name, np.isin(np.arange(len(rows)), bad))


def without_values(change: ItemChange, name: str, bad: np.ndarray) -> ItemChange:
    """Return a change without some values of a column; the same one if it has no such column.

    Added items stay, without a value; changed items are left out.

    Example:
        >>> rows = pl.DataFrame({"item_id": ["a", "b"], "stock": [2, 3]})
        >>> bad = np.array([True, False])
        >>> [
        ...     without_values(ItemChange(action, rows, {}), "stock", bad).rows.rows()
        ...     for action in ("add", "update")
        ... ]
        [[('a', None), ('b', 3)], [('b', 3)]]
    """
    if name not in change.rows.columns:
        return change
    if change.action == "add":
        values = pl.when(pl.Series(~bad)).then(name).alias(name)
        return change._replace(rows=change.rows.with_columns(values))
    features = {part: values[~bad] for part, values in change.features.items()}
    return change._replace(rows=change.rows.filter(~bad), features=features)


def by_column(change: ItemChange) -> list[ItemChange]:
    """Return an update as one of each column and one of features; other changes as they are."""
    names = [name for name in change.rows.columns if name != "item_id"]
    if change.action != "update" or len(names) + bool(change.features) < 2:
        return [change]
    parts = [ItemChange("update", change.rows.select("item_id", name), {}) for name in names]
    features = ItemChange("update", change.rows.select("item_id"), change.features)
    return parts + [features] * bool(change.features)


def _say(level: int, name: str, items: list[ItemId], why: ValueError) -> None:
    count, first = counted(len(items), "item"), items[:3]
    log.log(level, "%s of %s is left out, first %s: %s", name, count, first, why)
