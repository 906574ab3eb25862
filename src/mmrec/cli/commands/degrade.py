"""``mmrec degrade``: how good a RUN is when items lack a modality."""

from pathlib import Path
from typing import Annotated

import typer

from mmrec.cli.options import own_parts
from mmrec.cli.reading import Columns, Unit, reading_of_run
from mmrec.cli.shared import Data, Json, Own, print_json

SHARES = "0,0.25,0.5,0.75,1"


def degrade(
    run: Annotated[Path, typer.Argument(help="Folder of a RUN.")],
    data: Data = None,
    columns: Columns = None,
    time_unit: Unit = None,
    modalities: Annotated[
        str | None, typer.Option(help="Modalities that are removed, one at a time; by default all.")
    ] = None,
    shares: Annotated[
        str, typer.Option(help="Shares of the items with a modality that lose it, from 0 to 1.")
    ] = SHARES,
    plot: Annotated[Path | None, typer.Option(help="Also draw the curves: a PNG or SVG.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draw of the items.")] = 0,
    part: Own = None,
    as_json: Json = False,
) -> None:
    """Measure a RUN on its test events while a share of the items loses a modality.

    The vectors of these items are those that they would have without it. Fit with --refit valid, or
    give later events: a RUN of --refit all has trained on the test events.
    """
    from mmrec.cli.degradation import check_plot, degradation_plot, degradation_table
    from mmrec.cli.later import log_of_run, read_later
    from mmrec.recommender import Recommender

    if plot is not None:
        check_plot(plot)
    recommender = Recommender.load(run, parts=own_parts(part))
    folder, how = reading_of_run(recommender.state, run, data, columns, time_unit)
    found = recommender.degradation(
        log_of_run(read_later(folder, recommender.catalog, how), recommender, folder),
        modalities=None if modalities is None else [m.strip() for m in modalities.split(",")],
        shares=_numbers(shares),
        seed=seed,
    )
    typer.echo(degradation_table(found))
    if plot is not None:
        drawn = degradation_plot(found)
        plot.write_bytes(drawn.svg if plot.suffix == ".svg" else drawn.png)
        typer.echo(f"curves written to {plot}")
    if as_json:
        print_json({"degradation": found.to_dicts()})


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"--shares expects numbers such as {SHARES}; got {text!r}") from None
