"""Checks a data set folder before it is trained on."""

import logging
import time
from collections.abc import Mapping
from pathlib import Path

from mmrec.data import TimeUnit
from mmrec.data.given_columns import columns_given
from mmrec.data.said import Said, collected
from mmrec.recommender.check.events import before_created, event_findings, unusable_events
from mmrec.recommender.check.finding import ORDER, Finding, error, note, warning
from mmrec.recommender.check.ids import alike_ids
from mmrec.recommender.check.items import item_findings, number_findings
from mmrec.recommender.check.leaks import leak_findings
from mmrec.recommender.check.parts import part_findings
from mmrec.recommender.check.pictures import (
    SAMPLE,
    Pictures,
    look_at_pictures,
    picture_findings,
)
from mmrec.recommender.check.reading import Material, read_material
from mmrec.recommender.check.report import CheckReport
from mmrec.recommender.check.roles import role_findings
from mmrec.recommender.check.texts import text_findings
from mmrec.recommender.check.there import describe_data
from mmrec.recommender.check.unused import find_unused, unused_findings
from mmrec.recommender.check.used import Use, find_use
from mmrec.recommender.check.watching import watching_findings
from mmrec.recommender.content import Modality, modalities_of, those_of
from mmrec.recommender.options import Options


def check_folder(
    folder: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    time_unit: TimeUnit | None = None,
    options: Options | None = None,
    images: int | None = SAMPLE,
    now: float | None = None,
) -> CheckReport:
    """Return what is in a data set folder, what ``fit`` would use, and what is odd.

    The tables are read as ``fit`` reads them. Rows that it would refuse are left out, so that the
    rest is checked too. Nothing is encoded or trained, and nothing is written.

    Args:
        folder: the data set folder, see :func:`mmrec.data.read_folder`.
        columns: our names of columns by theirs.
        time_unit: unit of timestamps that are numbers.
        options: the options of ``fit``; those of events, split, modalities and texts matter.
        images: how many pictures are opened, a fixed draw; None for all.
        now: the present time in unix seconds; later events are in the future.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: ``time_unit``, a modality or ``images`` is wrong.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from mmrec.demo import make_shop
        >>> with TemporaryDirectory() as directory:
        ...     report = check_folder(make_shop(directory, users=20, items=30))
        >>> report.fits, report.there["items"]["rows"]
        (True, 30)
    """
    if images is not None and images < 0:
        raise ValueError(f"images must be 0 or more, or None for all; got {images}")
    options = options or Options()
    now = time.time() if now is None else now
    with columns_given(columns):
        return _checked(Path(folder), columns, time_unit, options, images, now)


def _checked(
    folder: Path,
    columns: Mapping[str, str] | None,
    time_unit: TimeUnit | None,
    options: Options,
    images: int | None,
    now: float,
) -> CheckReport:
    modalities = modalities_of(options)
    with collected() as said:
        material = read_material(folder, columns, time_unit)
        pictures = use = used = None
        if (catalog := material.catalog) is not None:
            if options.modalities is None:
                modalities = those_of(catalog, modalities, options=options)
            pictures = look_at_pictures(catalog, modalities, images)
            if material.log is not None:
                rows = material.tables["interactions"]
                use = find_use(material.log, catalog, modalities, options, pictures.present, rows)
    found = _tables(material, said) + role_findings(material, options)
    found += _events(material, use, options, now) + _items(
        material, modalities, options, pictures, use
    )
    if use is not None:
        named = None if pictures is None else pictures.column
        unused = find_unused(material, use, options, columns, named)
        found += [*use.findings, *unused_findings(unused)]
        if material.catalog is not None:
            found += text_findings(material.catalog, use, options)
        found += part_findings(use.split) if use.split is not None else []
        used = use.to_dict() | {"unused": unused}
    there = describe_data(material)
    there["images"] = None if pictures is None else pictures.to_dict()
    return CheckReport(str(folder), there, used, tuple(_by_severity(found)))


def _by_severity(found: list[Finding]) -> list[Finding]:
    return sorted(found, key=lambda finding: ORDER.index(finding.severity))


def _tables(material: Material, said: Said) -> list[Finding]:
    """Return why the tables would be refused, and what was guessed when they were read."""
    refused = [
        error("table", None, text, "Correct the table; see the page Data of the documentation.")
        for text in material.problems
    ]
    guessed = [
        (warning if level >= logging.WARNING else note)(
            "said", None, text, "mmrec fit says so, too. Check that it is what you mean."
        )
        for level, text in said
    ]
    return refused + guessed


def _events(material: Material, use: Use | None, options: Options, now: float) -> list[Finding]:
    found = []
    if (raw := material.tables.get("interactions")) is not None:
        usable = 0 if material.log is None else len(material.log)
        found += unusable_events(len(raw), usable, material.unknown)
        if "user_id" in raw.columns:
            found += alike_ids(raw["user_id"], "user", shown=False)
    if material.log is not None:
        found += event_findings(material.log, now)
        found += watching_findings(material.log, material.catalog, options.event_rules.rules)
        if use is not None and material.catalog is not None:
            found += before_created(material.log, material.catalog, use.created)
            used = [column for modality in use.content.values() for column in modality.columns]
            found += leak_findings(material.catalog, material.log, used)
    return found


def _items(
    material: Material,
    modalities: Mapping[str, Modality],
    options: Options,
    pictures: Pictures | None,
    use: Use | None,
) -> list[Finding]:
    raw, catalog = material.tables.get("items"), material.catalog
    found = []
    if raw is not None and "item_id" in raw.columns:
        found += alike_ids(raw["item_id"], "item", shown=True)
    if catalog is None or pictures is None:
        return found
    met = None if material.log is None else material.log.frame["item_id"]
    read = {} if use is None else {name: one.present for name, one in use.content.items()}
    found += item_findings(catalog, modalities, options.text_template, pictures.there, met, read)
    found += number_findings(catalog) if options.modalities is None else []
    return found + picture_findings(pictures, catalog)
