"""What is public: every name of every package, once, under the path that a user imports."""

import ast
import inspect
from abc import ABC
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import walk_packages
from types import ModuleType
from typing import Any

from sphinx.pycode import ModuleAnalyzer

import mmrec

MODULES = (
    "mmrec.data.fetch",
    "mmrec.recommender.batch",
    "mmrec.recommender.ray",
    "mmrec.recommender.user_vectors",
    "mmrec.recommender.zoo",
)
"""Files that are imported by their own path, beside the packages."""


@dataclass(frozen=True)
class Name:
    """A public name: where it is imported from, and what it is."""

    module: str
    name: str
    value: Any

    @property
    def path(self) -> str:
        """The path under which it is documented."""
        return f"{self.module}.{self.name}"

    @property
    def has_source(self) -> bool:
        """Whether its page shows the signature that the source has."""
        if self.kind == "Errors":
            return False
        return self.kind != "Types and constants" and not (
            isinstance(self.value, type) and issubclass(self.value, tuple)
        )

    @property
    def kind(self) -> str:
        """Return the heading under which it is listed."""
        if inspect.isroutine(self.value):
            return "Functions"
        if not isinstance(self.value, type) or hasattr(self.value, "__origin__"):
            return "Types and constants"
        if issubclass(self.value, BaseException):
            return "Errors"
        return "Contracts" if getattr(self.value, "_is_protocol", False) else "Classes"


@cache
def public_names() -> dict[str, list[Name]]:
    """Return the names of each module; one that two packages export counts for the outer one."""
    modules = [mmrec, *(import_module(found.name) for found in _packages())]
    modules.sort(key=lambda module: (module.__name__.count("."), module.__name__))
    modules += [import_module(name) for name in MODULES]
    named: dict[str, list[Name]] = {}
    taken: set[tuple[str, int]] = set()
    for module in modules:
        for name in _exported(module):
            value = getattr(module, name)
            if (name, id(value)) not in taken and not name.startswith("__"):
                taken.add((name, id(value)))
                named.setdefault(module.__name__, []).append(Name(module.__name__, name, value))
    return named


@cache
def public_classes() -> frozenset[type]:
    """Return the classes that have an entry."""
    kinds = ("Classes", "Contracts", "Errors")
    return frozenset(
        name.value for found in public_names().values() for name in found if name.kind in kinds
    )


def members(kind: type, public: frozenset[type]) -> Iterator[str]:
    """Yield the members of a class that its page lists, in the order of the source.

    These are its own, and those of its bases in mmrec that have no page themselves. What PyTorch,
    Lightning and pydantic add is documented there.
    """
    seen: set[str] = set()
    for base in kind.__mro__:
        if not base.__module__.startswith("mmrec") or (base is not kind and base in public):
            continue
        documented = ModuleAnalyzer.for_module(base.__module__)
        documented.analyze()
        attributes = {n for (of, n) in documented.attr_docs if of == base.__qualname__}
        names = dict.fromkeys([*vars(base), *vars(base).get("__annotations__", {})])
        for name in names:
            if name in seen or (name.startswith("_") and name != "__call__"):
                continue
            seen.add(name)
            if name in attributes or _has_docstring(vars(base).get(name)):
                yield name


def source_of(kind: type, public: frozenset[type]) -> list[type]:
    """Return the bases of a class to show: those with a page, and those of other packages."""
    found: list[type] = []
    for base in kind.__bases__:
        outside = not base.__module__.startswith("mmrec")
        for shown in [base] if base in public or outside else source_of(base, public):
            if shown not in (object, dict, tuple, ABC, *found) and shown.__module__ != "typing":
                found.append(shown)
    return found


def constant(name: Name) -> tuple[str, str]:
    """Return the value of a constant or type as written, if it is short, and its docstring."""
    home = _home(name.module, name.name)
    documented = ModuleAnalyzer.for_module(home)
    documented.analyze()
    text = "\n".join(documented.attr_docs.get(("", name.name), [])).strip()
    for line in ast.parse(inspect.getsource(import_module(home))).body:
        targets = line.targets if isinstance(line, ast.Assign) else [getattr(line, "target", None)]
        if name.name in [getattr(target, "id", None) for target in targets] and line.value:
            written = ast.unparse(line.value)
            return (written if len(written) <= 160 else ""), text
    return "", text


def _home(module: str, name: str) -> str:
    """Return the file that a name comes from, by the imports of packages."""
    for line in ast.walk(ast.parse(inspect.getsource(import_module(module)))):
        if isinstance(line, ast.ImportFrom) and line.module and line.module.startswith("mmrec"):
            for alias in line.names:
                if name == (alias.asname or alias.name):
                    return _home(line.module, alias.name)
    return module


def _packages() -> Iterator[Any]:
    return (found for found in walk_packages(mmrec.__path__, "mmrec.") if found.ispkg)


def _exported(module: ModuleType) -> list[str]:
    if module.__name__ not in MODULES:
        return list(getattr(module, "__all__", ()))
    documented = ModuleAnalyzer.for_module(module.__name__)
    documented.analyze()
    return [
        name
        for name, value in vars(module).items()
        if getattr(value, "__module__", None) == module.__name__
        or ("", name) in documented.attr_docs
        if not name.startswith("_")
    ]


def _has_docstring(member: Any) -> bool:
    if isinstance(member, classmethod | staticmethod):
        member = member.__func__
    known = inspect.isfunction(member) or isinstance(member, property) or hasattr(member, "func")
    return known and bool(member.__doc__)
