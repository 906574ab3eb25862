import ast
import inspect
import sys
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from names import members, public_classes, public_names
from signatures import signature
from torch import Tensor


def parsed(text, result=""):
    arrow = f" -> {result}" if result else ""
    return ast.parse(f"def made{text}{arrow}: ...").body[0]


def annotations(text, result):
    made = parsed(text, result)
    given = made.args
    found = {a.arg: a.annotation for a in [*given.posonlyargs, *given.args, *given.kwonlyargs]}
    return {name: note for name, note in found.items() if note is not None} | (
        {"return": made.returns} if result else {}
    )


def test_shapes_and_quoted_names_are_readable():
    def function(
        a: Float[Tensor, "B T"],
        b: Int[np.ndarray, " P"] | None = None,
        *,
        c: "dict[str, Kind]",
        d: Literal["x", "y"] = "x",
    ) -> "Kind": ...

    text, result = signature(function)
    assert result == "Kind"
    assert text == (
        "(a: Float[Tensor, 'B T'], b: Int[np.ndarray, 'P'] | None=None, *, "
        "c: dict[str, Kind], d: Literal['x', 'y']='x')"
    )


@dataclass(frozen=True)
class Made:
    """A dataclass.

    Attributes:
        size: a number.
    """

    size: int
    names: dict[str, "Made"] = field(default_factory=dict)


def test_a_dataclass_is_called_with_its_fields():
    assert signature(Made) == ("(size: int, names: dict[str, Made] = {})", "")


def test_what_is_shown_is_what_the_source_declares():
    """Types are evaluated, and compared with those that Python has; names with its parameters."""
    values = [n.value for found in public_names().values() for n in found if n.has_source]
    methods = [
        vars(kind)[member]
        for kind in public_classes()
        for member in members(kind, public_classes())
        if inspect.isfunction(vars(kind).get(member))
    ]
    compared = 0
    for value in [*(v for v in values if inspect.isroutine(v)), *methods]:
        value = inspect.unwrap(value)
        text, result = signature(value)
        names = [n for n in inspect.signature(value).parameters if n not in ("self", "cls")]
        arguments = parsed(text).args
        shown = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        stars = [a for a in (arguments.vararg, arguments.kwarg) if a is not None]
        assert sorted(a.arg for a in [*shown, *stars]) == sorted(names)
        for name, note in annotations(text, result).items():
            declared = value.__annotations__[name]
            if isinstance(declared, str):
                assert ast.unparse(note) == ast.unparse(ast.parse(declared, mode="eval").body)
                continue
            try:
                made = eval(ast.unparse(note), vars(sys.modules[value.__module__]))
            except NameError:  # imported for type checkers alone
                continue
            assert repr(made) == repr(declared), (value, name)
            compared += 1
    assert compared > 1500
