"""What pydantic refuses, in our words: what was expected, and what arrived."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmrec.data.wording import counted, did_you_mean

MOST = 3
"""So many problems of a request are named."""

_KINDS = {
    "string": "a text",
    "int": "a whole number",
    "float": "a number",
    "finite": "a finite number",
    "bool": "true or false",
    "list": "a list",
    "dict": "an object",
    "model": "a JSON object",
}
_TIMES = ("time", "timestamp", "at")
_BOUNDS = {
    "greater_than_equal": ("ge", "{} or more"),
    "greater_than": ("gt", "more than {}"),
    "less_than_equal": ("le", "at most {}"),
    "less_than": ("lt", "less than {}"),
}


def sentences(errors: Sequence[Mapping[str, Any]], sent: object = None) -> str:
    """Return what errors of pydantic say, a sentence for each value that is refused.

    A text that was sent is repeated only where a number or the like was expected: it may be a
    secret. The alternatives of a value are one sentence.

    Args:
        errors: see ``pydantic.ValidationError.errors``.
        sent: what was validated; names that it doesn't have are no part of a place.

    Example:
        >>> short = {"type": "int_type", "loc": ("workers",), "msg": "…", "input": None}
        >>> low = {"type": "greater_than_equal", "loc": ("k",), "msg": "…", "input": -1}
        >>> sentences([short, low | {"ctx": {"ge": 1}}])
        'workers: expected a whole number; got null. k: expected 1 or more; got -1'
    """
    places: dict[str, list[Mapping[str, Any]]] = {}
    for error in errors:
        places.setdefault(_place(error, sent), []).append(error)
    said = [f"{at}: {_said(ones, at)}" if at else _said(ones) for at, ones in places.items()]
    return ". ".join(said[:MOST])


def names_expected(what: str, unknown: Sequence[str], known: Sequence[str]) -> str:
    """Return that unknown names were sent, with the name that may be meant.

    Example:
        >>> names_expected("fields", ["event"], ["user", "item", "event_type"])
        "expected the fields user, item, event_type; got 'event' (did you mean 'event_type'?)"
    """
    got = ", ".join(f"{name[:50]!r}{did_you_mean(name[:50], known)}" for name in unknown[:MOST])
    return f"expected the {what} {', '.join(known)}; got {got}"


def _place(error: Mapping[str, Any], sent: object) -> str:
    """Return the place of a value, without the names of the alternatives that were tried."""
    parts, value, last = [], sent, len(error["loc"]) - 1
    for number, name in enumerate(error["loc"]):
        if isinstance(value, Mapping):
            here = number == last and error["type"] in ("missing", "extra_forbidden")
            if name not in value and not here:
                continue
            value = value.get(name)
        elif isinstance(name, int) and isinstance(value, Sequence):
            value = value[name]
        elif sent is not None:
            continue
        parts.append(str(name)[:50])
    return ".".join(parts)


def _said(errors: Sequence[Mapping[str, Any]], at: str = "") -> str:
    """Return what was expected at one place, by any of its alternatives, and what arrived.

    The unit of a time is said, since its type is that of other numbers.
    """
    right = [error for error in errors if _kind(error) is None]
    errors = right or errors  # a value of the right type has the more helpful error
    told = [error for error in errors if error["type"] in ("value_error", "assertion_error")]
    if told:
        return str(told[0]["msg"]).removeprefix("Value error, ")
    expected = list(dict.fromkeys(map(_expected, errors)))
    if at.rpartition(".")[2] in _TIMES:
        expected = [f"{one} of unix seconds" if one == "a number" else one for one in expected]
    either = " or ".join(filter(None, (", ".join(expected[:-1]), expected[-1])))
    return f"expected {either}; got {_got(errors[0])}"


def _kind(error: Mapping[str, Any]) -> str | None:
    """Return the kind of value that was expected in place of one of another type."""
    kind, _, rest = error["type"].partition("_")
    wrong = rest in ("type", "parsing", "from_float", "parsing_size", "attributes_type", "number")
    return _KINDS.get(kind) if wrong else None


def _expected(error: Mapping[str, Any]) -> str:
    kind, limits = error["type"], error.get("ctx", {})
    if (name := _kind(error)) is not None:
        return name
    if kind in _BOUNDS:
        limit, said = _BOUNDS[kind]
        return said.format(limits[limit])
    if kind in ("string_too_short", "too_short"):
        return f"at least {_size(limits['min_length'], kind, error['input'])}"
    if kind in ("string_too_long", "too_long"):
        return f"at most {_size(limits['max_length'], kind, error['input'])}"
    if kind == "string_unicode":
        return "a text that can be encoded as UTF-8"
    if kind == "literal_error":
        return str(limits["expected"])
    if kind == "missing":
        return "a value"
    return str(error["msg"])


def _got(error: Mapping[str, Any]) -> str:
    """Return what arrived, in words that hold no secret."""
    kind, value = error["type"], error.get("input")
    if kind == "missing":
        return "none"
    if kind == "extra_forbidden":
        return "a field of this name"
    if "too_short" in kind or "too_long" in kind:
        return _size(len(value or ()), kind, value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value!r:.50}"
    if isinstance(value, str):
        shown = "parsing" in kind or kind in (*_BOUNDS, "literal_error")
        return f"{value[:50]!r}" if shown else "a text"
    return "a list" if isinstance(value, list | tuple) else "an object"


def _size(number: int, kind: str, value: object) -> str:
    if kind.startswith("string"):
        return counted(number, "character")
    return counted(number, "name" if isinstance(value, Mapping) else "element")
