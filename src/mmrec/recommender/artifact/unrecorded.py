"""Parts of a RUN whose arguments are unknown, so that they can't be made again."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mmrec.recommender.artifact.state import RecommenderState
from mmrec.recommender.content.fitted import spec_of_modality
from mmrec.recommender.parts import PartSpec

log = logging.getLogger(__name__)


def warn_of_unrecorded(state: RecommenderState) -> None:
    """Warn of each part that was given built and does not record its arguments."""
    found = [(slot, spec) for slot, spec in state.specs.items() if spec.init_args is None]
    for name, modality in state.modalities.items():
        spec = spec_of_modality(modality.modality)
        if spec.init_args is None:
            found.append((f"{name} modality", spec))
        encoders = list(_unrecorded(spec.init_args))
        if "architecture" in modality.facts:  # a RUN makes it again from that
            continue
        if "feature_dim" in modality.facts:
            _warn_of_frozen(name, encoders)
        else:
            found += [(f"{name} encoder", encoder) for encoder in encoders]
    for slot, spec in found:
        log.warning(
            "the %s %s was given built, and its arguments are unknown: load the RUN with an "
            "object made in the same way, parts=[%s(...)]; the command line can't. Decorate the "
            "class with mmrec.layers.record_init_args, or give fit the class or a "
            "functools.partial of it",
            slot,
            spec.class_path,
            spec.name,
        )


def _warn_of_frozen(name: str, encoders: Iterable[PartSpec]) -> None:
    """Warn of the frozen encoders of a modality, which a RUN loads without."""
    for spec in encoders:
        if not spec.class_path.startswith("mmrec."):
            log.warning(
                "the frozen %s encoder %s was given built, and its arguments are unknown: the RUN "
                "loads without it; only to add items, load the RUN with the encoder and its "
                "weights, parts=[encoder], which the command line can't",
                name,
                spec.class_path,
            )


def _unrecorded(values: Any) -> Iterator[PartSpec]:
    """Yield the specs without arguments among plain values."""
    if isinstance(values, Mapping):
        if "class_path" in values and values.get("init_args", {}) is None:
            yield PartSpec(values["class_path"], None)
        for inner in values.values():
            yield from _unrecorded(inner)
