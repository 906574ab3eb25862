"""``mmrec import-log``: a table of past events becomes the history of users."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mmrec.cli.places import default_log
from mmrec.cli.reading import Columns, Unit, reading


def import_log(
    run: Annotated[Path, typer.Argument(help="Folder of the RUN that serves.")],
    data: Annotated[
        Path, typer.Argument(help="Data set folder, or a .csv or .parquet table of events.")
    ],
    log: Annotated[
        Path | None, typer.Option(help="File of the event log; RUN.events.db by default.")
    ] = None,
    columns: Columns = None,
    time_unit: Unit = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object as the last line.")
    ] = False,
) -> None:
    """Import the events of a table into an event log, those that it hasn't.

    Servers of the log know these users from then on. mmrec learn passes imported events over.
    Columns and times are read as for the training, unless the options say otherwise.
    """
    from mmrec.realtime import import_history

    place, key = log or default_log(run), os.environ.get("MMREC_USER_KEY")
    how = reading(columns, time_unit)
    report = import_history(run, data, place, **how, user_key=key.encode() if key else None)
    typer.echo(f"{place}: {report}")
    if as_json:
        typer.echo(json.dumps(asdict(report), ensure_ascii=False))
