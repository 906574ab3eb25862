"""``mmrec check``: what is in a data set, what ``mmrec fit`` would use of it, and what is odd."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmrec.cli.options import takes_some_options
from mmrec.cli.places import writing
from mmrec.cli.reading import Columns, Unit, reading
from mmrec.cli.shared import Json, print_json
from mmrec.data.private import private_file
from mmrec.recommender.options import Options

if TYPE_CHECKING:
    from mmrec.recommender.check import CheckReport


@takes_some_options(
    "split",
    "min_count",
    "drop_repeats",
    "targets",
    "negative",
    "shown",
    "ignored",
    "event_weights",
    "modalities",
    "text_template",
)
def check(
    *,
    data: Annotated[Path, typer.Argument(help="Data set folder: interactions, items, images/.")],
    columns: Columns = None,
    time_unit: Unit = None,
    options: Options,
    images: Annotated[
        str,
        typer.Option(metavar="N|all", help="How many pictures are opened, a fixed draw; or all."),
    ] = "1000",
    html: Annotated[Path | None, typer.Option(help="File for the report as a web page.")] = None,
    as_json: Json = False,
) -> None:
    """Say what is in a data set, what mmrec fit would use of it, and what is odd.

    The options are those that mmrec fit would be given. Exit status: 0 if fit would take the data,
    1 if it would refuse it, 2 if this command was given something wrong.
    """
    from mmrec.display import load_template
    from mmrec.recommender.check import check_folder

    how, most = reading(columns, time_unit), _count(images)
    if html is not None:
        load_template("mmrec.cli", "check.html.j2", extra="compare")  # now rather than at the end
    report = check_folder(data, **how, options=options, images=most)
    typer.echo(str(report))
    if html is not None:
        _write_page(report, html)
    if as_json:
        print_json(report.to_dict())
    if not report.fits:
        raise typer.Exit(1)


def _count(images: str) -> int | None:
    """Return how many pictures are opened; None for all."""
    if images == "all":
        return None
    if not (images.isascii() and images.isdecimal()):
        raise ValueError(f"--images must be a number of 0 or more, or all; got {images!r}")
    return int(images)


def _write_page(report: "CheckReport", file: Path) -> None:
    from mmrec.display import load_template
    from mmrec.recommender.check.text import sections, verdict, visible

    page = load_template("mmrec.cli", "check.html.j2", extra="compare").render(
        report=report, verdict=verdict(report), sections=sections(report), visible=visible
    )
    with writing({"the page": file.parent}), private_file(file) as out:
        out.write(page.encode("utf-8", "replace"))
    typer.echo(f"\npage written to {file}")
