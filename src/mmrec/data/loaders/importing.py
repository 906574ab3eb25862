"""From the files of a published data set to a data set folder of mmrec."""

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl

from mmrec.data.durable import atomic_folder
from mmrec.data.loaders.amazon_2023 import read_amazon_2023
from mmrec.data.loaders.checking import drop_unusable
from mmrec.data.loaders.hm import read_hm
from mmrec.data.loaders.lines import FILE, LINE
from mmrec.data.loaders.microlens import read_microlens
from mmrec.data.loaders.mind import read_mind
from mmrec.data.loaders.movielens import read_ml_1m, read_ml_32m
from mmrec.data.loaders.named_jsonl import read_jsonl
from mmrec.data.loaders.report import ImportReport
from mmrec.data.loaders.source import Source, Tables
from mmrec.data.loaders.table_writer import TableWriter
from mmrec.data.loaders.yelp import read_yelp

LAYOUTS: Mapping[str, Callable[[Source], Tables]] = {
    "ml-1m": read_ml_1m,
    "ml-32m": read_ml_32m,
    "amazon-2023": read_amazon_2023,
    "mind": read_mind,
    "microlens": read_microlens,
    "hm": read_hm,
    "yelp": read_yelp,
    "jsonl": read_jsonl,
}
"""What can be imported, by name."""

MARK = "import.json"
"""File of an import's report, by which its result is known."""

IMAGES = "images"
_EVENTS, _ITEMS, _USERS = "interactions.parquet", "items.parquet", "users.parquet"
_RESULT = {_EVENTS, _ITEMS, _USERS, MARK, IMAGES}


def import_folder(
    layout: str,
    source: str | Path,
    target: str | Path,
    *,
    strict: bool = False,
    copy_images: bool = False,
) -> ImportReport:
    r"""Read the files of a published data set and write a folder that ``read_folder`` reads.

    Files are read in pieces, so memory does not grow with the number of events. Lines that can't be
    read and repeated rows are left out and counted. An event whose item has no row among the items
    is kept; the item gets a row with its id alone. The folder appears whole or not at all.

    Args:
        layout: one of :data:`LAYOUTS`.
        source: the folder of the published files.
        target: the folder to write; the result of an earlier import is replaced, and images that
            were fetched into it are kept.
        strict: refuse a line that can't be read.
        copy_images: copy the images of the source instead of linking to their folder.

    Returns:
        The counts of what was read, kept and dropped. They are also in ``import.json``.

    Raises:
        FileNotFoundError: files of the layout are missing.
        FileExistsError: ``target`` holds something other than the result of an import.
        ValueError: the layout is unknown, a file lacks columns, no event can be read, or a line
            can't be read and ``strict`` is set.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     for name, rows in {"events": ['{"user_id": 1, "item_id": 7, "timestamp": 5}', "{"],
        ...                        "items": ['{"item_id": 7, "title": "A lamp"}']}.items():
        ...         _ = Path(folder, f"{name}.jsonl").write_text("\n".join(rows))
        ...     report = import_folder("jsonl", folder, Path(folder, "data"))
        >>> print(report.table())
        file                  lines          kept     dropped
        events.jsonl              2             1           1
          1 line: expected a JSON object (line 2)
        items.jsonl               1             1           0
        1 events
        1 items
    """
    if layout not in LAYOUTS:
        raise ValueError(f"layout must be one of {', '.join(LAYOUTS)}; got {layout!r}")
    source, target = Path(source), Path(target)
    report = ImportReport(layout, source, strict)
    _check_places(source, target)
    opened = Source(source, report)
    tables = LAYOUTS[layout](opened)
    with atomic_folder(target, replace=True, what="the data set") as fresh:
        _write_tables(tables, fresh, report)
        _place_images(tables.images, target, fresh, copy=copy_images)
        report.unread = _unread(source, target, tables.images, report)
        (fresh / MARK).write_text(json.dumps(report.to_dict(), indent=1), encoding="utf-8")
    return report


def _check_places(source: Path, target: Path) -> None:
    if target.exists() and not target.is_dir():
        raise FileExistsError(f"{target} is a file; choose a folder for the data set")
    held = {path.name for path in target.iterdir()} if target.is_dir() else set()
    if held and (MARK not in held or held - _RESULT):
        raise FileExistsError(
            f"{target} holds something other than the result of an import, which would be lost; "
            f"choose another folder"
        )
    if held and source.resolve().is_relative_to(target.resolve()):
        raise FileExistsError(f"{source} lies in {target}, which would be replaced")


def _write_tables(tables: Tables, folder: Path, report: ImportReport) -> None:
    work = folder / ".work"
    events = TableWriter(folder / _EVENTS, work / "events", keep_repeats=tables.keep_repeats)
    items = TableWriter(folder / _ITEMS, work / "items", key=["item_id"])
    users = TableWriter(folder / _USERS, work / "users", key=["user_id"])
    try:
        for frame in tables.events:
            events.write(drop_unusable(frame, report, event=True))
        repeated = events.close(report.files)
        if not events.rows:
            raise ValueError(f"{report.source} has no event that can be read{report.reasons()}")
        if tables.keep_repeats:
            report.note("events equal to another, kept", repeated)
        _write_items(tables, items, folder / _EVENTS, report)
        for frame in tables.users or ():
            users.write(drop_unusable(frame, report, ids=("user_id",)))
        users.close(report.files)
    finally:
        for writer in (events, items, users):
            writer.abort()
    shutil.rmtree(work)
    for path in (folder / _EVENTS, folder / _USERS):
        if path.exists():
            path.chmod(0o600)  # what users did
    report.totals |= {"events": events.rows, "items": items.rows}
    if tables.users is not None:
        report.totals["users"] = users.rows


def _write_items(tables: Tables, items: TableWriter, events: Path, report: ImportReport) -> None:
    ids: list[pl.Series] = []
    for frame in tables.items:
        frame = drop_unusable(frame, report, ids=("item_id",))
        ids.append(frame["item_id"])
        items.write(frame)
    if items.schema is None:
        raise ValueError(f"{report.source} has no item that can be read{report.reasons()}")
    used = (
        pl.scan_parquet(events, glob=False).select("item_id").unique().collect(engine="streaming")
    )
    known = pl.concat(ids).unique()
    if used["item_id"].dtype != known.dtype:
        raise ValueError(
            f"item_id must have the same type in events and items; got {used['item_id'].dtype} "
            f"and {known.dtype}"
        )
    unknown = used.filter(~pl.col("item_id").is_in(known.implode())).sort("item_id")
    places = {FILE: pl.lit(-1, pl.Int32), LINE: pl.lit(0, pl.Int64)}
    if len(unknown):
        items.write(unknown.with_columns(**places))
    items.close(report.files)
    report.note("items without a row of their own, added with their id alone", len(unknown))
    report.note("items without events", items.rows - len(used))


def _place_images(images: Path | None, target: Path, fresh: Path, *, copy: bool) -> None:
    """Link to the images of the source or copy them, or keep those that were fetched earlier."""
    fetched = target / IMAGES
    if images is not None and copy:
        shutil.copytree(images, fresh / IMAGES, symlinks=False)
    elif images is not None:
        (fresh / IMAGES).symlink_to(images.resolve(), target_is_directory=True)
    elif fetched.is_dir() and not fetched.is_symlink():
        shutil.copytree(fetched, fresh / IMAGES, copy_function=_link)


def _link(old: str, new: str) -> None:
    try:
        os.link(old, new)
    except OSError:  # not every file system has links
        shutil.copy2(old, new)


def _unread(source: Path, target: Path, images: Path | None, report: ImportReport) -> list[str]:
    """Return the files and folders of the source that nothing was read from."""
    read = {file.path.resolve() for file in report.files}
    used = {path.parent for path in read} | {source.resolve()}
    ignored = read | used | {target.resolve()} | ({images.resolve()} if images else set())
    return sorted(
        path.relative_to(source.resolve()).as_posix() + ("/" if path.is_dir() else "")
        for folder in used
        for path in folder.iterdir()
        if path.resolve() not in ignored and not path.name.startswith(".")
    )
