"""Options and output that several commands share."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")]
Own = Annotated[
    list[str] | None,
    typer.Option(
        "--part",
        help="Part from outside mmrec, as module.Class, or a module, for all parts that it "
        "defines; may be repeated. By default those of MMREC_PARTS, a list in JSON.",
    ),
]
NoProgress = Annotated[
    bool,
    typer.Option(
        "--no-progress", help="Show no progress; it is never shown in a file, a pipe or --json."
    ),
]
Cache = Annotated[Path, typer.Option(help="Folder in which features of frozen encoders are kept.")]
Many = Annotated[int, typer.Option("-k", min=1, help="How many items.")]
Conditions = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        help="Only items that satisfy a condition such as 'price < 20 and category in (lamp, "
        "chair)'; of several conditions, all must hold, but column=value given several times for "
        "one column allows each of the values.",
    ),
]
AtMost = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN:NUMBER",
        help="At most so many items of a list with the same value of a column, such as author:2; "
        "may be repeated.",
    ),
]
Data = Annotated[
    Path | None, typer.Option(help="Data set folder; by default that of the training.")
]


def data_folder(data: Path | None, about: Mapping[str, Any], run: Path) -> Path:
    """Return the data set folder that was given, or else the one that a RUN names.

    Raises:
        ValueError: there is neither.
    """
    named = data or about.get("data")
    if named is None:
        raise ValueError(f"{run} does not name its data set; pass --data FOLDER")
    return Path(named)


def print_json(values: Mapping[str, Any]) -> None:
    """Print one JSON object on a line of its own."""
    typer.echo(json.dumps(values, ensure_ascii=False))
