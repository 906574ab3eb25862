"""``mmrec recommend``: the list of a history, of a user of the data set, or of all its users."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmrec.cli.options import own_parts
from mmrec.cli.reading import Columns, Unit, reading_of_run
from mmrec.cli.shared import AtMost, Conditions, Data, Json, Many, Own, print_json
from mmrec.data.wording import counted, verb

if TYPE_CHECKING:
    from mmrec.data import Interactions


def recommend(
    run: Annotated[Path, typer.Argument(help="Folder of a RUN.")],
    history: Annotated[
        str | None,
        typer.Option(
            help="Item ids, oldest first, separated by commas. Without --types and --values, the "
            "type of these events is unknown: they are read as history, never as a no, and their "
            "items are left out of the list."
        ),
    ] = None,
    user: Annotated[
        str | None, typer.Option(help="A user of the data set, in place of a history.")
    ] = None,
    all_users: Annotated[
        bool, typer.Option("--all-users", help="A list for each user of the data set; needs --out.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="File for the lists of all users: .parquet, .csv or .jsonl."),
    ] = None,
    data: Data = None,
    columns: Columns = None,
    time_unit: Unit = None,
    k: Many = 10,
    where: Conditions = None,
    exclude: Annotated[
        str, typer.Option(help="Ids of items to leave out, separated by commas.")
    ] = "",
    at_most: AtMost = None,
    repeat: Annotated[
        bool,
        typer.Option(
            "--repeat",
            help="Also recommend items of the history, but none that the user said no to.",
        ),
    ] = False,
    seen: Annotated[
        str | None,
        typer.Option(
            help="Event types whose items aren't recommended again, separated by commas; by "
            "default all, or targets and negative events if the RUN has targets. Negative events "
            "always count."
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(help="Time of the request: unix seconds or an ISO date; now by default."),
    ] = None,
    types: Annotated[
        str | None,
        typer.Option(help="Event types of --history, separated by commas, one for each item."),
    ] = None,
    times: Annotated[
        str | None,
        typer.Option(help="Times of --history, unix seconds or ISO, separated by commas."),
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=VALUE,…",
            help="A column of --history that rules of events read, such as rating=5,1: one value "
            "for each item, or none between two commas; may be repeated.",
        ),
    ] = None,
    part: Own = None,
    as_json: Json = False,
) -> None:
    """Recommend items to someone with the given history, or to users of the data set.

    Only its owner can read the file of --out, since it tells what users are interested in.
    """
    from mmrec.cli.conditions import conditions_of
    from mmrec.cli.later import log_of_run, read_later, warn_of_earlier
    from mmrec.cli.lists import (
        given_events,
        history_of,
        ids_of,
        time_of,
        with_types,
        write_lists,
    )
    from mmrec.cli.tables import recommendations_table
    from mmrec.recommender import Recommender
    from mmrec.recommender.popular import popular_rule
    from mmrec.recommender.quotas import read_at_most

    of_history = {"--types": types, "--times": times, "--values": values}
    _check(history, user, all_users, out, data, of_history)
    recommender = Recommender.load(run, parts=own_parts(part))

    def log_of_users() -> "Interactions":
        folder, how = reading_of_run(recommender.state, run, data, columns, time_unit)
        found = log_of_run(read_later(folder, recommender.catalog, how), recommender, folder)
        warn_of_earlier(found, recommender.state, folder)
        return with_types(found, recommender)

    # First, since items of later data are added to the catalogue.
    log = None if user is None and out is None else log_of_users()
    catalog = recommender.catalog
    time = None if at is None else time_of(at)
    excluded = not repeat if seen is None else [name.strip() for name in seen.split(",")]
    conditions = conditions_of(where, catalog)
    how: dict[str, Any] = {
        "at": time,
        "where": conditions,
        "exclude": ids_of(exclude, catalog),
        "exclude_seen": excluded,
        "at_most": read_at_most(at_most) if at_most else None,
    }
    if log is not None and out is not None:
        said = write_lists(recommender, log, out, k, how)
        typer.echo(f"lists of {counted(said['users'], 'user')} written to {out}")
        if said["without"]:
            more = f"{counted(said['without'], 'more user')} {verb(said['without'], 'gets', 'get')}"
            typer.echo(f"{more} no list, since no item is left")
        if as_json:
            print_json(said)
        return
    ids = ids_of(history or "", catalog)
    past: Any = given_events(ids, types, times, values or ())
    who: str | None = None
    if log is not None and user is not None:
        features = recommender.state.users
        known = features is not None and features.find(user) > 0
        past = history_of(user, log, known)
        ids = past["item_id"].to_list()
        past, who = (past if ids else []), (user if known else None)
    lines = recommender.recommend(past, k, user=who, **how)
    popular = popular_rule(recommender.state)
    typer.echo(recommendations_table(catalog, ids, lines, where=conditions, popular=popular))
    if as_json:
        rows = [line._asdict() for line in lines]
        print_json({"history": ids, "recommendations": rows})


def _check(
    history: str | None,
    user: str | None,
    all_users: bool,
    out: Path | None,
    data: Path | None,
    of_history: dict[str, Any],
) -> None:
    """Refuse options that don't go together, before anything is read."""
    given = [history is not None, user is not None, all_users]
    if sum(given) > 1:
        raise ValueError("recommend expects one of --history, --user and --all-users; got several")
    if all_users != (out is not None):
        raise ValueError("--all-users and --out FILE must be given together")
    if history is None and any(given is not None for given in of_history.values()):
        *first, last = of_history
        raise ValueError(f"{', '.join(first)} and {last} are of a --history; got none")
    if history is not None and data is not None:
        raise ValueError("--data is for --user and --all-users; got --history")
    if out is not None:
        from mmrec.cli.rows import check_suffix

        check_suffix(out)
