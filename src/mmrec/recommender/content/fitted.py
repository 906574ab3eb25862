"""A trained modality: what a RUN keeps of it, and how it encodes further items."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from mmrec.affinities import AffinityFusion
from mmrec.data import Catalog, Source, TableSource
from mmrec.data.wording import verb
from mmrec.encoders import FeatureEncoder
from mmrec.models import SequentialModel, encode_with_contributions
from mmrec.recommender.content.modality import Facts, Modality
from mmrec.recommender.content.read import warn_of_problems
from mmrec.recommender.parts.own import Own, find_own
from mmrec.recommender.parts.remake import remake
from mmrec.recommender.parts.spec import PartSpec, is_factory, spec_of_object

log = logging.getLogger(__name__)

ENCODER_ROOMS = ("mmrec.encoders", "mmrec.recommender.content")
"""Packages whose public encoders a RUN may name."""


@dataclass(frozen=True)
class FittedModality:
    """A modality with the facts that a RUN keeps of it."""

    modality: Modality
    facts: Facts

    @property
    def columns_read(self) -> tuple[str, ...]:
        """The columns of a catalogue that it reads."""
        return self.modality.columns_read(self.facts)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return spec_of_modality(self.modality).to_dict() | {"facts": dict(self.facts)}

    @classmethod
    def from_dict(cls, name: str, values: Any, own: Own) -> "FittedModality":
        """Make the modality of ``to_dict`` again; see :func:`mmrec.recommender.parts.remake`."""
        facts = values["facts"]
        spec = PartSpec.from_dict({k: v for k, v in values.items() if k != "facts"})
        frozen = "feature_dim" in facts
        args = {k: _handed_over(name, v, own, frozen) for k, v in (spec.init_args or {}).items()}
        spec = PartSpec(spec.class_path, None if spec.init_args is None else args)
        return cls(remake(f"{name} modality", spec, ["mmrec.recommender.content"], own), facts)


def _handed_over(name: str, value: Any, own: Own, frozen: bool) -> Any:
    """Return the encoder that an argument describes, or the description if it can't be made.

    A frozen encoder is needed only to add items. So its class, which a module may have brought
    along, is no error if its arguments are unknown.
    """
    if isinstance(value, Mapping) and "class_path" in value:
        spec = PartSpec.from_dict(value)
        if spec.init_args is not None:  # a modality that reads another has arguments in arguments
            inner = spec.init_args.items()
            spec = PartSpec(
                spec.class_path, {key: _handed_over(name, arg, own, frozen) for key, arg in inner}
            )
        ours = spec.class_path.rpartition(".")[0] in ENCODER_ROOMS
        part = find_own(f"{name} encoder", spec, own)
        if frozen and spec.init_args is None and is_factory(part):
            return value
        if part is not None or (ours and spec.init_args):
            return remake(f"{name} encoder", spec, ENCODER_ROOMS, own)
    return value


def spec_of_modality(modality: Modality) -> PartSpec:
    """Return the spec of a modality; an encoder or a modality among its arguments becomes one."""
    spec, args = spec_of_object(modality), getattr(modality, "init_args", None)
    if spec.init_args is None and isinstance(args, dict):
        return PartSpec(spec.class_path, {name: _plain(value) for name, value in args.items()})
    return spec


def _plain(value: Any) -> Any:
    if isinstance(value, nn.Module):
        return spec_of_object(value).to_dict()
    return spec_of_modality(value).to_dict() if isinstance(value, Modality) else value


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
        modalities: the modalities of the model.
        items: the items to encode.
        features: features in place of the outputs of frozen encoders, by modality, ``(N, D_m)``.
        slots: position of each item in the id vocabulary; by default 0, which means none.

    Raises:
        ValueError: a pretrained encoder is not the one that the RUN was trained with, or features
            have another shape.
        OSError: an encoder or its tokenizer can't be loaded.
    """
    given = {} if features is None else features
    slots = np.zeros(len(items), dtype=np.int64) if slots is None else slots
    encoders = model.items.encoders
    check_features(model, given, len(items))
    sources: dict[str, Source] = {}
    for name, fitted in modalities.items():
        if name in given:
            table = np.pad(np.asarray(given[name], dtype=np.float32), ((1, 0), (0, 0)))
            sources[name] = TableSource(table, np.arange(len(table)) > 0)
            continue
        sources[name], problems = fitted.modality.source_of(
            items, encoders[name], fitted.facts, slots
        )
        warn_of_problems(name, items, problems)
    read = model.items.fusion.dims
    has_content = any(modalities[name].modality.has_content for name in read if name in modalities)
    _warn_of_unknown(
        items, {name: one for name, one in sources.items() if name in read}, has_content=has_content
    )
    vectors, contributions = encode_with_contributions(model.items, sources, len(items))
    if isinstance(model.items.fusion, AffinityFusion):
        contributions = model.items.fusion.without_lengths(contributions)
    return vectors[1:], {name: added[1:] for name, added in contributions.items()}


def _warn_of_unknown(items: Catalog, sources: Mapping[str, Source], *, has_content: bool) -> None:
    """Warn of items without any modality of the model: all of them get the same vector.

    If the model reads content, no list has them, see ``RecommenderState.unknown``.
    """
    seen = np.any([source.present[1:] for source in sources.values()], axis=0)
    unseen = items.ids_of(np.flatnonzero(~seen) + 1)
    if unseen:
        log.warning(
            "%d of the new items %s none of the modalities of the model (%s), first %r: %s",
            len(unseen),
            verb(len(unseen), "has", "have"),
            ", ".join(sources),
            unseen[:3],
            "no list has them before they have events or content"
            if has_content
            else "their scores mean nothing",
        )


def check_features(model: SequentialModel, given: Mapping[str, np.ndarray], count: int) -> None:
    """Refuse features that are not those of frozen encoders, one row for each of ``count`` items.

    Raises:
        ValueError: a modality has no frozen encoder, or features have another shape.
    """
    frozen = {
        name: encoder.dim_in
        for name, encoder in model.items.encoders.items()
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
