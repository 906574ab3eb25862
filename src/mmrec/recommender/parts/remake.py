"""Parts of a RUN made again: from mmrec itself, or from what a user hands over."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import partial
from importlib import import_module
from typing import Any

from mmrec.recommender.parts.own import Own, find_own, said_of
from mmrec.recommender.parts.spec import (
    OwnPartNeeded,
    PartSpec,
    import_path,
    is_importable,
    plain_json,
    spec_of_object,
    unwrapped,
)


def remake(slot: str, spec: PartSpec, rooms: Sequence[str], own: Own) -> Any:
    """Make a part of a RUN again; weights are loaded later.

    A class is imported only if it is public in one of mmrec's ``rooms``. Any other part must be in
    ``own``: as a class or a partial of one, which is called with the arguments of the RUN, or as an
    object, of which a copy is used.

    Raises:
        ValueError: the part is missing in ``own``, or can't be made with its arguments.
    """
    part = find_own(slot, spec, own)
    if part is None:
        if not is_public(spec, rooms):
            raise OwnPartNeeded.of({slot: spec}, said_of(own))
        part = import_path(spec.class_path)
    made = factory_of(slot, spec, part)
    if not isinstance(made, partial):
        return made
    try:
        return made()
    except TypeError as error:
        raise ValueError(
            f"the {slot} {spec.class_path} can't be made with {sorted(made.keywords)}: {error}"
        ) from error


def factory_of(slot: str, spec: PartSpec, part: Any) -> Any:
    """Return a partial that makes a part of a RUN, or a copy of the object that is handed over.

    Raises:
        ValueError: the arguments are unknown, or those of a partial or an object are others.
    """
    target, given = unwrapped(slot, part)
    if not is_importable(target):
        return _copied(slot, spec, target)
    if spec.init_args is None:
        raise OwnPartNeeded.built(slot, spec)
    other = [name for name, value in given.items() if not _is_kept(name, value, spec.init_args)]
    if other:
        raise ValueError(
            f"the {slot} {spec.class_path} was made with {spec.init_args}; the partial handed over "
            f"sets {given}"
        )
    return partial(target, **spec.init_args)


def _is_kept(name: str, value: Any, kept: Mapping[str, Any]) -> bool:
    try:
        return name in kept and bool(plain_json(value) == kept[name])
    except TypeError:  # no plain value
        return False


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


def is_ours(class_path: str, room: str) -> bool:
    """Return whether a name is public in one of mmrec's rooms."""
    module, _, name = class_path.rpartition(".")
    return module == room and name in getattr(import_module(room), "__all__", ())


def is_public(spec: PartSpec, rooms: Sequence[str]) -> bool:
    """Return whether a part is public in one of these rooms, so that it may be imported."""
    return any(is_ours(spec.class_path, room) for room in rooms)
