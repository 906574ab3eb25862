"""Rows that mmrec can't use: without an id, without a time, or at an impossible time."""

from collections.abc import Sequence

import polars as pl

from mmrec.data.loaders.lines import FILE, LINE
from mmrec.data.loaders.report import ImportReport
from mmrec.data.times import LATEST


def drop_unusable(
    frame: pl.DataFrame,
    report: ImportReport,
    *,
    ids: Sequence[str] = ("user_id", "item_id"),
    event: bool = False,
) -> pl.DataFrame:
    """Return the rows with ids and, if they are events, with a time; count the lines of the rest.

    Raises:
        ValueError: events have neither ``timestamp`` nor ``position``.
    """
    for name in ids:
        text = pl.col(name).cast(pl.String).str.strip_chars()
        frame = _drop(frame, text.is_null() | (text == ""), f"no {name}", report)
    if not event:
        return frame
    order = next((name for name in ("timestamp", "position") if name in frame.columns), None)
    if order is None:
        raise ValueError(f"events must have timestamp or position; got {frame.columns}")
    time = pl.col(order).cast(pl.Float64)
    frame = _drop(frame, time.is_null(), f"no {order}", report)
    latest = LATEST if order == "timestamp" else float("inf")
    wrong = ~time.is_between(0, latest, closed="left")
    frame = _drop(frame, wrong, f"{order} is not from 0 to the year 2200", report)
    return frame.with_columns(time)


def _drop(frame: pl.DataFrame, wrong: pl.Expr, reason: str, report: ImportReport) -> pl.DataFrame:
    bad = frame.filter(wrong.fill_null(False))
    for (number,), rows in bad.group_by(FILE):
        report.files[int(str(number))].drop(reason, rows[LINE])
    return frame.filter(~wrong.fill_null(False)) if len(bad) else frame
