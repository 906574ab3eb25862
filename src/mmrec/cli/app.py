"""The ``mmrec`` command: its sub-commands, and how errors are printed."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from mmrec.cli.commands.check import check
from mmrec.cli.commands.compact import compact
from mmrec.cli.commands.degrade import degrade
from mmrec.cli.commands.export import export
from mmrec.cli.commands.fit import DEFAULT_CACHE, fit
from mmrec.cli.commands.import_data import fetch_images, import_data
from mmrec.cli.commands.import_log import import_log
from mmrec.cli.commands.recommend import recommend
from mmrec.cli.commands.report import report as report_page
from mmrec.cli.commands.similar import similar
from mmrec.cli.commands.tune import tune
from mmrec.cli.group import Group
from mmrec.cli.messages import printed_log
from mmrec.cli.options import given_parts, own_parts
from mmrec.cli.places import about_replaced, default_log, writing
from mmrec.cli.reading import Columns, Unit, reading, reading_of_run
from mmrec.cli.shared import AtMost, Cache, Data, Json, NoProgress, Own, print_json
from mmrec.cpu.memory import keep_freed_memory
from mmrec.data.wording import counted

app = typer.Typer(
    cls=Group,
    help="Multimodal recommendation: texts, images and event histories to ranked lists.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Seed = Annotated[int, typer.Option(help="Seed of all random draws.")]


def main() -> None:
    """Run the command; for bad input, print one sentence on stderr and exit with status 2."""
    keep_freed_memory()
    try:
        with printed_log():
            app()
    except (ValueError, OSError, ImportError) as error:
        sys.stderr.write(f"mmrec: {' '.join(str(error).split())}\n")
        sys.exit(2)


def _print_version(wanted: bool) -> bool:
    if wanted:
        from mmrec import __version__

        typer.echo(f"mmrec {__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def _options(
    version: Annotated[
        bool,
        # Eager: it needs no sub-command.
        typer.Option(
            "--version", help="Print the version.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    pass


app.command()(check)


app.command()(fit)
app.command()(tune)


@app.command()
def evaluate(
    run: Annotated[Path, typer.Argument(help="Folder of a RUN.")],
    data: Data = None,
    columns: Columns = None,
    time_unit: Unit = None,
    part: Own = None,
    as_json: Json = False,
) -> None:
    """Measure a RUN on the validation and test parts of its data set."""
    from mmrec.cli.later import log_of_run, measured_part, read_later
    from mmrec.cli.tables import metrics_table
    from mmrec.recommender import Recommender

    recommender = Recommender.load(run, parts=own_parts(part))
    folder, how = reading_of_run(recommender.state, run, data, columns, time_unit)
    log = log_of_run(read_later(folder, recommender.catalog, how), recommender, folder)
    report = recommender.evaluate(log)
    trained_on = recommender.report.get("fingerprint")
    report["same_split"] = report["fingerprint"] == trained_on
    typer.echo(metrics_table(report))
    if not report["same_split"]:
        typer.echo(
            f"note: trained on split {trained_on}, measured on {report['fingerprint']}; cold items "
            "are those without an event that the RUN was trained on"
        )
        typer.echo(f"note: {measured_part(report, log)}")
    if as_json:
        print_json(report)


app.command("report")(report_page)
app.command()(degrade)
app.command()(recommend)
app.command()(similar)
app.command()(export)


@app.command()
def update(
    run: Annotated[Path, typer.Argument(help="Folder of the RUN to continue from.")],
    data: Annotated[Path, typer.Argument(help="Data set folder with the new events and items.")],
    out: Annotated[Path, typer.Option(help="Folder for the new RUN.")],
    columns: Columns = None,
    time_unit: Unit = None,
    epochs: Annotated[int, typer.Option(min=1, help="Maximum number of epochs.")] = 10,
    lr: Annotated[float, typer.Option(help="Learning rate.")] = 1e-3,
    loss: Annotated[str | None, typer.Option(help="By default that of the RUN.")] = None,
    negatives: Annotated[str | None, typer.Option(help="By default those of the RUN.")] = None,
    cache: Cache = DEFAULT_CACHE,
    seed: Seed = 0,
    part: Own = None,
    no_progress: NoProgress = False,
    as_json: Json = False,
) -> None:
    """Continue training a RUN on new data, which may have new users and items."""
    from mmrec.cli.later import read_later
    from mmrec.cli.tables import metrics_table
    from mmrec.recommender import Recommender
    from mmrec.recommender.artifact.run import check_place

    if out.resolve() == run.resolve():
        raise ValueError(f"--out expects another folder than that of the RUN; got {out} for both")
    check_place(out)
    replaced = about_replaced(out)
    recommender = Recommender.load(run, parts=own_parts(part))
    _, how = reading_of_run(recommender.state, run, data, columns, time_unit)
    dataset, images = read_later(data, recommender.catalog, how), data / "images"
    with writing({"features": cache}):
        made = recommender.update(
            dataset.interactions,
            dataset.catalog,
            users=dataset.users,
            images=images if images.is_dir() else None,
            cache=cache,
            progress=False if no_progress or as_json else None,
            options={"epochs": epochs, "lr": lr, "seed": seed},
            **given_parts({"loss": loss, "negatives": negatives}),
        )
    given = {name: value for name, value in reading(columns, time_unit).items() if value}
    made.save(out, data=str(data.resolve()), **given)  # the rest is as in the RUN
    typer.echo(metrics_table(made.report))
    typer.echo(f"RUN written to {out}{replaced}")
    if as_json:
        print_json(made.report)


@app.command()
def serve(
    run: Annotated[Path, typer.Argument(help="Folder of a RUN.")],
    log: Annotated[
        Path | None, typer.Option(help="File of the event log; RUN.events.db by default.")
    ] = None,
    history: Annotated[
        Path | None,
        typer.Option(
            help="Data set folder or table of events that are imported first, so that the users of "
            "the training are known; see mmrec import-log."
        ),
    ] = None,
    columns: Columns = None,
    time_unit: Unit = None,
    images: Annotated[
        Path | None, typer.Option(help="Folder of the images; by default that of the RUN.")
    ] = None,
    versions: Annotated[
        Path | None,
        typer.Option(help="Folder in which mmrec learn publishes; new versions are served."),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(
            help="A condition on items that holds for every list, such as 'stock > 0', beside that "
            "of a request."
        ),
    ] = None,
    at_most: AtMost = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; other than loopback, it needs MMREC_TOKEN.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8000,
    index: Annotated[str, typer.Option(help="exact, or hnsw for large catalogues.")] = "exact",
    redis: Annotated[str | None, typer.Option(help="URL of a Redis server for sessions.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes; several need --redis.")] = 1,
    readers: Annotated[
        int,
        typer.Option(
            min=1, help="Lists that a process makes at once; raise it for large catalogues."
        ),
    ] = 2,
    rate: Annotated[
        int,
        typer.Option(
            min=0, help="Requests a second from one address, for each process; 0 is no limit."
        ),
    ] = 0,
    warm_up: Annotated[
        bool,
        typer.Option(
            "--warm-up/--no-warm-up",
            help="Load the encoders of new items after the start, in the background; else the "
            "first new item waits for them. They stay in memory.",
        ),
    ] = True,
    part: Own = None,
) -> None:
    """Serve a RUN over HTTP, with a web page; each event changes the next list."""
    from mmrec.recommender.quotas import read_at_most
    from mmrec.serving import Limits, Settings
    from mmrec.serving import serve as run_server

    how = reading(columns, time_unit)
    if history is None and any(value is not None for value in how.values()):
        raise ValueError("--columns and --time-unit say how --history is read; got no --history")
    settings = Settings(
        run=run,
        log=default_log(run) if log is None else log,
        history=history,
        **how,
        images=images,
        versions=versions,
        redis=redis,
        index=index,
        where=where,
        at_most=read_at_most(at_most) if at_most else None,
        host=host,
        port=port,
        workers=workers,
        readers=readers,
        limits=Limits(rate=rate),
        warm_up=warm_up,
        parts=tuple(own_parts(part)),
    )
    said = f"serving {run} at http://{host}:{port}, events in {settings.log}"
    run_server(settings, ready=lambda: typer.echo(said, err=True), say=_say)


app.command("import-log")(import_log)


@app.command()
def learn(
    run: Annotated[Path, typer.Argument(help="Folder of the RUN that is served.")],
    log: Annotated[Path, typer.Option(help="File of the event log.")],
    versions: Annotated[Path, typer.Option(help="Folder to publish versions in.")],
    publish_every: Annotated[int, typer.Option(min=1, help="Events between versions.")] = 1000,
    poll: Annotated[
        float, typer.Option(min=0.0, help="Seconds between reads at the end of the log.")
    ] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="Stop at the end of the log.")] = False,
    imported: Annotated[
        bool,
        typer.Option(
            "--imported",
            help="Also learn imported events; without it, they are only the history of others.",
        ),
    ] = False,
    seed: Seed = 0,
    part: Own = None,
    as_json: Json = False,
) -> None:
    """Learn from the events of a log, and publish versions that servers follow."""
    from mmrec.cli.learn import run_learner

    said = run_learner(
        run,
        log,
        versions,
        publish_every=publish_every,
        poll=None if once else poll,
        seed=seed,
        imported=imported,
        parts=own_parts(part),
        say=typer.echo,
    )
    if as_json:
        print_json(said)


@app.command()
def rollback(
    versions: Annotated[Path, typer.Argument(help="Folder of the versions.")],
    to: Annotated[
        str | None, typer.Option(help="Name of a version; without it, the RUN itself.")
    ] = None,
    release: Annotated[
        bool,
        typer.Option("--release", help="End the rollback: serve the newest version again."),
    ] = False,
) -> None:
    """Serve an older version of a model that learns, until --release."""
    from mmrec.realtime import Versions

    if not versions.is_dir():
        raise FileNotFoundError(f"no versions at {versions}")
    if release and to is not None:
        raise ValueError("rollback expects --to or --release; got both")
    folder = Versions(versions)
    if release:
        folder.release()
    else:
        folder.rollback(to)
    typer.echo(f"serving {folder.current() or 'the RUN itself'}")


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the shop, the RUNs and report.html.")] = (
        Path("mmrec-demo")
    ),
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Generate a miniature shop, train on its texts and images, and write report.html."""
    from mmrec.demo import run_demo

    summary = run_demo(out, seed=seed, say=typer.echo)
    if as_json:
        print_json(summary)


@app.command()
def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(help="Folders of RUNs; the others are compared with the first."),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder for compare.md, compare.html and plots.")
    ] = None,
    metric: Annotated[str, typer.Option(help="ndcg@K, hr@K or mrr@K.")] = "ndcg@10",
    samples: Annotated[int, typer.Option(min=1, help="Draws of the bootstrap.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap.")] = 0,
    as_json: Json = False,
) -> None:
    """Compare RUNs on the test events of one split: intervals, paired tests, slices, plots."""
    from mmrec.cli.compare import to_markdown, write_comparison
    from mmrec.evaluation.comparison import compare_runs
    from mmrec.evaluation.results import read_result

    results = [read_result(run) for run in runs]
    comparison = compare_runs(results, metric=metric, samples=samples, seed=seed)
    typer.echo(to_markdown(comparison))
    if out is not None:
        written = write_comparison(comparison, out)
        typer.echo(f"\n{counted(len(written), 'file')} written to {out}")
    if as_json:
        print_json(comparison.to_dict())


app.command("import")(import_data)
app.command("fetch-images")(fetch_images)
app.command()(compact)


def _say(text: str) -> None:
    typer.echo(text, err=True)
