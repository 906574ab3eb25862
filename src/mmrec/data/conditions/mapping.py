"""Conditions as a mapping, such as ``{"category": "lamp", "price": {"<": 20}}``."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

import numpy as np

from mmrec.data.conditions.condition import Condition
from mmrec.data.conditions.nodes import (
    AllOf,
    Boolean,
    Column,
    Comparison,
    Contains,
    Has,
    In,
    IsNull,
    Literal,
    Not,
    Number,
    Test,
    Text,
    Time,
)


def of_operators(name: str, operators: Mapping[str, Any]) -> Condition:
    """Return the condition of one column, given as operators and what they compare with.

    Raises:
        ValueError: an operator is unknown, or its value isn't a number, text, date or truth value.

    Example:
        >>> str(of_operators("price", {">=": 10, "<": 20}))
        'price >= 10 and price < 20'
    """
    if not operators:
        raise ValueError(f"where: {name} needs an operator, one of {_known()}; got none")
    tests = tuple(_test(Column(name), sign, value) for sign, value in operators.items())
    test = tests[0] if len(tests) == 1 else AllOf(tests)
    return Condition(test, str(test))


def _test(column: Column, sign: str, value: Any) -> Test:
    if sign in ("<", "<=", ">", ">="):
        return Comparison(column, sign, _literal(column, value))
    make = _MAKERS.get(sign)
    if make is None:
        raise ValueError(f"where: {column} must have operators of {_known()}; got {sign!r}")
    return make(column, value)


def _equal(column: Column, value: Any) -> Test:
    return IsNull(column) if value is None else Comparison(column, "=", _literal(column, value))


def _one_of(column: Column, values: Any) -> Test:
    if not isinstance(values, list | tuple | set | frozenset):
        raise ValueError(f"where: in expects a list for {column}; got {values!r}")
    return In(column, tuple(_literal(column, value) for value in values))


def _between(column: Column, bounds: Any) -> Test:
    if not isinstance(bounds, list | tuple) or len(bounds) != 2:
        raise ValueError(f"where: between expects two values for {column}; got {bounds!r}")
    low, high = (_literal(column, bound) for bound in bounds)
    return AllOf((Comparison(column, ">=", low), Comparison(column, "<=", high)))


def _has(column: Column, value: Any) -> Test:
    return Has(column, _literal(column, value))


def _contains(column: Column, value: Any) -> Test:
    return Contains(column, _literal(column, value))


_MAKERS: Mapping[str, Callable[[Column, Any], Test]] = {
    "=": _equal,
    "==": _equal,
    "!=": lambda column, value: Not(_equal(column, value)),
    "in": _one_of,
    "not in": lambda column, values: Not(_one_of(column, values)),
    "between": _between,
    "not between": lambda column, bounds: Not(_between(column, bounds)),
    "has": _has,
    "not has": lambda column, value: Not(_has(column, value)),
    "contains": _contains,
    "not contains": lambda column, value: Not(_contains(column, value)),
}


def _known() -> list[str]:
    return ["<", "<=", ">", ">=", *_MAKERS]


def _literal(column: Column, value: Any) -> Literal:
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, bool):
        return Boolean(value)
    if isinstance(value, int | float) and abs(value) < 1e300:
        return Number(value)
    if isinstance(value, str):
        return Text(value)
    if isinstance(value, date | datetime):
        return Time(value.isoformat())
    raise ValueError(
        f"where: {column} can be compared with numbers, texts, dates and truth values; "
        f"got {value!r}"
    )
