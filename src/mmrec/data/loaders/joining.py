"""Columns of items that a data set publishes in files of their own."""

from collections.abc import Iterable, Iterator

import polars as pl

from mmrec.data.loaders.lines import FILE, LINE
from mmrec.data.loaders.report import ImportReport


def join_columns(
    items: Iterable[pl.DataFrame],
    others: Iterable[Iterable[pl.DataFrame]],
    key: str,
    report: ImportReport,
) -> Iterator[pl.DataFrame]:
    """Yield one frame: the items with the columns of other tables, which have a row an item.

    Rows without a key or with one that occurred before are dropped and counted, and rows of items
    that are not among ``items`` are counted. All is held in memory, so the tables are to be small.
    """
    tables = [pl.concat(frames) for frames in map(list, others) if frames]
    pieces = list(items)
    if not pieces:
        return
    frame = pl.concat(pieces)
    for table in tables:
        repeated = pl.col(key).is_null() | ~pl.col(key).is_first_distinct()
        for (number,), rows in table.filter(repeated).group_by(FILE):
            report.files[int(str(number))].drop(f"no {key}, or one again", rows[LINE], fault=False)
        table = table.filter(~repeated)
        unknown = table.filter(~pl.col(key).is_in(frame[key].implode()))
        for (number,), rows in unknown.group_by(FILE):
            name = report.files[int(str(number))].path.name
            report.note(f"rows of {name} of unknown items, not kept", len(rows))
        frame = frame.join(table.drop(FILE, LINE), on=key, how="left", maintain_order="left")
    yield frame
