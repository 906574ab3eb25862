"""Options about how the tables of a data set are read."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypedDict, cast

import typer

if TYPE_CHECKING:
    from mmrec.data import TimeUnit

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


def reading(
    columns: str | None, time_unit: str | None, before: Mapping[str, Any] | None = None
) -> Reading:
    """Return how tables are read.

    Args:
        columns: the option ``--columns``.
        time_unit: the option ``--time-unit``.
        before: how they were read before, for options that are not given.

    Example:
        >>> reading("movieId=item_id", None, {"time_unit": "ms"})
        {'columns': {'movieId': 'item_id'}, 'time_unit': 'ms'}
    """
    before = before or {}
    return {
        "columns": before.get("columns") if columns is None else as_columns(columns),
        "time_unit": before.get("time_unit")
        if time_unit is None
        else cast("TimeUnit", time_unit),  # read_folder checks it
    }


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
