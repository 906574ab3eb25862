"""Columns of items that may hold the future: numbers that go with how many events an item has."""

import math
from collections.abc import Iterable

import polars as pl

from mmrec.data import Catalog, Interactions
from mmrec.data.conditions.columns import Columns, kind_of
from mmrec.recommender.check.finding import Finding, warning

LEAST_ITEMS = 20
"""Items with a number below which a correlation says nothing."""

HIGH = 0.8
"""Rank correlation with the number of events from which a column is suspected."""


def leak_findings(catalog: Catalog, log: Interactions, used: Iterable[str]) -> list[Finding]:
    """Return the columns in use that may have been counted after the events.

    Args:
        catalog: the items.
        log: the events.
        used: the columns that modalities read.

    Example:
        >>> items = Catalog({"item_id": [*range(30)], "sold": [n * 7 for n in range(30)]})
        >>> events = [item for item in range(30) for _ in range(item)]
        >>> log = Interactions({"user_id": events, "item_id": events})
        >>> leak_findings(items, log, ["sold"])[0].text
        "the column 'sold' goes with the number of events of an item (rank correlation 1.00)"
    """
    frame, columns = catalog.frame, Columns(catalog.frame)
    counts = log.frame.group_by("item_id").agg(pl.len().alias("events"))
    events = frame.select("item_id").join(counts, on="item_id", how="left", maintain_order="left")
    found = []
    for name in dict.fromkeys(used):
        if name not in frame.columns or kind_of(frame[name].dtype) is None:
            continue
        if columns.holds(name) != "number":
            continue
        numbers = frame.select(columns.read(name, "number")).to_series()
        strength = _rank_correlation(numbers, events["events"].fill_null(0))
        if strength >= HIGH:
            found.append(
                warning(
                    "future_columns",
                    None,
                    f"the column {name!r} goes with the number of events of an item (rank "
                    f"correlation {strength:.2f})",
                    "If it was counted after the events that are tested, a model that reads it "
                    "knows the future: count it before the first cut, or leave it out.",
                )
            )
    return found


def _rank_correlation(numbers: pl.Series, events: pl.Series) -> float:
    """Return Spearman's rank correlation where there are numbers; 0 if there are too few."""
    pairs = pl.DataFrame({"number": numbers, "events": events}).drop_nulls()
    if len(pairs) < LEAST_ITEMS:
        return 0.0
    found = pairs.select(pl.corr("number", "events", method="spearman")).item()
    return 0.0 if found is None or math.isnan(found) else float(found)  # one value has no ranks
