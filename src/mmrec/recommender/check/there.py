"""What is in a data set: counts, columns, times."""

from typing import Any

import numpy as np
import polars as pl

from mmrec.data.conditions.columns import Columns, kind_of
from mmrec.data.times import iso
from mmrec.recommender.check.reading import Material

DAY = 86_400.0

EVENT_FACTS = (
    *("rows", "columns", "usable", "users", "items", "density", "per_user", "per_item"),
    *("types", "order", "first", "last", "days"),
)
"""What is said of events; None where it isn't known."""


def describe_data(material: Material) -> dict[str, Any]:
    """Return what is in a data set, in plain values: ``events``, ``items`` and ``users``.

    Counts are those of the rows that can be used.
    """
    tables = material.tables
    return {
        "events": _events(material),
        "items": _items(material),
        "users": {"rows": len(tables["users"]), "columns": columns_of(tables["users"])}
        if "users" in tables
        else None,
    }


def _events(material: Material) -> dict[str, Any] | None:
    raw, log = material.tables.get("interactions"), material.log
    if raw is None:
        return None
    facts = dict.fromkeys(EVENT_FACTS) | {"rows": len(raw), "columns": columns_of(raw), "usable": 0}
    if log is None:
        return facts
    frame = log.frame
    users, items = (frame[name].value_counts()["count"] for name in ("user_id", "item_id"))
    pairs = frame.select(pl.struct("user_id", "item_id").n_unique()).item()
    size = len(material.catalog) if material.catalog is not None else len(items)
    facts |= {
        "usable": len(frame),
        "users": len(users),
        "items": len(items),
        "density": pairs / max(len(users) * size, 1),
        "per_user": spread_of(users),
        "per_item": spread_of(items),
        "types": _types(frame),
        "order": log.order,
    }
    if log.order == "timestamp" and len(frame):
        first, last = float(frame["timestamp"][0]), float(frame["timestamp"][-1])
        facts |= {"first": iso(first), "last": iso(last), "days": (last - first) / DAY}
    return facts


def _items(material: Material) -> dict[str, Any] | None:
    raw = material.tables.get("items")
    if raw is None:
        return None
    usable = 0 if material.catalog is None else len(material.catalog)
    return {"rows": len(raw), "usable": usable, "columns": columns_of(raw)}


def _types(frame: pl.DataFrame) -> dict[str, int]:
    if "event" not in frame.columns:
        return {}
    found = (
        frame["event"].fill_null("").value_counts().sort("count", "event", descending=[True, False])
    )
    return dict(zip(found["event"].to_list(), found["count"].to_list(), strict=True))


def columns_of(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Return name, type, content and share of filled values of each column.

    Example:
        >>> columns_of(pl.DataFrame({"price": ["9.50", ""]}))
        [{'name': 'price', 'type': 'String', 'holds': 'number', 'filled': 0.5}]
    """
    columns = Columns(frame)
    return [
        {
            "name": name,
            "type": str(dtype),
            "holds": _holds(columns, name),
            "filled": int(filled(frame[name]).sum()) / max(len(frame), 1),
        }
        for name, dtype in frame.schema.items()
    ]


def _holds(columns: Columns, name: str) -> str:
    if name in ("user_id", "item_id"):
        return "id"
    return columns.holds(name) if kind_of(columns.dtype(name)) is not None else "several values"


def filled(column: pl.Series) -> pl.Series:
    """Return which values are neither null, NaN, an empty text nor an empty list.

    Example:
        >>> filled(pl.Series(["a", " ", None])).to_list()
        [True, False, False]
    """
    there = column.is_not_null()
    if column.dtype == pl.String:
        there &= column.str.strip_chars() != ""
    elif column.dtype == pl.List:
        there &= column.list.len() > 0
    elif column.dtype.is_float():
        there &= column.is_not_nan()
    return there.fill_null(False)


def spread_of(counts: pl.Series) -> dict[str, float]:
    """Return minimum, median, 90th percentile and maximum.

    Example:
        >>> spread_of(pl.Series([1, 2, 9]))
        {'min': 1.0, 'median': 2.0, 'p90': 7.6, 'max': 9.0}
    """
    values = np.percentile(counts.to_numpy(), [0, 50, 90, 100]) if len(counts) else np.zeros(4)
    return dict(zip(("min", "median", "p90", "max"), map(float, values.round(1)), strict=True))
