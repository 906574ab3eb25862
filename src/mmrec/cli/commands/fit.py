"""``mmrec fit``: training on a data set folder, from flags and a file."""

import sys
from collections.abc import Callable
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any

import typer

from mmrec.cli.config import Named, configured, place_of
from mmrec.cli.options import (
    Model,
    given_parts,
    merged_parts,
    option_parameters,
    read_option,
    read_parts,
    stated_by,
)
from mmrec.cli.places import about_replaced, forget_start, writing
from mmrec.cli.reading import Columns, Unit, as_columns
from mmrec.cli.shared import Cache, Json, NoProgress, print_json
from mmrec.recommender.config import PLACES, FitConfig
from mmrec.recommender.options import Options

DEFAULT_CACHE = Path.home() / ".cache" / "mmrec"

_FLAGS: dict[str, Any] = {
    "out": Annotated[Path | None, typer.Option(help=PLACES["out"])],
    "config": Annotated[
        Path | None,
        typer.Option(
            help="YAML file with whatever this command takes, by the same names, such as run.yaml "
            "of a RUN, which repeats it; flags take precedence."
        ),
    ],
    "part": Named,
    "model": Model,
    "columns": Columns,
    "time_unit": Unit,
    "logger": Annotated[
        list[str] | None,
        typer.Option(
            help="Log metrics of each epoch in the folder OUT.logs: csv, tensorboard, wandb or "
            "mlflow; may be repeated."
        ),
    ],
}


def _takes_config(command: Callable[..., None]) -> Callable[..., None]:
    """Replace a command's parameter ``config`` by a flag for each of its keys, and ``--config``."""
    keyword = Parameter.KEYWORD_ONLY
    data = Annotated[Path | None, typer.Argument(help=PLACES["data"])]
    parameters = [Parameter("context", keyword, annotation=typer.Context)]
    parameters.append(Parameter("data", keyword, default=None, annotation=data))
    parameters += [Parameter(n, keyword, default=None, annotation=a) for n, a in _FLAGS.items()]
    parameters += option_parameters()
    parameters.append(Parameter("cache", keyword, default=DEFAULT_CACHE, annotation=Cache))
    own = signature(command, eval_str=True).parameters
    parameters += [one for one in own.values() if one.name != "config"]

    @wraps(command)
    def run(**flags: Any) -> None:
        stated = stated_by(flags.pop("context"))
        rest = {name: flags[name] for name in own if name != "config"}
        given = {name: flags[name] for name in stated if name not in own or name == "config"}
        command(config=_config(given), **rest)

    del run.__wrapped__
    vars(run)["__signature__"] = Signature(parameters)
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _config(flags: dict[str, Any]) -> FitConfig:
    """Return what the flags that were given say, over what their file says."""
    file, own = flags.pop("config", None), flags.pop("part", None)
    given = {name: _plain(name, value) for name, value in flags.items() if name in PLACES}
    given |= {n: read_option(n, v) for n, v in flags.items() if n in Options.model_fields}
    parts = merged_parts(read_parts(flags.pop("parts", None)), given_parts(flags))
    return configured(file, own, {**given, **parts})


def _plain(name: str, value: Any) -> Any:
    if name == "columns":
        return as_columns(value)
    return str(value) if isinstance(value, Path) else value


@_takes_config
def fit(
    *,
    config: FitConfig,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Print the configuration as YAML, and stop.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue where the same command was interrupted.")
    ] = False,
    no_progress: NoProgress = False,
    as_json: Json = False,
) -> None:
    """Train a recommender on a data set folder and write a RUN.

    During training, a checkpoint of each epoch is kept in the folder OUT.training.
    """
    from mmrec.cli.tables import metrics_table
    from mmrec.data import read_folder
    from mmrec.recommender import Recommender
    from mmrec.recommender.artifact.run import check_place, is_main_process

    if print_config:
        typer.echo(config.to_yaml(), nl=False)
        return
    data = place_of(config, "data", "DATA", "fit")
    out = place_of(config, "out", "--out FOLDER", "fit")
    check_place(out)  # now rather than after training
    replaced = about_replaced(out)
    how: Any = {name: config.places.get(name) for name in ("columns", "time_unit")}
    dataset = read_folder(data, **how)
    beside = out.resolve()
    checkpoints = beside.with_name(f"{beside.name}.training")
    # A checkpoint of a private training would have to be kept secret, too.
    kept = checkpoints if config.options.epsilon is None else None
    given = {"cache": DEFAULT_CACHE, **config.arguments()}
    anew = resume and not any(checkpoints.glob("epoch-*.ckpt"))
    try:
        with writing({"checkpoints": checkpoints, "features": Path(given["cache"])}):
            recommender = Recommender.fit(
                dataset.interactions,
                dataset.catalog,
                users=dataset.users,
                progress=False if no_progress or as_json else None,
                checkpoints=kept,
                resume=resume,
                logs=beside.with_name(f"{beside.name}.logs"),
                **given,
            )
        recommender.save(out, data=str(data.resolve()), **how)
    except KeyboardInterrupt:
        some = any(checkpoints.glob("epoch-*.ckpt"))
        what = "the same command with --resume continues" if some else "no epoch was completed"
        sys.stderr.write(f"\nmmrec: stopped; {what}\n")
        raise typer.Exit(130) from None
    finally:
        forget_start(checkpoints)
    if not is_main_process():
        return
    typer.echo(metrics_table(recommender.report))
    if anew:
        typer.echo(
            "note: --resume found no checkpoint, so this training started from the beginning"
        )
    typer.echo(f"RUN written to {out}{replaced}")
    if as_json:
        print_json(recommender.report)
