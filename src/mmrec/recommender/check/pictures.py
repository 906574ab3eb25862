"""The pictures of a catalogue: there, readable, alike."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmrec.data import Catalog, check_images
from mmrec.data.given_columns import as_columns_option
from mmrec.data.images import Picture
from mmrec.data.pictures import SUFFIXES, first_name
from mmrec.data.wording import counted, verb
from mmrec.recommender.check.finding import FEW, Finding, note, warning
from mmrec.recommender.content import ImageModality, Modality
from mmrec.recommender.content.several import flatten

SAMPLE = 1000
"""So many pictures are opened unless something else is said."""


@dataclass(frozen=True)
class Pictures:
    """What is known of the pictures of a catalogue.

    Attributes:
        folder: whether there is a folder of images.
        items: number of items that have or name a picture.
        files: the pictures, each with the row of its item.
        missing: positions in ``files`` of those without a file.
        opened: number of pictures that were opened.
        unreadable: why pictures can't be read, by position in ``files``.
        alike: rows of the items that share a picture, byte for byte, for each such picture.
        unnamed: number of files in the folder that are read for no item.
        column: a column of another name that mostly names such files; None without one.
        present: which items have a picture that isn't known to be unreadable, ``(V,)``, by the name
            of the modality.
    """

    folder: bool
    items: int
    files: Sequence[tuple[Picture, int]]
    missing: Sequence[int]
    opened: int
    unreadable: Mapping[int, str]
    alike: Sequence[Sequence[int]]
    unnamed: int
    column: str | None
    present: Mapping[str, np.ndarray]

    @property
    def there(self) -> np.ndarray:
        """Which items have a picture for one of the modalities, ``(V,)``."""
        some: np.ndarray = np.any(list(self.present.values()), axis=0)
        return some

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "folder": self.folder,
            "items": self.items,
            "pictures": len(self.files),
            "missing": len(self.missing),
            "opened": self.opened,
            "unreadable": len(self.unreadable),
            "unnamed": self.unnamed,
        }


def look_at_pictures(
    catalog: Catalog, modalities: Mapping[str, Modality], most: int | None
) -> Pictures:
    """Look for the pictures of each item, and open some.

    Args:
        catalog: the items.
        modalities: those that ``fit`` would use; without one of images, it is as if there was one.
        most: how many pictures are opened, a fixed draw; None for all.
    """
    readers = {name: m for name, m in modalities.items() if isinstance(m, ImageModality)}
    places = {
        name: _places(catalog, reader)
        for name, reader in (readers or {"image": ImageModality()}).items()
    }
    # Two modalities may read one picture.
    files = list(dict.fromkeys(pair for pairs in places.values() for pair in pairs))
    missing = [
        place
        for place, (picture, _) in enumerate(files)
        if isinstance(picture, Path) and not os.path.isfile(picture)  # noqa: PTH113  # long names
    ]
    drawn = _drawn(sorted(set(range(len(files))) - set(missing)), most)
    reasons = check_images([files[place][0] for place in drawn])
    unreadable = {drawn[number]: reason for number, reason in reasons.items()}
    bad = {files[place] for place in (*missing, *unreadable)}
    present = {name: np.zeros(len(catalog), dtype=bool) for name in places}
    for name, pairs in places.items():
        present[name][[pair[1] for pair in pairs if pair not in bad]] = True
    unnamed = _unnamed(catalog.images, {str(picture) for picture, _ in files})
    return Pictures(
        folder=catalog.images is not None and catalog.images.is_dir(),
        items=len({row for _, row in files}),
        files=files,
        missing=missing,
        opened=len(drawn),
        unreadable=unreadable,
        alike=_alike([files[place] for place in drawn if place not in unreadable]),
        unnamed=len(unnamed),
        column=_naming(catalog, unnamed),
        present=present,
    )


def _places(catalog: Catalog, reader: ImageModality) -> list[tuple[Picture, int]]:
    """Return the pictures that a modality reads, each with its row."""
    try:
        values = reader.values(catalog, reader.extra_facts(catalog, None))
    except ValueError:  # a finding of its own, if it is a modality
        return []
    return [(file, row) for file, row in zip(*flatten(values), strict=True) if file is not None]


def _drawn(places: list[int], most: int | None) -> list[int]:
    if most is None or len(places) <= most:
        return places
    return sorted(np.random.default_rng(0).choice(places, most, replace=False).tolist())


def picture_findings(pictures: Pictures, catalog: Catalog) -> list[Finding]:
    """Return what is odd about pictures."""
    checks = (_missing, _unreadable, _same, _nameless)
    return [finding for check in checks for finding in check(pictures, catalog)]


def _missing(pictures: Pictures, catalog: Catalog) -> list[Finding]:
    names = [_name(pictures.files[place][0], catalog) for place in pictures.missing[:FEW]]
    if not names:
        return []
    why = "" if pictures.folder else ": there is no folder images"
    many = len(pictures.missing)
    return [
        warning(
            "missing_pictures",
            many,
            f"{counted(many, 'picture')} of {len(pictures.files):,} "
            f"{verb(many, 'has', 'have')} no file{why}",
            "fit leaves them out. Add the files, or see mmrec fetch-images.",
            names,
        )
    ]


def _unreadable(pictures: Pictures, catalog: Catalog) -> list[Finding]:
    reasons = list(pictures.unreadable.values())
    if not reasons:
        return []
    return [
        warning(
            "unreadable_pictures",
            len(reasons),
            f"{len(reasons):,} of the {counted(pictures.opened, 'picture')} that were opened can't "
            "be read",
            "fit leaves them out. Replace the files; --images all opens every picture.",
            [reason.replace(_folder(catalog), "") for reason in reasons[:FEW]],
        )
    ]


def _same(pictures: Pictures, catalog: Catalog) -> list[Finding]:
    groups = pictures.alike
    if not groups:
        return []
    rows = sorted({row for group in groups for row in group})
    most = max(map(len, groups))
    up_to = "2 items" if most == 2 else f"2 to {most:,} items"
    several = f"{len(groups):,} are each shared by {up_to}"
    shared = f"one is shared by {most:,} items" if len(groups) == 1 else several
    return [
        warning(
            "pictures_alike",
            len(rows),
            f"{counted(len(rows), 'item')} have exactly the picture of another one: of "
            f"{counted(pictures.opened, 'picture')} that were opened and compared, {shared}",
            "Variants of a product may share one. If it may be a placeholder such as 'no picture', "
            "leave these items without a picture.",
            catalog.ids_of([row + 1 for row in rows[:FEW]]),
        )
    ]


def _nameless(pictures: Pictures, catalog: Catalog) -> list[Finding]:
    many = pictures.unnamed
    if not many:
        return []
    said = f"{counted(many, 'picture')} in the folder images {verb(many, 'is', 'are')} read for no"
    if (column := pictures.column) is not None:
        return [
            (note if pictures.files else warning)(
                "likely_pictures",
                many,
                f"{said} item, and {column} names files there",
                f"If they are the pictures of items: {as_columns_option({column: 'image'})}",
            )
        ]
    return [
        note(
            "unnamed_pictures",
            many,
            f"{said} item",
            "The column image of the items names the file of each picture.",
        )
    ]


def _name(picture: Picture, catalog: Catalog) -> str:
    return str(picture).removeprefix(_folder(catalog))


def _folder(catalog: Catalog) -> str:
    return os.path.join(os.path.realpath(catalog.images or ""), "")  # noqa: PTH118


def _alike(files: Sequence[tuple[Picture, int]]) -> list[list[int]]:
    """Return the rows of the items that share a picture, for each picture of several items."""
    rows: dict[bytes, set[int]] = {}
    for picture, row in files:
        content = picture if isinstance(picture, bytes) else picture.read_bytes()
        rows.setdefault(hashlib.sha256(content).digest(), set()).add(row)
    return [sorted(group) for group in rows.values() if len(group) > 1]


def _unnamed(folder: Path | None, named: set[str]) -> set[str]:
    """Return the pictures in a folder that are not among the named ones, as a table names them."""
    if folder is None or not folder.is_dir():
        return set()
    top = os.path.realpath(folder)
    return {
        os.path.relpath(os.path.join(root, name), top)  # noqa: PTH118
        for root, _, names in os.walk(top)
        for name in names
        if name.lower().endswith(SUFFIXES) and str(Path(root, name)) not in named
    }


def _naming(catalog: Catalog, files: set[str]) -> str | None:
    """Return the first column of which half or more of the values name such files."""
    if not files or "image" in catalog.columns:
        return None
    for name in catalog.columns:
        if name != "item_id":
            rows = catalog.frame[name].head(SAMPLE).to_list()
            values = [value for row in rows if (value := first_name(row, catalog.images))]
            if values and 2 * sum(value in files for value in values) >= len(values):
                return name
    return None
