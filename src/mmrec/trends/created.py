"""When items began to exist: new times that can't be read beside those of the catalogue."""

import numpy as np
import polars as pl

from mmrec.data import Catalog
from mmrec.data.times import guess_unit, other_unit
from mmrec.trends.age import created_column, created_times, undated
from mmrec.trends.events import ItemEvents


class CreatedTimes:
    """The column ``created_at`` of a catalogue, which one new value could make unreadable.

    Dates can't stand beside numbers, nor seconds beside milliseconds. One time of the catalogue
    stands for all of them. It is looked for once.

    Args:
        catalog: the items.
        found: keeps that time, by column, for later checks of the same catalogue as it grows.

    Example:
        >>> times = CreatedTimes(Catalog({"item_id": ["a"], "created_at": [1.7e9]}))
        >>> times.check(pl.DataFrame({"item_id": ["b"], "created_at": [1.7e12]}))
        Traceback (most recent call last):
        ...
        ValueError: items: created_at must be a time as in the catalogue, such as 170...
    """

    def __init__(self, catalog: Catalog, found: dict[str, pl.DataFrame] | None = None) -> None:
        self.catalog, self._kept = catalog, {} if found is None else found
        self._found: dict[str, pl.DataFrame | None] = {}

    def check(self, rows: pl.DataFrame) -> None:
        """Refuse rows whose times can't be read beside those of the catalogue.

        Raises:
            ValueError: a value is no time, or is in another unit or form.
        """
        if bad := self.unreadable(rows):
            raise self.refusal(rows[bad])

    def unreadable(self, rows: pl.DataFrame) -> list[int]:
        """Return the positions of rows whose times can't be read beside those of the catalogue."""
        return self._unreadable(rows, 0)

    def refusal(self, rows: pl.DataFrame) -> ValueError:
        """Return an error about the first of some rows, whose time can't be read."""
        name = self.column(rows) or ""
        one = self._one(name)
        like, looks = "times in one form, such as 2024-05-01", ""
        if one is not None and not one.is_empty():
            like = f"a time as in the catalogue, such as {one[name][0]!r}"
            unit = guess_unit(rows[name][:1])
            if unit is not None and unit != guess_unit(one[name]):
                looks = other_unit(float(rows[name][0]))
        return ValueError(f"items: {name} must be {like}; got {rows[name][0]!r}{looks}")

    def take(self, rows: pl.DataFrame) -> None:
        """Take rows that were checked as those of the catalogue."""
        name = self.column(rows)
        if name is not None and (one := self._one(name)) is not None:
            both = pl.concat([one, rows.select(name)], how="vertical_relaxed")
            self._found[name] = self._kept[name] = _longest(both, name)

    def column(self, rows: pl.DataFrame) -> str | None:
        """Return the column that tells when items began to exist, if the rows have it."""
        name = created_column([*self.catalog.columns, *rows.columns])
        return name if name in rows.columns else None

    def _one(self, name: str) -> pl.DataFrame | None:
        """Return a time of the catalogue, as one row or none; None if its column holds no times."""
        if name in self._kept:
            return self._kept[name]
        if name not in self._found:
            frame = self.catalog.frame
            known = frame if name in frame.columns else pl.DataFrame({name: []})
            try:
                self._found[name] = one = _longest(known, name)
                if not one.is_empty():
                    self._kept[name] = one
            except ValueError:
                self._found[name] = None
        return self._found[name]

    def _read(self, rows: pl.DataFrame) -> None:
        """Read times beside one of the catalogue."""
        name = self.column(rows)
        if name is not None and (one := self._one(name)) is not None:
            undated(pl.concat([one, rows.select(name)], how="vertical_relaxed"))

    def _unreadable(self, rows: pl.DataFrame, start: int) -> list[int]:
        """Return the positions of rows that can't be read, from ``start``; tried half by half."""
        try:
            self._read(rows)
        except ValueError:
            if len(rows) == 1:
                return [start]
            half = len(rows) // 2
            first = self._unreadable(rows[:half], start)
            found = first + self._unreadable(rows[half:], start + half)
            return found or [*range(start + half, start + len(rows))]  # not beside the first half
        return []


def _longest(items: pl.DataFrame, name: str) -> pl.DataFrame:
    """Return the longest time of a column as one row: a text with a time of day, if one has it.

    Raises:
        ValueError: the column holds something else than times.
    """
    nothing = ItemEvents(np.zeros(0, dtype=np.int64), np.zeros(0))
    times = items.select(name)
    times = times.filter(created_times(times, nothing)[1:] > 0)  # dates before 1970 have any form
    if times[name].dtype == pl.String:
        times = times.sort(pl.col(name).str.len_bytes(), descending=True)
    return times.head(1)
