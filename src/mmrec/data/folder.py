"""Data sets: events, items and users that fit together, from tables or from a folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from mmrec.data.catalog import Catalog
from mmrec.data.file_lines import files_noted
from mmrec.data.interactions import Interactions, check_known
from mmrec.data.odd_values import warn_of_odd_values
from mmrec.data.problems import Problems
from mmrec.data.tables import Table, find_optional, find_table, read_table, rename_columns
from mmrec.data.times import TimeUnit
from mmrec.data.usable import usable_catalog
from mmrec.data.users import match_users, read_users


@dataclass(frozen=True)
class Dataset:
    """Events and the catalogue that they refer to.

    Attributes:
        interactions: the events; their item ids are written as in the catalogue.
        catalog: the items.
        users: a row for each of some users, with ``user_id``, written as in the events, and free
            columns; or None.

    Raises:
        ValueError: an event's item is not in the catalogue.
    """

    interactions: Interactions
    catalog: Catalog
    users: pl.DataFrame | None = None

    def __post_init__(self) -> None:
        log = check_known(self.interactions, self.catalog)
        object.__setattr__(self, "interactions", log)
        if self.users is not None:
            object.__setattr__(self, "users", match_users(self.users, log))


def read_folder(
    directory: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    time_unit: TimeUnit | None = None,
    images: str | Path | None = None,
) -> Dataset:
    """Return the data set in a folder.

    .. code-block:: text

        interactions.csv   user_id, item_id, timestamp or position, optionally event
        items.csv          item_id, free columns, image (a file name, or empty)
        users.csv          optional: user_id, free columns
        images/            JPEG, PNG, WebP, GIF

    A table may also be TSV (``.tsv``), Parquet (``.parquet``) or JSON lines (``.jsonl``,
    ``.ndjson``); text formats may be compressed (``.csv.gz``).

    Args:
        directory: the folder.
        columns: our names of columns by theirs, such as ``{"movieId": "item_id"}``, for all tables.
        time_unit: as for :class:`Interactions`.
        images: the folder of the images; by default ``images`` in the folder.

    Raises:
        FileNotFoundError: the folder or one of the first two tables does not exist, or a table
            exists in several formats.
        ValueError: a table is malformed, or an event's item is not in the catalogue; the message
            names all problems of the tables.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from mmrec.demo import make_shop
        >>> with TemporaryDirectory() as folder:
        ...     data = read_folder(make_shop(folder, users=20, items=30))
        >>> len(data.catalog)
        30
    """
    directory = Path(directory)
    files = files_of(directory)
    return read_tables(
        files["interactions"],
        files["items"],
        files.get("users"),
        images=directory / "images" if images is None else images,
        columns=columns,
        time_unit=time_unit,
    )


def files_of(directory: Path) -> dict[str, Path]:
    """Return the files of a data set folder: ``interactions``, ``items`` and perhaps ``users``.

    Raises:
        FileNotFoundError: the folder or one of the first two tables does not exist, or a table
            exists in several formats.
    """
    if not directory.is_dir():
        raise FileNotFoundError(f"no data set folder at {directory}")
    files = {stem: find_table(directory, stem) for stem in ("interactions", "items")}
    users = find_optional(directory, "users")
    return files if users is None else {**files, "users": users}


@files_noted()
def read_tables(
    events: Table | Interactions,
    items: Table | Catalog,
    users: Table | None = None,
    *,
    images: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    time_unit: TimeUnit | None = None,
) -> Dataset:
    """Return the data set in some tables; arguments as for :func:`read_folder`.

    Raises:
        FileNotFoundError: a path does not exist.
        ValueError: a table is malformed, or an event's item is not in the catalogue; the message
            names all problems of the tables.

    Example:
        >>> events = {"userId": [1, 2], "movieId": [7, 8], "timestamp": [10_000, 20_000]}
        >>> columns = {"userId": "user_id", "movieId": "item_id"}
        >>> read_tables(events, {"movieId": ["7", "8"]}, columns=columns).catalog.ids
        ['7', '8']
    """
    given = {"interactions": events, "items": items, "users": users}
    given = renamed({name: table for name, table in given.items() if table is not None}, columns)
    problems, items = Problems(), given["items"]
    known = None
    with problems:
        known = catalog = items if isinstance(items, Catalog) else Catalog(items, images)
    if known is None:
        known = usable_catalog(items, images)
    with problems:
        log = read_log(given["interactions"], known, time_unit)
    with problems:
        people = None if users is None else read_users(given["users"])
    problems.check()
    read = {"interactions": log.frame, "items": catalog.frame, "users": people}
    for name, frame in read.items():  # of those that were read before, it was said then
        before = events if name == "users" else given[name]
        if frame is not None and not isinstance(before, Interactions | Catalog):
            warn_of_odd_values(frame, name)
    return Dataset(log, catalog, people)


def read_log(
    events: Table | Interactions, catalog: Catalog | None, time_unit: TimeUnit | None = None
) -> Interactions:
    """Return a log, of which all items must be in the catalogue if there is one.

    Raises:
        ValueError: the events are malformed, their items unknown, or ``time_unit`` is given for a
            log that was read before.
    """
    if not isinstance(events, Interactions):
        return Interactions(events, catalog, time_unit=time_unit)
    if time_unit is not None:
        raise ValueError(
            f"time_unit is for tables; got time_unit={time_unit!r} and a log, whose times are in "
            f"seconds already"
        )
    return events if catalog is None else check_known(events, catalog)


def renamed(tables: Mapping[str, Any], columns: Mapping[str, str] | None) -> dict[str, Any]:
    """Return tables with columns renamed; what was read before stays as it is.

    Raises:
        ValueError: a table can't be read, has no column to be renamed, or has the new one already.
    """
    if not columns:
        return dict(tables)
    built = Interactions | Catalog
    frames = {
        name: read_table(table, name)
        for name, table in tables.items()
        if not isinstance(table, built)
    }
    return {**tables, **rename_columns(frames, columns)}
