"""Signatures as they are written: names of types rather than what they stand for."""

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any, is_typeddict

import jaxtyping


def signature(value: Any) -> tuple[str, str] | None:
    """Return the parameters and the result of a function or class; None if there is no source."""
    if isinstance(value, type):
        return _of_class(value)
    written = _written(value)
    if written is None:
        return None
    bound = list(inspect.signature(inspect.unwrap(value)).parameters)[:1] in (["self"], ["cls"])
    return _parameters(written, without_first=bound), _result(written)


def _of_class(kind: type) -> tuple[str, str] | None:
    if getattr(kind, "_is_protocol", False):
        return "", ""
    init = vars(kind).get("__init__")
    if init is None or not inspect.isfunction(init):
        init = kind.__init__
    if is_typeddict(kind):
        return _of_keys(kind), ""
    if getattr(init, "__module__", "") == "typing":  # of a class that follows a protocol
        return "", ""
    if "__dataclass_fields__" in vars(kind) and not _written(init):
        return _of_fields(kind), ""
    ours = getattr(init, "__module__", "").startswith("mmrec")
    written = _written(init) if ours else None
    return None if written is None else (_parameters(written, without_first=True), "")


def _of_fields(kind: type) -> str:
    """Return the parameters of a dataclass, with annotations and defaults as written."""
    lines: dict[str, ast.AnnAssign] = {}
    for base in reversed(kind.__mro__):
        if "__dataclass_fields__" in vars(base):
            lines |= _fields(base)
    shown = []
    keywords = False
    for name, parameter in inspect.signature(kind).parameters.items():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not keywords:
            shown.append("*")
            keywords = True
        text = f"{name}: {ast.unparse(_plain(lines[name].annotation))}"
        if parameter.default is not inspect.Parameter.empty:
            text += f" = {_default(lines[name].value)}"
        shown.append(text)
    return f"({', '.join(shown)})"


def _of_keys(kind: type) -> str:
    keys = [
        f"{name}: {ast.unparse(_plain(line.annotation))} = ..."
        for name, line in _fields(kind).items()
    ]
    return f"(*, {', '.join(keys)})"


def _fields(kind: type) -> dict[str, ast.AnnAssign]:
    body = _parsed(kind)
    return {
        line.target.id: line
        for line in (body.body if isinstance(body, ast.ClassDef) else [])
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)
    }


def _default(value: ast.expr | None) -> str:
    """Return the default of a field; what a factory makes is shown as that."""
    if isinstance(value, ast.Call) and ast.unparse(value.func) == "field":
        given = {word.arg: word.value for word in value.keywords}
        if "default" in given:
            return ast.unparse(given["default"])
        factory = given.get("default_factory")
        known = {"dict": "{}", "list": "[]", "tuple": "()"}
        return known.get(ast.unparse(factory) if factory else "", "...")
    return "..." if value is None else ast.unparse(value)


def _written(function: Any) -> ast.FunctionDef | None:
    found = _parsed(inspect.unwrap(function))
    return found if isinstance(found, ast.FunctionDef) else None


def _parsed(value: Callable[..., Any] | type) -> ast.stmt | None:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(value))).body[0]
    except (OSError, TypeError, SyntaxError):
        return None


def _parameters(written: ast.FunctionDef, *, without_first: bool) -> str:
    arguments = written.args
    if without_first:
        (arguments.posonlyargs or arguments.args).pop(0)
    for argument in ast.walk(arguments):
        if isinstance(argument, ast.arg) and argument.annotation is not None:
            argument.annotation = _plain(argument.annotation)
    return f"({ast.unparse(arguments)})"


def _result(written: ast.FunctionDef) -> str:
    return "" if written.returns is None else ast.unparse(_plain(written.returns))


def _plain(annotation: ast.expr) -> ast.expr:
    """Return an annotation whose quoted names are not quoted any more."""
    return _Unquoted().visit(annotation)


class _Unquoted(ast.NodeTransformer):
    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        kind = ast.unparse(node.value)
        if kind == "Literal":
            return node
        if hasattr(jaxtyping, kind):  # " P" is written for linters, and means "P"
            of, shape = node.slice.elts
            shape = ast.Constant(shape.value.strip())
            node.slice = ast.Tuple([self.visit(of), shape], ast.Load())
            return node
        self.generic_visit(node)
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if isinstance(node.value, str):
            return ast.parse(node.value, mode="eval").body
        return node
