"""How later tables are read: as those of a training were, unless they differ."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from mmrec.data.tables import Table, read_table, rename_columns
from mmrec.data.times import TimeUnit, is_dated

log = logging.getLogger(__name__)

EVENT_COLUMNS = frozenset({"user_id", "item_id", "timestamp", "position", "event"})
"""Columns that a table of events is read for."""

HEAD = 100
"""Rows that show which columns a table has, and whether its times are dates."""

_OF_TRAINING = "; these names are those of the training, --columns (columns=) replaces them"


@dataclass(frozen=True)
class TableReading:
    """How tables are read.

    Attributes:
        columns: our names of columns by theirs.
        time_unit: unit of timestamps that are numbers; None to guess it.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    time_unit: TimeUnit | None = None

    @classmethod
    def of(cls, *facts: Mapping[str, Any]) -> "TableReading":
        """Return what facts of a RUN say; the first one that says something counts.

        Example:
            >>> TableReading.of({"time_unit": None}, {"columns": {"who": "user_id"}})
            TableReading(columns={'who': 'user_id'}, time_unit=None)
        """
        said: dict[str, Any] = {}
        for name in ("columns", "time_unit"):
            said[name] = next((v for fact in facts if (v := fact.get(name)) is not None), None)
        return cls(said["columns"] or {}, said["time_unit"])

    def fitted(
        self,
        tables: Mapping[str, Table],
        columns: Mapping[str, str] | None = None,
        time_unit: TimeUnit | None = None,
        *,
        needed: Collection[str] | None = None,
        say: bool = True,
    ) -> "TableReading":
        """Return how later tables are read, if those of the training were read like this.

        A column that no table has is no error if a table has our name for it, or another column
        that gets this name: two tables may name one thing differently. The unit of the training is
        for timestamps that are numbers.

        Args:
            tables: the tables by name; the one of events is ``interactions``.
            columns: names that replace those of the training; all that are needed must be there.
            time_unit: a unit that replaces that of the training.
            needed: our names that must be there, renamed or not; None for all, or for those of
                events if these are the only table and the names are those of the training.
            say: whether to log what was taken from the training.

        Raises:
            ValueError: a table lacks a column or has one twice, or can't be read.

        Example:
            >>> trained = TableReading({"who": "user_id", "film": "item_id"}, "ms")
            >>> later = {"who": ["u"], "item_id": ["a"], "timestamp": ["2024-05-01"]}
            >>> trained.fitted({"interactions": later})
            TableReading(columns={'who': 'user_id'}, time_unit=None)
        """
        names = self.columns if columns is None else columns
        if needed is None and columns is None and set(tables) == {"interactions"}:
            needed = EVENT_COLUMNS  # names of columns of items are not asked of events
        if not names and self.time_unit is None:
            return TableReading({}, time_unit)
        heads = {name: read_table(table, name, HEAD) for name, table in tables.items()}
        known = {column for frame in heads.values() for column in frame.columns}
        lacking = {
            theirs: ours
            for theirs, ours in names.items()
            if theirs not in known and (needed is None or ours in needed)
        }
        if columns is None or needed is not None:
            found = {ours for theirs, ours in names.items() if theirs in known}
            lacking = {theirs: ours for theirs, ours in lacking.items() if ours not in found}
        if columns is None:
            _check_named({k: ours for k, ours in lacking.items() if ours not in known}, heads)
            lacking = {}
        made = {theirs: ours for theirs, ours in names.items() if theirs in known} | lacking
        try:
            heads = rename_columns(heads, made)
        except ValueError as error:
            raise ValueError(f"{error}{_OF_TRAINING if columns is None else ''}") from error
        usual = self.time_unit if _has_numbers(heads["interactions"]) else None
        taken = TableReading(made if columns is None else {}, usual if time_unit is None else None)
        if say and (taken.columns or taken.time_unit):
            log.info("read as for the training: %s", taken)
        return TableReading(made, usual if time_unit is None else time_unit)

    def __str__(self) -> str:
        names = [f"{theirs} is {ours}" for theirs, ours in self.columns.items()]
        unit = [] if self.time_unit is None else [f"timestamps are in {self.time_unit}"]
        return ", ".join(names + unit)


def _check_named(lacking: Mapping[str, str], heads: Mapping[str, pl.DataFrame]) -> None:
    if lacking:
        there = {name: frame.columns for name, frame in heads.items()}
        raise ValueError(
            f"expected the columns of the training, {list(lacking)}, or our names for them, "
            f"{list(lacking.values())}; got {there}; --columns (columns=) says how these tables "
            f"name them"
        )


def _has_numbers(events: pl.DataFrame) -> bool:
    return "timestamp" in events.columns and not is_dated(events["timestamp"])
