"""What ``fit`` would read of the items: modalities, their columns, and how many items have them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmrec.data import Catalog, TextTemplate
from mmrec.recommender.check.finding import Finding, error
from mmrec.recommender.content import (
    CategoryModality,
    Context,
    IdModality,
    ImageModality,
    Modality,
    TextModality,
)

_DIM = 2  # nothing is encoded


@dataclass(frozen=True)
class ModalityUse:
    """What a modality reads.

    Attributes:
        columns: the columns of the items that it reads.
        present: which items have it, ``(V,)``.
        cut: number of values that are cut because they are too long.
    """

    columns: tuple[str, ...]
    present: np.ndarray
    cut: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"items": int(self.present.sum()), "columns": list(self.columns), "cut": self.cut}


def uses_of(
    catalog: Catalog, modalities: Mapping[str, Modality], trained: np.ndarray, opened: np.ndarray
) -> tuple[dict[str, ModalityUse], list[Finding]]:
    """Return what each modality reads, and why ``fit`` would refuse one. Nothing is encoded.

    Args:
        catalog: the items.
        modalities: the modalities, by name.
        trained: catalogue indices of the items with training events.
        opened: which items have a picture that could be opened, or was not tried, ``(V,)``.
    """
    uses: dict[str, ModalityUse] = {}
    findings: list[Finding] = []
    for name, modality in modalities.items():
        try:
            uses[name] = use = _use_of(catalog, modality, trained, opened)
        except ValueError as problem:
            findings.append(_refused(name, str(problem)))
            continue
        if not use.present.any():
            why = modality.why_nobody(catalog) if isinstance(modality, ImageModality) else ""
            said = f"modality {name!r}: none of the {len(catalog)} items has it{why}"
            findings.append(_refused(name, said))
    return uses, findings


def texts_of(catalog: Catalog, template: str | None) -> tuple[list[str], tuple[str, ...]]:
    """Return the text of each item, and the columns that it is made of.

    Raises:
        ValueError: no column looks like a text, or the template names one that doesn't exist.
    """
    modality = TextModality(template=template)
    facts = modality.extra_facts(catalog, None)
    return modality.values(catalog, facts), TextTemplate(facts["template"]).columns


def _use_of(
    catalog: Catalog, modality: Modality, trained: np.ndarray, opened: np.ndarray
) -> ModalityUse:
    """Return what a modality reads.

    Raises:
        ValueError: the catalogue lacks what the modality reads.
    """
    if isinstance(modality, IdModality):
        present = np.zeros(len(catalog), dtype=bool)
        present[trained - 1] = True
        return ModalityUse(("item_id",), present)
    if isinstance(modality, TextModality):
        texts, columns = texts_of(catalog, modality.template)
        cut = TextTemplate("".join(f"{{{name}}}" for name in columns)).count_cut(catalog.frame)
        return ModalityUse(columns, np.array([bool(text) for text in texts]), cut)
    if isinstance(modality, ImageModality):
        return ModalityUse(("image",), opened)
    prepared = modality.prepare(catalog, Context(_DIM, trained))
    columns = (prepared.facts["column"],) if isinstance(modality, CategoryModality) else ()
    return ModalityUse(columns, prepared.source.present[1:], prepared.cut)


def _refused(name: str, said: str) -> Finding:
    return error(
        f"modality_{name}",
        None,
        said,
        f"Leave {name} out of --modalities, or add what it reads to the items.",
    )
