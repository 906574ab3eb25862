"""Options about how the tables of a data set are read."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict, cast

import typer

from mmrec.cli.shared import data_folder

if TYPE_CHECKING:
    from mmrec.data import TimeUnit
    from mmrec.recommender import RecommenderState

Columns = Annotated[
    str | None,
    typer.Option(
        metavar="THEIRS=OURS,…",
        help="Our names of columns by those of your tables: movieId=item_id,userId=user_id.",
    ),
]
Unit = Annotated[
    str | None,
    typer.Option(
        metavar="s|ms|us|ns",
        help="Unit of timestamps that are numbers; by default seconds, or what they look like.",
    ),
]


class Reading(TypedDict):
    """How tables are read: arguments of :func:`mmrec.data.read_folder`."""

    columns: Mapping[str, str] | None
    time_unit: "TimeUnit | None"


def reading(columns: str | None, time_unit: str | None) -> Reading:
    """Return how tables are read.

    Args:
        columns: the option ``--columns``.
        time_unit: the option ``--time-unit``.

    Example:
        >>> reading("movieId=item_id", None)
        {'columns': {'movieId': 'item_id'}, 'time_unit': None}
    """
    return {
        "columns": None if columns is None else as_columns(columns),
        "time_unit": cast("TimeUnit | None", time_unit),  # read_folder checks it
    }


def reading_of_run(
    state: "RecommenderState",
    run: Path,
    data: Path | None,
    columns: str | None,
    time_unit: str | None,
) -> tuple[Path, Reading]:
    """Return the data set folder for a RUN, and how its tables are read.

    What is not given is as it was for the training. A line says what another folder takes from it.

    Args:
        state: what the RUN holds.
        run: its folder, for messages.
        data: the option ``--data``; by default the folder that the RUN names.
        columns: the option ``--columns``.
        time_unit: the option ``--time-unit``.

    Raises:
        FileNotFoundError: there is no such folder, or it lacks a table.
        ValueError: the RUN names no folder, or a table lacks a column.
    """
    from mmrec.data.folder import files_of
    from mmrec.data.inherited import TableReading

    folder, given = data_folder(data, state.about, run), reading(columns, time_unit)
    trained = TableReading.of(state.about, state.given)
    made = trained.fitted(files_of(folder), **given, say=data is not None)
    return folder, {"columns": made.columns or None, "time_unit": made.time_unit}


def as_columns(text: str) -> dict[str, str]:
    """Return the new names of columns by their present names.

    Raises:
        ValueError: a pair lacks a name, or a name occurs twice.

    Example:
        >>> as_columns("movieId=item_id, userId=user_id")
        {'movieId': 'item_id', 'userId': 'user_id'}
    """
    pairs = [pair.rpartition("=") for pair in text.split(",") if pair.strip()]
    columns = {theirs.strip(): ours.strip() for theirs, _, ours in pairs}
    if not pairs or "" in {*columns, *columns.values()} or len(columns) < len(pairs):
        raise ValueError(
            f"--columns must be theirs=ours, separated by commas, each once; got {text!r}"
        )
    return columns
