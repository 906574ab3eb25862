"""``mmrec report``: a page about a RUN, with pictures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmrec.cli.options import own_parts
from mmrec.cli.places import writing
from mmrec.cli.reading import Columns, Unit, reading_of_run
from mmrec.cli.shared import Data, Json, Own, print_json

if TYPE_CHECKING:
    from mmrec.data import Interactions
    from mmrec.recommender import Recommender
    from mmrec.recommender.check import CheckReport

PICTURES = 300
"""So many pictures are opened by the check of the data."""


def report(
    run: Annotated[Path, typer.Argument(help="Folder of a RUN.")],
    data: Data = None,
    columns: Columns = None,
    time_unit: Unit = None,
    out: Annotated[Path, typer.Option(help="File for the page.")] = Path("report.html"),
    color: Annotated[
        str | None,
        typer.Option(help="Column of the items that colors their map; by default categories."),
    ] = None,
    users: Annotated[int, typer.Option(min=0, help="How many users are shown.")] = 6,
    worst: Annotated[int, typer.Option(min=0, help="How many of the worst cases are shown.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draw of users.")] = 0,
    show_users: Annotated[
        bool, typer.Option("--show-users", help="Show ids of users; by default they are numbered.")
    ] = False,
    part: Own = None,
    as_json: Json = False,
) -> None:
    """Write a page about a RUN: results, examples with pictures, worst cases, what is uncertain.

    The page is one file that loads nothing else. It shows histories of users, so only its owner may
    read it. Without the data set of the training, it has no examples.
    """
    from mmrec.display import load_template
    from mmrec.recommender import Recommender
    from mmrec.reporting import write_report

    load_template("mmrec.reporting", "report.html.j2", extra="compare")  # now, not at the end
    if out.is_dir():
        raise IsADirectoryError(f"--out expects a file; got the folder {out}")
    recommender = Recommender.load(run, parts=own_parts(part))
    events, check = _data(recommender, data, columns, time_unit, run)
    with writing({"the page": out.absolute().parent}):
        write_report(
            recommender,
            out,
            events=events,
            check=check,
            title=f"What {run.resolve().name} has learned",
            color=color,
            users=users,
            worst=worst,
            seed=seed,
            show_users=show_users,
        )
    shown = "it shows ids of users" if show_users else "users are numbered"
    typer.echo(f"page written to {out}; {shown}, and only you may read it")
    if as_json:
        print_json({"out": str(out), "examples": events is not None, "show_users": show_users})


def _data(
    recommender: "Recommender", data: Path | None, columns: str | None, unit: str | None, run: Path
) -> "tuple[Interactions | None, CheckReport | None]":
    """Return the events of the training and what is odd about them; None if they are not there."""
    from mmrec.data import read_folder
    from mmrec.recommender.check import check_folder

    named = recommender.state.about.get("data")
    if data is None and (named is None or not Path(named).is_dir()):
        typer.echo("the data set of the training is not there: no examples; pass --data FOLDER")
        return None, None
    folder, how = reading_of_run(recommender.state, run, data, columns, unit)
    check = check_folder(folder, **how, options=recommender.options, images=PICTURES)
    return read_folder(folder, **how).interactions, check
