"""``mmrec tune``: a search for options and parts, and a RUN with the best."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from mmrec.cli.config import Config, Named, configured, place_of
from mmrec.cli.options import Model, takes_options, with_stated
from mmrec.cli.places import about_replaced, writing
from mmrec.cli.reading import Columns, Unit, as_columns
from mmrec.cli.shared import Json, NoProgress, print_json
from mmrec.data.wording import counted
from mmrec.recommender.config import PLACES
from mmrec.recommender.options import Options


@takes_options
def tune(
    *,
    data: Annotated[Path | None, typer.Argument(help=PLACES["data"])] = None,
    out: Annotated[Path | None, typer.Option(help=PLACES["out"])] = None,
    config: Config = None,
    part: Named = None,
    study: Annotated[
        Path | None,
        typer.Option(help="File of the search, which an interrupted one continues; OUT.study.db."),
    ] = None,
    trials: Annotated[
        int, typer.Option(min=1, help="Number of trials, with those that are in the file.")
    ] = 30,
    search: Annotated[
        list[str] | None,
        typer.Option(
            help="What is searched, such as lr=1e-4..1e-2 or interest=gru4rec,sasrec, or a name "
            "alone for its usual values; may be repeated. By default the usual values of ten "
            "options and parts.",
            metavar="NAME=LOW..HIGH|NAME=A,B,…|NAME",
        ),
    ] = None,
    prune: Annotated[
        bool, typer.Option("--prune/--no-prune", help="Stop trials below the median early.")
    ] = True,
    model: Model = None,
    columns: Columns = None,
    time_unit: Unit = None,
    options: Options,
    parts: dict[str, Any],
    stated: frozenset[str],
    cache: Annotated[
        Path | None,
        typer.Option(help="Folder for features of frozen encoders; beside the file of the search."),
    ] = None,
    no_progress: NoProgress = False,
    as_json: Json = False,
) -> None:
    """Search for options and parts by validation, and write the RUN of the best.

    Options that are given, also in the file of --config, are fixed, and so are the parts that
    --model sets. The same command again continues an interrupted search.
    """
    from mmrec.cli.tables import metrics_table
    from mmrec.data import read_folder
    from mmrec.layers.progress import shows_progress
    from mmrec.recommender.artifact.run import check_place
    from mmrec.tuning import parse_space
    from mmrec.tuning import tune as run_search

    flags = {"data": data, "out": out, "model": model, "cache": cache, "time_unit": time_unit}
    given: dict[str, Any] = {name: str(value) for name, value in flags.items() if value is not None}
    given |= {} if columns is None else {"columns": as_columns(columns)}
    options = with_stated(options, stated)
    given |= {name: getattr(options, name) for name in options.model_fields_set}
    whole = configured(config, part, {**given, **parts})
    if unread := sorted({"logger", "callbacks", "trainer"} & set(whole.places)):
        raise ValueError(f"tune expects a configuration without {', '.join(unread)}; got {config}")
    data = place_of(whole, "data", "DATA", "tune")
    out = place_of(whole, "out", "--out FOLDER", "tune")
    check_place(out)  # now rather than after the search
    replaced = about_replaced(out)
    space = None if search is None else parse_space(search)
    place = out.with_name(f"{out.resolve().name}.study.db") if study is None else study
    how: Any = {name: whole.places.get(name) for name in ("columns", "time_unit")}
    dataset = read_folder(data, **how)
    beside = place.with_name(f"{place.name}.features")
    features = Path(whole.places.get("cache", beside))
    try:
        with writing({"features": features, "the study": place}):
            tuned = run_search(
                dataset.interactions,
                dataset.catalog,
                users=dataset.users,
                study=place,
                trials=trials,
                space=space,
                prune=prune,
                progress=not (no_progress or as_json) and shows_progress(None),
                **{**whole.arguments(), "cache": features},
            )
    except KeyboardInterrupt:
        sys.stderr.write("\nmmrec: stopped; the same command continues the search\n")
        raise typer.Exit(130) from None
    made = tuned.recommender
    made.save(out, data=str(data.resolve()), **how)
    typer.echo(metrics_table(made.report))
    typer.echo(_said(made.report["tuning"]))
    typer.echo(f"RUN written to {out}{replaced}, trials are in {place}")
    if as_json:
        print_json({**made.report, "trials": tuned.trials.to_dicts()})


def _said(facts: dict[str, Any]) -> str:
    """Return how the options were found."""
    chosen = ", ".join(
        f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in facts["chosen"].items()
    )
    states = ", ".join(f"{facts[state]} {state}" for state in ("complete", "pruned", "failed"))
    return (
        f"best of {counted(facts['trials'], 'trial')} ({states}): trial {facts['best_trial']}, "
        f"validation NDCG@10 {facts['valid_ndcg@10']:.4f}\n  {chosen}"
    )
