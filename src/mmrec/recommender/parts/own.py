"""Parts from outside mmrec: what a user hands over, and which part of a RUN it is."""

import logging
from collections.abc import Mapping, Sequence
from importlib import import_module
from inspect import isfunction, signature
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from mmrec.data.wording import listed, verb
from mmrec.recommender.parts.spec import PartSpec, import_path, is_importable, path_of, unwrapped

log = logging.getLogger(__name__)

Own = Sequence[tuple[str | None, Any]]
"""Parts that a user hands over, each with its slot if it was named."""

METHODS = ("forward", "__call__", "draw", "rebuild", "on_fit_start")
"""What makes a class a part: modules, losses, samplers, modalities and callbacks have one each."""

SHOWN = 6
"""A message names so many of the parts that were handed over."""


def handed_over(parts: Sequence[Any] | Mapping[str, Any]) -> Own:
    """Return the own parts that a user hands over, each with its slot if it was named.

    Args:
        parts: classes, functions, partials of them, objects, modules, which stand for the parts
            that they define, or the dotted names of these. A list of them, or a map by slot, which
            has no modules.

    Raises:
        ValueError: it is neither a list nor such a map, a name can't be imported, or a module
            defines no part.
    """
    if isinstance(parts, Mapping):
        named = [(slot, _imported(part)) for slot, part in parts.items()]
        if wrong := [slot for slot, part in named if isinstance(part, ModuleType)]:
            raise ValueError(f"parts by slot must be classes or objects; got a module for {wrong}")
        return named
    if isinstance(parts, str) or not isinstance(parts, Sequence):
        raise ValueError(
            f"parts must be a list of classes, modules, their dotted names or objects, or a map of "
            f"classes or objects by slot; got {parts!r}"
        )
    own: list[tuple[str | None, Any]] = []
    for part in map(_imported, parts):
        of_module = parts_of_module(part) if isinstance(part, ModuleType) else [part]
        own += [(None, one) for one in of_module]
    return own


def import_own(name: str) -> Any:
    """Return the class, function or module of a dotted name that the user has given.

    Raises:
        ValueError: it can't be imported.

    Example:
        >>> import_own("mmrec.fusion.SumFusion").__name__, import_own("mmrec.fusion").__name__
        ('SumFusion', 'mmrec.fusion')
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name or "." not in name:
            whole = "" if "." in name else f"; a class is given with its module, module.{name}"
            raise ValueError(
                f"part {name!r} can't be imported: {error}; the folder of a module that is not "
                f"installed must be in PYTHONPATH{whole}"
            ) from error
    except (ImportError, ValueError, TypeError) as error:
        raise ValueError(f"part {name!r} can't be imported: {error}") from error
    return import_path(name)


def parts_of_module(module: ModuleType) -> list[Any]:
    """Return the classes and losses that a module defines and that could be parts.

    A package has those that it takes from its own modules. A function is one if it takes the four
    arguments of a loss: other functions are called only where the user has named them.

    Raises:
        ValueError: there is none.

    Example:
        >>> import mmrec.losses.hardest
        >>> [part.__name__ for part in parts_of_module(mmrec.losses.hardest)]
        ['hard_bpr_loss']
    """
    values = [value for value in vars(module).values() if is_importable(value)]
    inner = f"{module.__name__}."
    defined = [value for value in values if f"{value.__module__}.".startswith(inner)]
    found = list({id(value): value for value in defined if _may_be_part(value)}.values())
    if not found:
        inside = [f"{inner}{one.name}" for one in iter_modules(getattr(module, "__path__", []))]
        instead = f", {' or '.join(inside[:SHOWN])}" if inside else ""
        raise ValueError(
            f"the module {module.__name__} defines no part: name the module or class that "
            f"does{instead}"
        )
    return found


def find_own(slot: str, spec: PartSpec, own: Own) -> Any:
    """Return the own part of a slot, or that of this name; None if there is none.

    Raises:
        ValueError: several parts have the name.
    """
    for name, part in own:
        if name == slot:
            return part
    unnamed = {id(part): part for name, part in own if name is None}.values()
    paths = [(path_of_part(part), part) for part in unnamed]
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


def path_of_part(part: Any) -> str:
    """Return the dotted name of what was handed over; of an object, that of its class."""
    target = unwrapped("parts", part)[0]
    return path_of(target if is_importable(target) else type(target))


def said_of(own: Own) -> str:
    """Return a clause about what was handed over; empty if nothing was."""
    paths = list(dict.fromkeys(path_of_part(part) for _, part in own))
    if not paths:
        return ""
    more = [f"{len(paths) - SHOWN} more"] if len(paths) > SHOWN else []
    have = verb(len(paths), "has another name", "have other names")
    return f"; got {listed([*paths[:SHOWN], *more])}, which {have}"


def _imported(part: Any) -> Any:
    return import_own(part) if isinstance(part, str) else part


def _may_be_part(value: Any) -> bool:
    if isinstance(value, type):
        return any(name in vars(base) for base in value.__mro__ for name in METHODS)
    if not isfunction(value):
        return False
    try:
        signature(value).bind("logits", "target", "candidates", "log_q")
    except TypeError:
        return False
    return True
