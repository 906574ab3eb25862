"""The content of a catalogue: from the names of modalities to sources and encoders."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from mmrec.data import Catalog, Source
from mmrec.encoders import Encoder
from mmrec.recommender.content.category import CategoryModality
from mmrec.recommender.content.identity import IdModality
from mmrec.recommender.content.image import DEFAULT_IMAGE_ENCODER, ImageModality
from mmrec.recommender.content.modality import Context, Facts, Modality
from mmrec.recommender.content.text import DEFAULT_TEXT_ENCODER, TextModality
from mmrec.recommender.options import ContentOptions
from mmrec.recommender.parts.spec import PartSpec, call_factory

log = logging.getLogger(__name__)

KINDS: Mapping[str, Callable[[], Modality]] = {"id": IdModality, "category": CategoryModality}
"""Modalities that are made without options, by name."""


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
    if isinstance(given, Mapping):
        given = PartSpec.from_dict(given).factory()
    if isinstance(given, type | partial):
        given = call_factory(name, given, {})[0]
    if isinstance(given, Modality):
        return given
    if name == "text":
        return TextModality(
            DEFAULT_TEXT_ENCODER if given is None else given,
            template=options.text_template,
            pooling=options.pooling,
            tuning=options.tuning,
        )
    if name == "image":
        encoder = DEFAULT_IMAGE_ENCODER if given is None else given
        return ImageModality(encoder, tuning=options.tuning)
    if given is None and name in KINDS:
        return KINDS[name]()
    raise ValueError(
        f"modality {name!r} must be one of {['text', 'image', *KINDS]}, or have a Modality in "
        f"encoders; got {given!r}"
    )


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
    """Warn of the values that are left out; return the reasons by item id."""
    items = catalog.ids_of([row + 1 for row in problems])
    for item, reason in zip(items, problems.values(), strict=True):
        log.warning("item %s: image left out, %s", item, reason)
    return dict(zip(map(str, items), problems.values(), strict=True))
