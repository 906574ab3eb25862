"""The parts from outside mmrec that a RUN needs, all of them before any is made."""

from collections.abc import Mapping
from typing import Any

from mmrec.models import ItemEncoder, SequentialModel
from mmrec.recommender.parts import SLOTS, Own, OwnPartNeeded, PartSpec, path_of
from mmrec.recommender.parts.own import find_own, path_of_part, said_of
from mmrec.recommender.parts.remake import is_public

MODALITIES = "mmrec.recommender.content"
LEARNING = ("loss", "negatives")
"""Slots of which a RUN keeps what was given: only an update needs them."""


def check_own(config: Mapping[str, Any], own: Own) -> None:
    """Raise an ``OwnPartNeeded`` that names all parts of a RUN that are missing in ``own``.

    Args:
        config: what ``config.json`` holds.
        own: what was handed over.
    """
    _check_slots(config, own)
    missing = {
        slot: spec for slot, spec in _needed(config).items() if not _is_there(slot, spec, own)
    }
    if not missing:
        return
    later = {slot: spec for slot in LEARNING if (spec := own_spec(config["recipe"], slot))}
    also = [f"the {n} {spec.class_path}" for n, spec in later.items() if not find_own(n, spec, own)]
    more = f" (an update of the RUN also needs {' and '.join(also)})" if also else ""
    raise OwnPartNeeded.of(missing, more + said_of(own))


def _check_slots(config: Mapping[str, Any], own: Own) -> None:
    """Raise an ``OwnPartNeeded`` if a part was handed over for another slot than its own."""
    kept = {name: PartSpec.from_dict(values) for name, values in config["parts"].items()}
    for slot, part in own:
        path = path_of_part(part)
        right = [name for name, spec in kept.items() if spec.class_path == path]
        if slot is not None and right and slot not in right:
            raise OwnPartNeeded(
                f"{path} is the {right[0]} of the RUN, parts={{{right[0]!r}: ...}}; it was handed "
                f"over as the {slot}"
            )


def own_spec(recipe: Mapping[str, Any], slot: str) -> PartSpec | None:
    """Return the part from outside mmrec that was given for a slot, or None."""
    kept = recipe.get(slot)
    if not isinstance(kept, Mapping):
        return None
    spec = PartSpec.from_dict({name: kept.get(name) for name in ("class_path", "init_args")})
    return None if is_public(spec, [SLOTS[slot].room]) else spec


def _needed(config: Mapping[str, Any]) -> dict[str, PartSpec]:
    """Return the parts that are not from mmrec, by slot."""
    parts = {name: PartSpec.from_dict(values) for name, values in config["parts"].items()}
    rooms = {slot: [SLOTS[slot].room] for slot in parts if slot in SLOTS}
    tables = {**config["modalities"], **(config.get("users") or {})}
    for name, values in tables.items():
        slot = f"{name} modality"
        parts[slot] = PartSpec(values["class_path"], values["init_args"])
        rooms[slot] = [MODALITIES]
    wired = [path_of(kind) for kind in (ItemEncoder, SequentialModel)]
    return {
        slot: spec
        for slot, spec in parts.items()
        if not is_public(spec, rooms.get(slot, [])) and spec.class_path not in wired
    }


def _is_there(slot: str, spec: PartSpec, own: Own) -> bool:
    if slot in ("items", "model"):  # classes alone, by their name
        return any(isinstance(part, type) and part.__name__ == spec.name for _, part in own)
    return find_own(slot, spec, own) is not None
