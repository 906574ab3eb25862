"""What ``fit`` would read of the items: modalities, their columns, and how many items have them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mmrec.data import Catalog
from mmrec.data.wording import counted
from mmrec.recommender.check.finding import FEW, Finding, error, note, warning
from mmrec.recommender.content import (
    Context,
    GraphModality,
    ImageModality,
    Modality,
    SemanticModality,
    TextModality,
)
from mmrec.recommender.content.pretrained import PretrainedModality
from mmrec.recommender.content.semantic import check_frozen

_DIM = 2  # nothing is trained
_READERS = (GraphModality, SemanticModality)  # of the vectors of another modality


@dataclass(frozen=True)
class ModalityUse:
    """What a modality reads.

    Attributes:
        columns: the columns of the items that it reads.
        present: which items have it, ``(V,)``.
        cut: number of values that are cut because they are too long.
        problems: why values are left out, by row.
        separators: what separates the values of a text, as far as it was guessed, by column.
    """

    columns: tuple[str, ...]
    present: np.ndarray
    cut: int = 0
    problems: dict[int, str] = field(default_factory=dict)
    separators: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"items": int(self.present.sum()), "columns": list(self.columns), "cut": self.cut}


def uses_of(
    catalog: Catalog,
    modalities: Mapping[str, Modality],
    trained: np.ndarray,
    pictured: Mapping[str, np.ndarray],
) -> tuple[dict[str, ModalityUse], list[Finding]]:
    """Return what each modality reads, and why ``fit`` would refuse one. Nothing is encoded.

    Args:
        catalog: the items.
        modalities: the modalities, by name.
        trained: catalogue indices of the items with training events.
        pictured: which items have a picture that isn't known to be unreadable, ``(V,)``, by the
            name of the modality.
    """
    uses: dict[str, ModalityUse] = {}
    findings: list[Finding] = []
    for name, modality in modalities.items():
        try:
            uses[name] = use = _use_of(catalog, modality, trained, pictured.get(name))
        except ValueError as problem:
            findings.append(_refused(name, str(problem)))
            continue
        if not use.present.any():
            why = getattr(modality, "why_nobody", lambda _: None)(catalog)
            said = f"modality {name!r}: none of the {len(catalog)} items has it"
            findings.append(_refused(name, said if why is None else f"{said}: {why}"))
        findings += _left_out(name, catalog, use)
    return uses, findings + _separated(uses)


def texts_of(
    catalog: Catalog, modalities: Mapping[str, Modality], template: str | None
) -> tuple[list[str], tuple[str, ...]]:
    """Return the text of each item, and the columns that it is made of.

    Args:
        catalog: the items.
        modalities: the modalities; the texts of several are joined.
        template: the template if none of them is a text; None for the usual columns.

    Raises:
        ValueError: no column has the usual name of a text, or one that is named doesn't exist.
    """
    read = [one.base if isinstance(one, _READERS) else one for one in modalities.values()]
    given = dict.fromkeys(one for one in read if isinstance(one, TextModality))
    texts, columns = [""] * len(catalog), dict[str, None]()
    for modality in given or [TextModality(template=template)]:
        facts = modality.extra_facts(catalog, None)
        values = modality.values(catalog, facts)
        texts = [" ".join(filter(None, pair)) for pair in zip(texts, values, strict=True)]
        columns |= dict.fromkeys(modality.columns_read(facts))
    return texts, tuple(columns)


def _use_of(
    catalog: Catalog, modality: Modality, trained: np.ndarray, pictured: np.ndarray | None
) -> ModalityUse:
    """Return what a modality reads.

    Raises:
        ValueError: the catalogue lacks what the modality reads.
    """
    if isinstance(modality, GraphModality):
        known = np.isin(np.arange(1, len(catalog) + 1), trained)
        if modality.base is None:
            return ModalityUse((), known)
        use = _read_by("graph", catalog, modality.base, trained, pictured)
        return replace(use, present=use.present | known)
    if isinstance(modality, SemanticModality):
        return _read_by("semantic", catalog, modality.base, trained, pictured)
    return _read_by(None, catalog, modality, trained, pictured)


def _read_by(
    kind: str | None,
    catalog: Catalog,
    modality: Modality,
    trained: np.ndarray,
    pictured: np.ndarray | None,
) -> ModalityUse:
    """Return what a modality reads, for itself or for one of a kind that reads its vectors."""
    if not isinstance(modality, PretrainedModality):
        made = modality.prepare(catalog, Context(_DIM, trained))
        if kind is not None:
            check_frozen(kind, modality, made.encoder)
        columns = modality.columns_read(made.facts)
        signs = made.facts.get("separators", {})
        return ModalityUse(columns, made.source.present[1:], made.cut, made.problems, signs)
    facts = modality.extra_facts(catalog, None)
    columns = tuple(c for c in modality.columns_read(facts) if c in catalog.columns)
    if isinstance(modality, ImageModality) and pictured is not None:
        return ModalityUse(columns, pictured)
    values = modality.values(catalog, facts)
    present = np.array([value not in (None, "") for value in values], dtype=bool)
    return ModalityUse(columns, present, modality.count_cut(catalog, facts))


def _refused(name: str, said: str) -> Finding:
    advice = "Name other modalities in --modalities, or add what it reads to the items."
    return error("modality", None, said, advice)


def _separated(uses: Mapping[str, ModalityUse]) -> list[Finding]:
    """Say which columns are read as lists, and what separates their values."""
    signs = {column: found for use in uses.values() for column, found in use.separators.items()}
    return [
        note(
            "list_in_text",
            None,
            f"{column} is read as a list separated by {' and '.join(map(repr, found))}",
            "If that cuts values in two, write | between them, or give the column as lists.",
        )
        for column, found in signs.items()
        if found
    ]


def _left_out(name: str, catalog: Catalog, use: ModalityUse) -> list[Finding]:
    if not use.problems:
        return []
    items = catalog.ids_of([row + 1 for row in list(use.problems)[:FEW]])
    shown = [f"{item}: {use.problems[row]}" for item, row in zip(items, use.problems, strict=False)]
    return [
        warning(
            "values_left_out",
            len(use.problems),
            f"modality {name!r}: values of {counted(len(use.problems), 'item')} are left out",
            "Correct them, or leave them empty.",
            shown,
        )
    ]
