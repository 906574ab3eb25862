"""Parts of a RUN made again: from mmrec itself, or from what a user hands over."""

import logging
from collections.abc import Mapping, Sequence
from copy import deepcopy
from importlib import import_module
from typing import Any

from mmrec.recommender.parts.spec import (
    OwnPartNeeded,
    PartSpec,
    import_path,
    is_importable,
    path_of,
    spec_of_object,
)

log = logging.getLogger(__name__)

Own = Sequence[tuple[str | None, Any]]
"""Parts that a user hands over, each with its slot if it was named."""


def handed_over(parts: Sequence[Any] | Mapping[str, Any]) -> Own:
    """Return the own parts that a user hands over, each with its slot if it was named.

    Raises:
        ValueError: it is neither a list nor a map.
    """
    if isinstance(parts, Mapping):
        return list(parts.items())
    if isinstance(parts, str) or not isinstance(parts, Sequence):
        raise ValueError(
            f"parts must be a list of classes or objects, or a map of them by slot; got {parts!r}"
        )
    return [(None, part) for part in parts]


def remake(slot: str, spec: PartSpec, rooms: Sequence[str], own: Own) -> Any:
    """Make a part of a RUN again; weights are loaded later.

    A class is imported only if it is public in one of mmrec's ``rooms``. Any other part must be in
    ``own``: as a class, which is called with the arguments of the RUN, or as an object, of which a
    copy is used.

    Raises:
        ValueError: the part is missing in ``own``, or can't be made with its arguments.
    """
    target = find_own(slot, spec, own)
    if target is None:
        target = _ours(slot, spec, rooms)
    elif not is_importable(target):
        return _copied(slot, spec, target)
    if spec.init_args is None:
        raise OwnPartNeeded(slot, spec, made=True)
    try:
        return target(**spec.init_args)
    except TypeError as error:
        raise ValueError(
            f"the {slot} {spec.class_path} can't be made with {sorted(spec.init_args)}: {error}"
        ) from error


def _copied(slot: str, spec: PartSpec, part: Any) -> Any:
    """Return a copy of an object that is handed over; it must be made as that of the RUN was."""
    found = spec_of_object(part)
    known = found.class_path == spec.class_path and None not in (found.init_args, spec.init_args)
    if known and found.init_args != spec.init_args:
        raise ValueError(
            f"the {slot} {spec.class_path} was made with {spec.init_args}; the object handed over "
            f"was made with {found.init_args}"
        )
    return deepcopy(part)


def find_own(slot: str, spec: PartSpec, own: Own) -> Any:
    """Return the own part of a slot, or that of this name; None if there is none.

    Raises:
        ValueError: several parts have the name.
    """
    for name, part in own:
        if name == slot:
            return part
    unnamed = {id(part): part for name, part in own if name is None}.values()
    paths = [(path_of(part if is_importable(part) else type(part)), part) for part in unnamed]
    found = [part for path, part in paths if path == spec.class_path]
    if not found and not spec.class_path.startswith("mmrec."):
        found = [part for path, part in paths if path.rpartition(".")[2] == spec.name]
        if found:
            log.warning("the %s %s is taken to be the %s given", slot, spec.class_path, spec.name)
    if len(found) > 1:
        raise ValueError(
            f"the {slot} is one of {len(found)} parts handed over as {spec.name}: name it, "
            f"parts={{{slot!r}: ...}}"
        )
    return found[0] if found else None


def is_ours(class_path: str, room: str) -> bool:
    """Return whether a name is public in one of mmrec's rooms."""
    module, _, name = class_path.rpartition(".")
    return module == room and name in getattr(import_module(room), "__all__", ())


def _ours(slot: str, spec: PartSpec, rooms: Sequence[str]) -> Any:
    if any(is_ours(spec.class_path, room) for room in rooms):
        return import_path(spec.class_path)
    raise OwnPartNeeded(slot, spec)
