"""How a part is made, described in a RUN, and made again from it."""

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from inspect import Parameter, signature
from typing import Any

from mmrec.data.wording import listed, verb

log = logging.getLogger(__name__)

_Scalar = str | int | float | bool

SCRIPT = "__main__."
"""Start of the names of what a script or notebook defines."""


@dataclass(frozen=True)
class PartSpec:
    """The class of a part and the arguments that make it again, in the format of LightningCLI.

    Attributes:
        class_path: the name by which the class or function is imported.
        init_args: plain JSON values; None for a part that was given built and does not record its
            arguments, see :func:`mmrec.layers.record_init_args`.

    Example:
        >>> PartSpec("mmrec.interest.GRUInterest", {"dim": 8}).to_dict()
        {'class_path': 'mmrec.interest.GRUInterest', 'init_args': {'dim': 8}}
    """

    class_path: str
    init_args: dict[str, Any] | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"class_path": self.class_path, "init_args": self.init_args}

    @classmethod
    def from_dict(cls, values: Any) -> "PartSpec":
        """Return the spec of a dictionary from ``to_dict``, a file or a command line.

        Raises:
            ValueError: ``values`` is not such a dictionary.
        """
        if not isinstance(values, Mapping) or not set(values) <= {"class_path", "init_args"}:
            raise ValueError(f"a part must be {{'class_path', 'init_args'}}; got {values!r}")
        path, args = values.get("class_path"), values.get("init_args", {})
        if not isinstance(path, str) or not isinstance(args, Mapping | None):
            raise ValueError(f"a part must have a class_path and a map init_args; got {values!r}")
        return cls(path, None if args is None else dict(args))

    @property
    def name(self) -> str:
        """The class name alone."""
        return self.class_path.rpartition(".")[2]

    def factory(self) -> Callable[..., Any]:
        """Import the class and set its arguments.

        Any class is imported, so this is for input of the user only; for RUNs see :func:`remake`.

        Raises:
            ValueError: there is no such class.
        """
        return partial(import_path(self.class_path), **(self.init_args or {}))


class OwnPartNeeded(ValueError):
    """A RUN has parts from outside mmrec that were not handed over."""

    @classmethod
    def of(cls, needed: Mapping[str, PartSpec], said: str = "") -> "OwnPartNeeded":
        """Return the error for parts, by slot.

        Args:
            needed: the parts; at least one.
            said: a clause about what was handed over instead.

        Example:
            >>> print(OwnPartNeeded.of({"loss": PartSpec("lab.focal", {})}))
            the loss is lab.focal, which is not a part of mmrec: hand over the class, ...
            >>> print(OwnPartNeeded.of({"loss": PartSpec("__main__.focal", {})}))
            the loss is __main__.focal, ... parts=[focal], or --part my_parts.focal on the command
            line once my_parts.py has it: what a script or notebook defines can't be imported
        """
        said_as = {slot: "are" if slot == "negatives" else "is" for slot in needed}
        which = listed([f"the {n} {said_as[n]} {spec.class_path}" for n, spec in needed.items()])
        specs = list({spec.class_path: spec for spec in needed.values()}.values())
        names = ", ".join(spec.name for spec in specs)
        paths = [spec.class_path.replace(SCRIPT, "my_parts.") for spec in specs]
        flags = " ".join(f"--part {path}" for path in paths)
        has = verb(len(specs), "it", "them")
        script = f" once my_parts.py has {has}: what a script or notebook defines can't be imported"
        file = script if any(spec.class_path.startswith(SCRIPT) for spec in specs) else ""
        not_ours = verb(len(needed), "which is not a part", "which are not parts")
        return cls(
            f"{which}, {not_ours} of mmrec: hand over the {verb(len(specs), 'class', 'classes')}, "
            f"parts=[{names}], or {flags} on the command line{file}{said}"
        )

    @classmethod
    def built(cls, slot: str, spec: PartSpec) -> "OwnPartNeeded":
        """Return the error for a part of unknown arguments, of which the class was handed over."""
        return cls(
            f"the {slot} {spec.class_path} was given as an object whose arguments are unknown: "
            f"hand over an object made in the same way, parts=[{spec.name}(...)]"
        )


def import_path(path: str) -> Any:
    """Return the class or function of a dotted name.

    Raises:
        ValueError: it can't be imported.
    """
    module, _, name = path.rpartition(".")
    try:
        return getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        raise ValueError(
            f"part {path!r} can't be imported: {error}; the folder of a module that is not "
            f"installed must be in PYTHONPATH"
        ) from error
    except (ImportError, AttributeError, ValueError) as error:
        script = (
            "; what a script or notebook defines must be put into a module, such as my_parts.py"
        )
        more = script if path.startswith(SCRIPT) else ""
        raise ValueError(f"part {path!r} can't be imported: {error}{more}") from error


def path_of(thing: Any) -> str:
    """Return the name by which a class or function is imported; for mmrec's own, the public name.

    Example:
        >>> from mmrec.interest import GRUInterest
        >>> path_of(GRUInterest)
        'mmrec.interest.GRUInterest'
    """
    module = thing.__module__
    if module.startswith("mmrec."):
        room = ".".join(module.split(".")[:2])
        public = room if room != "mmrec.recommender" else ".".join(module.split(".")[:3])
        if getattr(import_module(public), thing.__name__, None) is thing:
            module = public
    return f"{module}.{thing.__qualname__}"


def call_factory(
    slot: str, factory: Callable[..., Any], known: Mapping[str, Any]
) -> tuple[Any, Any, dict[str, Any]]:
    """Make a part by the rule for all factories.

    The factory is called with keywords alone: the values of ``known`` that its signature names, and
    those set by :func:`functools.partial`, which take precedence.

    Args:
        slot: name of the slot, for messages.
        factory: a class, a function or a partial of one.
        known: values that a factory may take, by the names of its parameters.

    Returns:
        The part, the class or function that was called, and the arguments.

    Raises:
        ValueError: the factory needs something that is not known.

    Example:
        >>> from mmrec.interest import GRUInterest
        >>> factory = partial(GRUInterest, layers=2)
        >>> part, called, arguments = call_factory("interest", factory, {"dim": 8, "other": 1})
        >>> called.__name__, arguments
        ('GRUInterest', {'dim': 8, 'layers': 2})
    """
    target, given = unwrapped(slot, factory)
    if not is_importable(target):
        raise ValueError(
            f"{slot} must be made by a class, a function or a partial of one; got an object of "
            f"{type(target).__name__}"
        )
    try:
        parameters = signature(target).parameters.values()
    except ValueError as error:
        raise ValueError(f"{slot}: {path_of(target)} has no signature to read") from error
    check_names(slot, target, given)
    names = _names_of(parameters)
    arguments = {name: known[name] for name in names if name in known} | given
    lacking = [
        p.name
        for p in parameters
        if p.name in names and p.default is Parameter.empty and p.name not in arguments
    ]
    if lacking:
        raise ValueError(
            f"{slot}: {path_of(target)} needs {lacking}, and a factory for {slot} gets "
            f"{sorted(known)}; set the others with functools.partial"
        )
    return target(**arguments), target, arguments


def check_names(slot: str, target: Any, given: Mapping[str, Any]) -> None:
    """Raise a ``ValueError`` if keywords are no parameters of a class or function.

    Nothing is said of one whose signature can't be read.

    Example:
        >>> from mmrec.losses import gbce_loss
        >>> check_names("loss", gbce_loss, {"rate": 1})
        Traceback (most recent call last):
        ...
        ValueError: loss: mmrec.losses.gbce_loss takes ['logits', 'target', ...]; got ['rate']
    """
    try:
        parameters = list(signature(target).parameters.values())
    except (ValueError, TypeError):
        return
    names = _names_of(parameters)
    unknown = sorted(set(given) - set(names))
    if unknown and not any(p.kind is p.VAR_KEYWORD for p in parameters):
        path = path_of(target if is_importable(target) else type(target))
        raise ValueError(f"{slot}: {path} takes {names}; got {unknown}")


def _names_of(parameters: Iterable[Parameter]) -> list[str]:
    """Return the parameters that can be given by name."""
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]


def spec_of_call(slot: str, target: Any, arguments: Mapping[str, Any]) -> PartSpec:
    """Return the spec of a class or function and its arguments, defaults included.

    Raises:
        ValueError: an argument is no plain JSON value.
    """
    return PartSpec(path_of(target), _plain(slot, target, with_defaults(target, arguments)))


def with_defaults(target: Any, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call, and the defaults of the others, so that those may change.

    Defaults other than numbers, texts, truth values and None are left out.

    Example:
        >>> with_defaults(lambda size, scale=1.0, names=(): None, {"size": 3})
        {'scale': 1.0, 'size': 3}
    """
    defaults = {
        p.name: p.default
        for p in signature(target).parameters.values()
        if p.default is not Parameter.empty and isinstance(p.default, _Scalar | None)
    }
    return {**defaults, **arguments}


def spec_of_object(part: Any) -> PartSpec:
    """Return the spec of a part that was given built.

    A function, such as a loss, is its own spec: there is nothing to make.
    """
    if is_factory(part):
        target, given = unwrapped("part", part)
        return PartSpec(path_of(target), _plain("part", target, given))
    args = getattr(part, "init_args", None)
    try:
        recorded = None if args is None else _plain("part", type(part), args)
    except ValueError:
        recorded = None
    return PartSpec(path_of(type(part)), recorded)


def unwrapped(slot: str, factory: Any) -> tuple[Any, dict[str, Any]]:
    """Return the function of a partial, and the keywords that it sets."""
    given: dict[str, Any] = {}
    while isinstance(factory, partial):
        if factory.args:
            raise ValueError(f"{slot}: functools.partial must set keywords; got {factory.args!r}")
        given = {**factory.keywords, **given}
        factory = factory.func
    return factory, given


def _plain(slot: str, target: Any, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments as they are after a round trip through JSON."""
    try:
        plain: dict[str, Any] = plain_json(dict(arguments))
    except TypeError as error:
        raise ValueError(
            f"{slot}: arguments of {path_of(target)} must be plain JSON values, so that a RUN can "
            f"make it again; {error}: give the built part instead"
        ) from error
    return plain


def plain_json(value: Any) -> Any:
    """Return a value as it is after a round trip through JSON, in Python's own types.

    Raises:
        TypeError: JSON has no such value, or would turn a key into text.

    Example:
        >>> import numpy as np
        >>> plain_json({"rate": np.float64(0.5), "names": ("a",)})
        {'rate': 0.5, 'names': ['a']}
    """
    plain = json.loads(json.dumps(value, default=_number))
    _check_keys(value)
    return plain


def _check_keys(value: Any) -> None:
    """Raise a ``TypeError`` for keys that JSON would turn into text."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise TypeError(f"got the key {key!r}, which JSON turns into text")
            _check_keys(inner)


def _number(value: Any) -> Any:
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        return value.item()
    raise TypeError(f"got {type(value).__name__}")


def is_importable(thing: Any) -> bool:
    """Return whether this is a class or a function rather than an object."""
    return callable(thing) and hasattr(thing, "__qualname__")


def is_factory(thing: Any) -> bool:
    """Return whether this is a class, a function or a partial of one rather than an object."""
    return isinstance(thing, partial) or is_importable(thing)
