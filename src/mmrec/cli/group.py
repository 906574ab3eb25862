"""Values of options that can't be read, in our words."""

from typing import Any

import typer
from typer.core import TyperGroup

_EXPECTED = {
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "greater_than_equal": "{ge} or more",
    "less_than_equal": "at most {le}",
}
"""What was expected, by the type of an error of pydantic, which newer versions of typer show."""


class Group(TyperGroup):
    """The group of commands."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; a number that can't be read is an error in our words."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = said(error.__cause__) or error.message
            raise


def said(cause: object) -> str | None:
    """Return what was expected and what arrived; None if an error is of another kind.

    Example:
        >>> from pydantic import TypeAdapter, ValidationError
        >>> try:
        ...     TypeAdapter(int).validate_python("abc")
        ... except ValidationError as error:
        ...     said(error)
        "expected a whole number; got 'abc'"
    """
    errors: list[dict[str, Any]] = getattr(cause, "errors", list)()
    first: dict[str, Any] = errors[0] if errors else {"type": ""}
    expected = _EXPECTED.get(first["type"])
    if expected is None:
        return None
    sent = str(first["input"]) if "ctx" in first else repr(first["input"])
    return f"expected {expected.format(**first.get('ctx', {}))}; got {sent:.100}"
