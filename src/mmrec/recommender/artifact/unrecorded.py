"""Parts of a RUN whose arguments are unknown, so that they can't be made again."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from mmrec.recommender.artifact.state import RecommenderState
from mmrec.recommender.parts import PartSpec

log = logging.getLogger(__name__)


def warn_of_unrecorded(state: RecommenderState) -> None:
    """Warn of each part that was given built and does not record its arguments."""
    found = [(slot, spec) for slot, spec in state.specs.items() if spec.init_args is None]
    for name, modality in state.modalities.items():
        found += [(f"{name} encoder", spec) for spec in _unrecorded(modality.to_dict())]
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


def _unrecorded(values: Any) -> Iterator[PartSpec]:
    """Yield the specs without arguments among plain values."""
    if isinstance(values, Mapping):
        if "class_path" in values and values.get("init_args", {}) is None:
            yield PartSpec(values["class_path"], None)
        for inner in values.values():
            yield from _unrecorded(inner)
