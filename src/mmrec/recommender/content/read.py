"""The modalities of a recommender: from names to what the model is wired around."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, cast

import numpy as np
from torch import Tensor, nn

from mmrec.data import Catalog, Source, TableSource
from mmrec.encoders import Encoder, FeatureEncoder
from mmrec.models import SequentialModel, encode_with_contributions
from mmrec.recommender.content.identity import IdModality
from mmrec.recommender.content.image import DEFAULT_IMAGE_ENCODER, ImageModality
from mmrec.recommender.content.modality import Context, Facts, Modality
from mmrec.recommender.content.text import DEFAULT_TEXT_ENCODER, TextModality
from mmrec.recommender.options import ContentOptions
from mmrec.recommender.parts.spec import PartSpec, call_factory, import_path, remake, spec_of_object

log = logging.getLogger(__name__)


@dataclass
class Content:
    """The modalities of a catalogue, ready to be wired into a model.

    Attributes:
        sources: the inputs of the encoders, by modality.
        train_sources: the same for training: the images of a trained encoder are augmented.
        encoders: the encoders, by modality.
        facts: what a RUN keeps of each modality.
        problems: images that can't be read: item id → reason.
        cut_texts: how many items have a text that is too long, and was cut.
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
        options: which, and how texts and images are encoded.
        encoders: what was given for some of them: a :class:`Modality`, or for text and image the
            name of a pretrained model or a built encoder.

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
    if name == "id" and given is None:
        return IdModality()
    if name == "text":
        encoder = DEFAULT_TEXT_ENCODER if given is None else given
        return TextModality(
            encoder,
            template=options.text_template,
            pooling=options.pooling,
            tuning=options.tuning,
        )
    if name == "image":
        encoder = DEFAULT_IMAGE_ENCODER if given is None else given
        return ImageModality(encoder, tuning=options.tuning)
    if given is None and name in KINDS:
        return cast(Modality, import_path(KINDS[name])())
    raise ValueError(
        f"modality {name!r} must be one of {['id', 'text', 'image', *KINDS]}, or have a Modality "
        f"in encoders; got {given!r}"
    )


KINDS = {"category": "mmrec.recommender.content.CategoryModality"}
"""Modalities by name that need no option."""


def read_content(
    modalities: Mapping[str, Modality],
    catalog: Catalog,
    context: Context,
    before: Mapping[str, Facts] | None = None,
) -> Content:
    """Encode, or prepare to encode, the modalities of a catalogue.

    Args:
        modalities: what is encoded.
        catalog: the items.
        context: what modalities are prepared with.
        before: the facts of a recommender that is trained on, by modality.

    Raises:
        ValueError: no item has a modality at all.
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
    """Warn of the values that are left out, by row; return the reasons by item id."""
    items = catalog.ids_of([row + 1 for row in problems])
    for item, reason in zip(items, problems.values(), strict=True):
        log.warning("item %s: image left out, %s", item, reason)
    return dict(zip(map(str, items), problems.values(), strict=True))


ENCODER_ROOMS = ("mmrec.encoders", "mmrec.recommender.content")
"""Where the encoders are public that a RUN may name."""


@dataclass(frozen=True)
class FittedModality:
    """A modality and what a RUN keeps of it."""

    modality: Modality
    facts: Facts

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; those of a built encoder are its class alone."""
        return spec_of_modality(self.modality).to_dict() | {"facts": dict(self.facts)}

    @classmethod
    def from_dict(cls, name: str, values: Any, own: Sequence[Any]) -> "FittedModality":
        """Return what ``to_dict`` gave; see :func:`mmrec.recommender.parts.remake`."""
        facts = values["facts"]
        spec = PartSpec.from_dict({k: v for k, v in values.items() if k != "facts"})
        args = {k: _handed_over(name, v, own) for k, v in (spec.init_args or {}).items()}
        spec = PartSpec(spec.class_path, None if spec.init_args is None else args)
        return cls(remake(f"{name} modality", spec, ["mmrec.recommender.content"], own), facts)


def _handed_over(name: str, value: Any, own: Sequence[Any]) -> Any:
    """Return the encoder that an argument describes; the description where it is not at hand."""
    if isinstance(value, Mapping) and "class_path" in value:
        try:
            return remake(f"{name} encoder", PartSpec.from_dict(value), ENCODER_ROOMS, own)
        except ValueError:
            return value  # serving needs it only once items are added
    return value


def spec_of_modality(modality: Modality) -> PartSpec:
    """Return the spec of a modality; a built encoder in it has one of its own."""
    spec, args = spec_of_object(modality), getattr(modality, "init_args", None)
    if spec.init_args is None and isinstance(args, dict):
        plain = {
            name: spec_of_object(value).to_dict() if isinstance(value, nn.Module) else value
            for name, value in args.items()
        }
        return PartSpec(spec.class_path, plain)
    return spec


def encode_rows(
    model: SequentialModel,
    modalities: Mapping[str, FittedModality],
    items: Catalog,
    *,
    features: Mapping[str, np.ndarray] | None = None,
    slots: np.ndarray | None = None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the vectors of items, ``(N, D)``, and what each modality adds to them.

    Args:
        model: the trained model.
        modalities: those of the recommender.
        items: what to encode.
        features: what frozen encoders would give, by modality, ``(N, D_m)``; these encoders are
            not needed then.
        slots: position of each item in the id vocabulary; by default they have none.

    Raises:
        ValueError: a pretrained encoder is not the one that the RUN was trained with, or given
            features are not of its width.
        OSError: it, or a tokenizer, is not at hand.
    """
    given = {} if features is None else features
    slots = np.zeros(len(items), dtype=np.int64) if slots is None else slots
    encoders = model.items.encoders
    _check_features(given, dict(encoders.items()), len(items))
    sources: dict[str, Source] = {}
    for name, fitted in modalities.items():
        if name in given:
            table = np.pad(np.asarray(given[name], dtype=np.float32), ((1, 0), (0, 0)))
            sources[name] = TableSource(table, np.arange(len(table)) > 0)
            continue
        sources[name], problems = fitted.modality.source_of(
            items, encoders[name], fitted.facts, slots
        )
        warn_of_problems(items, problems)
    _warn_of_unknown(items, sources)
    vectors, contributions = encode_with_contributions(model.items, sources, len(items))
    return vectors[1:], {name: added[1:] for name, added in contributions.items()}


def _warn_of_unknown(items: Catalog, sources: Mapping[str, Source]) -> None:
    """Warn of items of which the model sees nothing: all of them get the same vector."""
    seen = np.any([source.present[1:] for source in sources.values()], axis=0)
    unseen = items.ids_of(np.flatnonzero(~seen) + 1)
    if unseen:
        log.warning(
            "the model reads %s, and %d of the new items have none of it, first %r: their rank in "
            "a list means nothing",
            " and ".join(sources),
            len(unseen),
            unseen[:3],
        )


def _check_features(
    given: Mapping[str, np.ndarray], encoders: Mapping[str, nn.Module], count: int
) -> None:
    frozen = {
        name: encoder.dim_in
        for name, encoder in encoders.items()
        if isinstance(encoder, FeatureEncoder)
    }
    for name, table in given.items():
        if name not in frozen:
            raise ValueError(
                f"features must be those of frozen encoders, {sorted(frozen)}; got {name!r}"
            )
        if np.shape(table) != (count, frozen[name]):
            raise ValueError(
                f"features of {name} must be {(count, frozen[name])}, one row an item; got "
                f"{np.shape(table)}"
            )
