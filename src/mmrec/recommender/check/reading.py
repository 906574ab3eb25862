"""Reads the tables of a folder as ``fit`` does, and goes on with the rows that can be read."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import polars as pl

from mmrec.data import Catalog, Interactions, TimeUnit
from mmrec.data.file_lines import files_noted
from mmrec.data.ids import find_ids, read_ids
from mmrec.data.odd_values import warn_of_odd_values
from mmrec.data.problems import Problems
from mmrec.data.tables import IDS, find_optional, find_table, read_table, rename_columns
from mmrec.data.times import read_times
from mmrec.data.usable import tried, usable_catalog
from mmrec.data.users import match_users, read_users

NAMES = ("interactions", "items", "users")


@dataclass(frozen=True)
class Material:
    """What could be read of a data set folder.

    Attributes:
        folder: the data set folder.
        tables: the tables by name, with columns renamed; those that can't be read are missing.
        log: the events that can be used; None if there are none.
        catalog: the items that can be used; None if there are none.
        unknown: number of events on items that are not in the catalogue.
        problems: why ``fit`` would refuse the tables.
    """

    folder: Path
    tables: Mapping[str, pl.DataFrame]
    log: Interactions | None = None
    catalog: Catalog | None = None
    unknown: int = 0
    problems: tuple[str, ...] = ()


@files_noted()
def read_material(
    folder: Path, columns: Mapping[str, str] | None, time_unit: TimeUnit | None
) -> Material:
    """Return what can be read of a folder.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: ``time_unit`` is unknown.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"no data set folder at {folder}")
    if time_unit is not None and time_unit not in get_args(TimeUnit):
        raise ValueError(f"time_unit must be one of {list(get_args(TimeUnit))}; got {time_unit!r}")
    problems = Problems()
    tables = _read_tables(folder, problems)
    # A column may be one of a table that can't be read.
    given = columns or {} if not problems.found else _known_columns(tables, columns or {})
    tables = _rename(tables, given, problems)
    for name, frame in tables.items():
        warn_of_odd_values(frame, name)
    material = Material(folder, tables)
    material = replace(material, catalog=_catalog(material, problems))
    material = _with_log(material, time_unit, problems)
    _check_users(material, problems)
    return replace(material, problems=tuple(problems.found))


def _read_tables(folder: Path, problems: Problems) -> dict[str, pl.DataFrame]:
    tables: dict[str, pl.DataFrame] = {}
    for name in NAMES:
        try:
            file = find_optional(folder, name) if name == "users" else find_table(folder, name)
        except FileNotFoundError as error:
            problems.found.append(str(error))
            continue
        if file is not None:
            with problems:
                tables[name] = read_table(file, name)
    return tables


def _rename(
    tables: dict[str, pl.DataFrame], columns: Mapping[str, str], problems: Problems
) -> dict[str, pl.DataFrame]:
    """Return tables with columns renamed, as far as that is possible."""
    with problems:
        return rename_columns(tables, columns)
    given, made = _known_columns(tables, columns), {}
    for name, frame in tables.items():
        made[name] = frame
        with Problems():  # it was said above
            here = {old: new for old, new in given.items() if old in frame.columns}
            made |= rename_columns({name: frame}, here)
    return made


def _known_columns(
    tables: Mapping[str, pl.DataFrame], columns: Mapping[str, str]
) -> dict[str, str]:
    """Return those of the new names of columns whose present name is that of a column."""
    known = {old for frame in tables.values() for old in frame.columns}
    return {old: new for old, new in columns.items() if old in known}


def _catalog(material: Material, problems: Problems) -> Catalog | None:
    """Return the items; only the usable ones if some are refused."""
    frame, images = material.tables.get("items"), material.folder / "images"
    if frame is None:
        return None
    with problems:
        return Catalog(frame, images)
    return usable_catalog(frame, images)


def _with_log(material: Material, time_unit: TimeUnit | None, problems: Problems) -> Material:
    """Add the events; only the usable ones if some are refused."""
    frame, catalog = material.tables.get("interactions"), material.catalog
    if frame is None:
        return material
    with problems:
        return replace(material, log=Interactions(frame, catalog, time_unit=time_unit))
    usable = tried(lambda: _usable_events(frame, time_unit))
    if usable is None:
        return material
    unknown = 0
    if catalog is not None:
        there = find_ids(usable["item_id"], catalog.frame["item_id"], catalog.find).is_not_null()
        usable, unknown = usable.filter(there), int((~there).sum())
    return replace(material, log=tried(lambda: Interactions(usable, catalog)), unknown=unknown)


def _usable_events(frame: pl.DataFrame, unit: TimeUnit | None) -> pl.DataFrame:
    """Return the events whose ids and times can be read, with times in seconds.

    Raises:
        ValueError: no id, or no time, can be read.
    """
    columns = [read_ids(frame[name], "interactions")[0] for name in IDS]
    order = next((name for name in ("timestamp", "position") if name in frame.columns), None)
    if order is not None:
        columns.append(read_times(frame[order], "interactions", unit)[0])
    names = [column.name for column in columns]
    return frame.with_columns(columns).drop_nulls(names)


def _check_users(material: Material, problems: Problems) -> None:
    if (frame := material.tables.get("users")) is not None:
        with problems:
            users = read_users(frame)
            if material.log is not None:
                match_users(users, material.log)
