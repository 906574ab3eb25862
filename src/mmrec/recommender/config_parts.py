"""Which class paths a file of configuration may name: importing a class runs code."""

from collections.abc import Iterable, Mapping, Sequence, Set
from types import ModuleType
from typing import Any

from mmrec.recommender.content.fitted import ENCODER_ROOMS
from mmrec.recommender.parts import SLOTS
from mmrec.recommender.parts.own import import_own, parts_of_module, path_of_part
from mmrec.recommender.parts.remake import is_ours

ROOMS: Mapping[str, Sequence[str]] = {
    **{name: (slot.room,) for name, slot in SLOTS.items()},
    "encoders": ENCODER_ROOMS,
    "callbacks": ("lightning.pytorch.callbacks", "mmrec.training"),
}
"""The packages whose public classes a file may name, by key."""


def check_class_paths(values: Mapping[str, Any], own: Sequence[Any], where: str) -> None:
    """Raise a ``ValueError`` for a class path that is neither in ``ROOMS`` nor handed over.

    Args:
        values: what a file holds, by key.
        own: classes from outside mmrec that the file may name, modules that define them, or the
            names of these.
        where: the file, for messages.

    Example:
        >>> check_class_paths({"interest": "mmrec.interest.GRUInterest"}, (), "run.yaml")
        >>> check_class_paths({"interest": "os.system"}, ["os.system"], "run.yaml")
        >>> check_class_paths({"interest": "os.system"}, (), "run.yaml")
        Traceback (most recent call last):
        ...
        ValueError: run.yaml: interest must be a part of mmrec.interest; got os.system, whose ...
    """
    named = {one if isinstance(one, str) else _name(one) for one in own}
    for key, path in _class_paths(values):
        ours = any(is_ours(path, room) for room in ROOMS[key])
        if not ours and path not in named and not _is_of_module(path, named):
            raise ValueError(
                f"{where}: {key} must be a part of {' or '.join(ROOMS[key])}; got {path}, whose "
                f"code would run: if you trust it, name it, --part {path}, or parts=[{path!r}] in "
                f"Python"
            )


def _name(own: Any) -> str:
    return own.__name__ if isinstance(own, ModuleType) else path_of_part(own)


def _is_of_module(path: str, named: Set[str]) -> bool:
    """Return whether a class path is that of a part that a named module defines."""
    module, _, name = path.rpartition(".")
    if module not in named:
        return False
    found = import_own(module)
    return isinstance(found, ModuleType) and any(
        one is getattr(found, name, None) for one in parts_of_module(found)
    )


def _class_paths(values: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Yield the class paths that ``fit`` would import, each with its key."""
    encoders, callbacks = values.get("encoders"), values.get("callbacks")
    for key in SLOTS:
        given = values.get(key)
        if isinstance(given, str) and given not in SLOTS[key].names and "." in given:
            yield key, given
        yield from ((key, path) for path in _path(given))
    for encoder in encoders.values() if isinstance(encoders, Mapping) else ():
        yield from (("encoders", path) for path in _path(encoder))
    for callback in callbacks if isinstance(callbacks, Sequence) else ():
        yield from (("callbacks", path) for path in _path(callback))


def _path(given: Any) -> Iterable[str]:
    if isinstance(given, Mapping) and isinstance(given.get("class_path"), str):
        yield given["class_path"]
