"""The pictures of a catalogue: named, there, readable, alike."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mmrec.data import Catalog, check_images
from mmrec.recommender.check.finding import FEW, Finding, counted, note, warning

SAMPLE = 1000
"""So many pictures are opened unless something else is said."""

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".gif")
"""Ends of the names of pictures."""


@dataclass(frozen=True)
class Pictures:
    """What is known of the pictures of a catalogue.

    Attributes:
        folder: whether there is a folder of images.
        named: number of items that name a picture.
        there: which items have a picture with a file that isn't known to be unreadable, ``(V,)``.
        missing: rows of items whose picture has no file.
        opened: number of pictures that were opened.
        unreadable: why pictures can't be read, by row.
        alike: rows of opened pictures with the bytes of another one.
        unnamed: number of files in the folder that no item names.
    """

    folder: bool
    named: int
    there: np.ndarray
    missing: tuple[int, ...] = ()
    opened: int = 0
    unreadable: dict[int, str] = field(default_factory=dict)
    alike: tuple[int, ...] = ()
    unnamed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "folder": self.folder,
            "named": self.named,
            "missing": len(self.missing),
            "opened": self.opened,
            "unreadable": len(self.unreadable),
            "unnamed": self.unnamed,
        }


def look_at_pictures(catalog: Catalog, most: int | None) -> Pictures:
    """Look for the picture of each item, and open some.

    Args:
        catalog: the items.
        most: how many are opened, a fixed draw; None for all.
    """
    try:
        paths = catalog.image_paths()
    except ValueError:  # a problem of the table
        paths = [None] * len(catalog)
    rows = [row for row, path in enumerate(paths) if path is not None]
    exists = {row for row in rows if os.path.isfile(str(paths[row]))}  # noqa: PTH113  # a long name
    there = np.zeros(len(catalog), dtype=bool)
    there[list(exists)] = True
    drawn = sorted(exists)
    if most is not None and len(drawn) > most:
        rng = np.random.default_rng(0)
        drawn = sorted(rng.choice(drawn, most, replace=False).tolist())
    reasons = check_images([paths[row] for row in drawn])
    unreadable = {drawn[place]: reason for place, reason in reasons.items()}
    there[list(unreadable)] = False
    readable = {row: path for row in drawn if (path := paths[row]) and row not in unreadable}
    return Pictures(
        folder=catalog.images is not None and catalog.images.is_dir(),
        named=len(rows),
        there=there,
        missing=tuple(row for row in rows if row not in exists),
        opened=len(drawn),
        unreadable=unreadable,
        alike=tuple(_alike(readable)),
        unnamed=_unnamed(catalog.images, {str(path) for path in paths if path is not None}),
    )


def picture_findings(pictures: Pictures, catalog: Catalog) -> list[Finding]:
    """Return what is odd about pictures."""
    checks = (_missing, _unreadable, _same, _nameless)
    return [finding for check in checks for finding in check(pictures, catalog)]


def _missing(pictures: Pictures, catalog: Catalog) -> list[Finding]:
    rows = pictures.missing
    if not rows:
        return []
    where = "have no file" if pictures.folder else "have no file, since there is no folder images"
    return [
        warning(
            "missing_pictures",
            len(rows),
            f"the pictures of {counted(len(rows), 'item')} of the {pictures.named:,} that name one "
            f"{where}",
            "fit leaves them out. Add the files, or see mmrec fetch-images.",
            [f"{catalog.frame['image'][row]}" for row in rows[:FEW]],
        )
    ]


def _unreadable(pictures: Pictures, catalog: Catalog) -> list[Finding]:
    reasons = pictures.unreadable
    if not reasons:
        return []
    return [
        warning(
            "unreadable_pictures",
            len(reasons),
            f"{len(reasons):,} of the {counted(pictures.opened, 'picture')} that were opened can't "
            "be read",
            "fit leaves them out. Replace the files; --images all opens every picture.",
            [_reason(reason, catalog) for reason in list(reasons.values())[:FEW]],
        )
    ]


def _same(pictures: Pictures, catalog: Catalog) -> list[Finding]:
    rows = pictures.alike
    if not rows:
        return []
    return [
        warning(
            "pictures_alike",
            len(rows),
            f"{counted(len(rows), 'item')} have exactly the picture of another one, of "
            f"{pictures.opened:,} that were opened",
            "Is it a placeholder such as 'no picture'? Then leave the column image empty there.",
            catalog.ids_of([row + 1 for row in rows[:FEW]]),
        )
    ]


def _nameless(pictures: Pictures, catalog: Catalog) -> list[Finding]:
    if not pictures.unnamed:
        return []
    return [
        note(
            "unnamed_pictures",
            pictures.unnamed,
            f"{counted(pictures.unnamed, 'picture')} in the folder images belong to no item",
            "The column image of the items names the file of each picture.",
        )
    ]


def _reason(reason: str, catalog: Catalog) -> str:
    """Return why a picture can't be read, with its name inside the folder."""
    return reason.replace(f"{os.path.realpath(catalog.images or '')}{os.sep}", "")


def _alike(paths: Mapping[int, Path]) -> list[int]:
    """Return the rows of pictures with the bytes of another one."""
    rows: dict[bytes, list[int]] = {}
    for row, path in paths.items():
        rows.setdefault(hashlib.sha256(path.read_bytes()).digest(), []).append(row)
    return sorted(row for group in rows.values() if len(group) > 1 for row in group)


def _unnamed(folder: Path | None, named: set[str]) -> int:
    """Return how many pictures in a folder are not among the named ones."""
    if folder is None or not folder.is_dir():
        return 0
    return sum(
        name.lower().endswith(ENDINGS) and str(Path(root, name)) not in named
        for root, _, names in os.walk(os.path.realpath(folder))
        for name in names
    )
