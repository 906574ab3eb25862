"""The content of a catalogue: from the names of modalities to sources and encoders."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from inspect import signature
from typing import Any, cast

from mmrec.data import Catalog, Source
from mmrec.encoders import Encoder
from mmrec.recommender.content.modality import Context, Facts, Modality
from mmrec.recommender.content.pretrained import PretrainedModality
from mmrec.recommender.options import ContentOptions
from mmrec.recommender.parts.spec import PartSpec, call_factory

log = logging.getLogger(__name__)


@dataclass
class Content:
    """The modalities of a catalogue, ready to be wired into a model.

    Attributes:
        sources: the inputs of the encoders, by modality.
        train_sources: the inputs for training; images for a trained encoder are augmented.
        encoders: the encoders, by modality.
        facts: what a RUN keeps of each modality.
        problems: why images can't be read, by item id.
        cut_texts: number of items whose text is cut because it is too long.
    """

    sources: dict[str, Source] = field(default_factory=dict)
    train_sources: dict[str, Source] = field(default_factory=dict)
    encoders: dict[str, Encoder] = field(default_factory=dict)
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    cut_texts: int = 0


def modalities_of(
    options: ContentOptions, encoders: Mapping[str, Any] | None = None
) -> dict[str, Modality]:
    """Return the modalities that ``options`` name.

    Args:
        options: the names, and how texts and images are encoded.
        encoders: what was given for some modalities: a :class:`Modality`, or for text and image
            the name of a pretrained model or a built encoder.

    Raises:
        ValueError: a modality is unknown.
    """
    given = dict(encoders or {})
    unused = sorted(set(given) - set(options.modalities))
    if unused:
        raise ValueError(
            f"encoders must be of modalities in use, {list(options.modalities)}; got {unused}"
        )
    return {name: _modality(name, options, given.get(name)) for name in options.modalities}


def _modality(name: str, options: ContentOptions, given: Any) -> Modality:
    """Return a modality, made by the rule of factories where it is not given built."""
    if isinstance(given, Modality):
        return given
    known = {
        "template": options.text_template,
        "pooling": options.pooling,
        "tuning": options.tuning,
    }
    kinds = modality_kinds()
    if isinstance(given, Mapping):
        factory: Any = PartSpec.from_dict(given).factory()
    elif isinstance(given, type | partial):
        factory = given
    elif name in kinds and (given is None or "encoder" in signature(kinds[name]).parameters):
        factory = kinds[name]
        known |= {} if given is None else {"encoder": given}
    else:
        raise ValueError(
            f"modality {name!r} must be one of {sorted(kinds)}, or have a Modality in encoders; "
            f"got {given!r}"
        )
    return cast(Modality, call_factory(f"{name} modality", factory, known)[0])


def trains_encoders(modalities: Mapping[str, Modality]) -> bool:
    """Return whether a pretrained encoder is trained."""
    pretrained = [m for m in modalities.values() if isinstance(m, PretrainedModality)]
    return any(modality.tuning != "frozen" for modality in pretrained)


def modality_kinds() -> dict[str, type]:
    """Return the modalities that this package exports, by name: ``TextModality`` is ``text``."""
    package = import_module("mmrec.recommender.content")
    classes = [name for name in package.__all__ if name.endswith("Modality")]
    named = {name.removesuffix("Modality").lower(): getattr(package, name) for name in classes}
    return {name: kind for name, kind in named.items() if name not in ("", "fitted", "given")}


def read_content(
    modalities: Mapping[str, Modality],
    catalog: Catalog,
    context: Context,
    before: Mapping[str, Facts] | None = None,
) -> Content:
    """Encode, or prepare to encode, the modalities of a catalogue.

    Args:
        modalities: the modalities, by name.
        catalog: the items.
        context: settings for :meth:`Modality.prepare`.
        before: the facts of the recommender that is updated, by modality.

    Raises:
        ValueError: a modality is missing in all items.
    """
    content = Content()
    for name, modality in modalities.items():
        made = modality.prepare(catalog, replace(context, before=(before or {}).get(name)))
        content.sources[name] = made.source
        content.train_sources[name] = made.train_source or made.source
        content.encoders[name], content.facts[name] = made.encoder, made.facts
        content.problems |= warn_of_problems(catalog, made.problems)
        content.cut_texts += made.cut
    return content


def warn_of_problems(catalog: Catalog, problems: Mapping[int, str]) -> dict[str, str]:
    """Warn in one line of the values that are left out; return the reasons by item id."""
    items = catalog.ids_of([row + 1 for row in problems])
    reasons = dict(zip(map(str, items), problems.values(), strict=True))
    if reasons:
        item, reason = next(iter(reasons.items()))
        log.warning("%d images are left out; the first, of item %s: %s", len(reasons), item, reason)
    return reasons
