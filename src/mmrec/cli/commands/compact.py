"""``mmrec compact``: a log with fewer changes of items, and a RUN that has them already."""

import os
from pathlib import Path
from typing import Annotated

import typer

from mmrec.cli.options import own_parts
from mmrec.cli.places import about_replaced
from mmrec.cli.shared import Own
from mmrec.data.wording import counted


def compact(
    log: Annotated[Path, typer.Argument(help="File of an event log.")],
    run: Annotated[
        Path | None, typer.Option(help="RUN that is served from this log; needs --out.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for a RUN with the items as they are now, encoded already."),
    ] = None,
    part: Own = None,
) -> None:
    """Keep only the last value of each column of each item in a log; servers may use it meanwhile.

    A server does this by itself after 2,000 changes. With --run and --out, the items that were
    added or have other content are encoded once and written to a new RUN, which starts without
    encoding them again. Versions that were learned from the earlier RUN don't fit it.
    """
    from mmrec.realtime import RealtimeRecommender, SqliteLog
    from mmrec.recommender.artifact.run import check_place

    if (run is None) != (out is None):
        raise ValueError("compact expects --run and --out together; got one of them")
    if not log.is_file():
        raise FileNotFoundError(f"no event log at {log}; mmrec serve writes one")
    key = os.environ.get("MMREC_USER_KEY")
    events = SqliteLog(log, user_key=key.encode() if key else None)
    try:
        if run is not None and out is not None:
            check_place(out)
            replaced = about_replaced(out)
            live = RealtimeRecommender.load(run, parts=own_parts(part), log=events)
            live.save(out)
            typer.echo(f"RUN written to {out}{replaced}")
        done = events.compact_items()
        typer.echo(_said(done.folded, done.after - done.before))
    finally:
        events.close()


def _said(replaced: int, now: int) -> str:
    """Return what was done to the changes of items in a log."""
    if replaced == now:
        return "no change of items in the log is made void by a later one"
    return (
        f"the log has {counted(now, 'change')} of items in place of {replaced:,}: earlier values "
        f"that later ones replace are gone"
    )
