"""From the tests of a condition to one polars expression, checked against the table first.

A test of a missing value is neither true nor false, as in SQL: no row is chosen by it, nor by its
opposite.
"""

import operator
from typing import Any, assert_never

import polars as pl

from mmrec.data.conditions.columns import DESCRIBED, Kind, kind_of
from mmrec.data.conditions.nodes import (
    AllOf,
    AnyOf,
    Boolean,
    Column,
    Comparison,
    Contains,
    Has,
    In,
    IsNull,
    Not,
    Number,
    Test,
    Text,
    Time,
    Value,
)
from mmrec.data.conditions.values import Values

DAY = 86_400
# Between the values of a text, and between the levels of a path.
_BETWEEN = r"[|;]|\s>\s"
_OPERATIONS = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def compile_test(node: Test, values: Values) -> pl.Expr:
    """Return the expression of a test; null where a value is missing.

    Raises:
        ValueError: a column is unknown or doesn't hold what it is compared with.
    """
    if isinstance(node, Column):
        return values.expression(node, "boolean")
    if isinstance(node, Comparison):
        return _comparison(node, values)
    if isinstance(node, In):
        return _in(node, values)
    if isinstance(node, Has):
        return _has(node, values)
    if isinstance(node, Contains):
        return _contains(node, values)
    if isinstance(node, IsNull):
        return _is_null(node, values)
    if isinstance(node, Not):
        return ~compile_test(node.test, values)
    if isinstance(node, AllOf):
        return pl.all_horizontal([compile_test(test, values) for test in node.tests])
    if isinstance(node, AnyOf):
        return pl.any_horizontal([compile_test(test, values) for test in node.tests])
    assert_never(node)


def _comparison(node: Comparison, values: Values) -> pl.Expr:
    ordered = node.operator not in ("=", "!=")
    kind = values.common_kind(node.left, node.right, node, ordered=ordered)
    left, right = values.expression(node.left, kind), values.expression(node.right, kind)
    if kind == "time":  # a date stands for its whole day
        left = _start_of_day(left) if _is_day(node.right, values) else left
        right = _start_of_day(right) if _is_day(node.left, values) else right
    if kind == "number":  # 0.1 in 32 bits is another number than in 64
        left = left.cast(pl.Float32) if _is_narrowed(node.left, node.right, values) else left
        right = right.cast(pl.Float32) if _is_narrowed(node.right, node.left, values) else right
    expression: pl.Expr = _OPERATIONS[node.operator](left, right)
    return expression


def _is_day(node: Value, values: Values) -> bool:
    return isinstance(node, Text | Time) and values.moment(node).is_day


def _is_narrowed(node: Value, other: Value, values: Values) -> bool:
    """Return whether a number is compared with a column of 32-bit floats."""
    narrow = isinstance(other, Column) and values.columns.dtype(other.name) == pl.Float32
    return narrow and isinstance(node, Number)


def _start_of_day(seconds: pl.Expr) -> pl.Expr:
    return (seconds / DAY).floor() * DAY


def _in(node: In, values: Values) -> pl.Expr:
    kinds = {
        values.common_kind(node.value, choice, choice, ordered=False) for choice in node.choices
    }
    if len(kinds) > 1:
        raise values.wrong(f"a list must hold values of one kind; got {sorted(kinds)}", node)
    kind = kinds.pop() if kinds else values.kind(node.value)
    value = values.expression(node.value, kind)
    if kind == "number":
        return _among_numbers(value, node, values)
    if kind == "time":
        moments = [values.moment(choice) for choice in node.choices]
        days = [moment.seconds for moment in moments if moment.is_day]
        times = [moment.seconds for moment in moments if not moment.is_day]
        return _start_of_day(value).is_in(days) | value.is_in(times)
    texts = [choice for choice in node.choices if isinstance(choice, Text | Boolean)]
    if kind == "boolean":
        return value.is_in([values.truth(choice) for choice in texts])
    return value.is_in([choice.value for choice in texts])


def _among_numbers(value: pl.Expr, node: In, values: Values) -> pl.Expr:
    amounts = [choice.amount for choice in node.choices if isinstance(choice, Number)]
    dtype: Any = pl.Float64
    if isinstance(node.value, Column):
        given = values.columns.dtype(node.value.name)
        if given == pl.Float32:
            dtype = pl.Float32
        elif given.is_integer() and all(isinstance(amount, int) for amount in amounts):
            dtype = pl.Int128
    return value.cast(dtype).is_in(pl.Series(amounts, dtype=dtype))


def _is_null(node: IsNull, values: Values) -> pl.Expr:
    if isinstance(node.value, Column):
        with values.marked(node.value):
            dtype = values.columns.dtype(node.value.name)
        if kind_of(dtype) is None:
            return pl.col(node.value.name).is_null()
    return values.expression(node.value, values.kind(node.value)).is_null()


def _has(node: Has, values: Values) -> pl.Expr:
    name, element = node.column.name, node.element
    values.check_bare(element)
    with values.marked(node.column):
        dtype = values.columns.dtype(name)
    lists = isinstance(dtype, pl.List | pl.Array)
    if lists and kind_of(dtype.inner) != "text":
        return _list_contains(node, values.kind(element), dtype.inner, values)
    if not (lists or kind_of(dtype) == "text") or not isinstance(element, Text | Number):
        raise values.wrong(
            f"has searches lists and texts for a text or a number; {name!r} holds {dtype}, and "
            f"{element} is {DESCRIBED[values.kind(element)]}",
            node,
        )
    texts = _lists(name, dtype, pl.String()).list.join("|", ignore_nulls=True)
    texts = texts if lists else values.expression(node.column, "text")
    value = element.value.strip() if isinstance(element, Text) else str(element.amount)
    ends = r"(?:\.0+)?" if isinstance(element, Number) else ""  # 38 is in a text as 38 or 38.0
    pattern = rf"(?:^|{_BETWEEN})\s*{pl.escape_regex(value)}{ends}\s*(?:$|{_BETWEEN})"
    return texts.str.contains(pattern)


def _contains(node: Contains, values: Values) -> pl.Expr:
    name, element = node.column.name, node.element
    values.check_bare(element)
    with values.marked(node.column):
        dtype = values.columns.dtype(name)
    kind = values.kind(element)
    if isinstance(dtype, pl.List | pl.Array):
        return _list_contains(node, kind, dtype.inner, values)
    if kind_of(dtype) != "text" or not isinstance(element, Text):
        raise values.wrong(
            f"contains searches lists, or texts for a text in quotes; {name!r} holds {dtype}", node
        )
    return values.expression(node.column, "text").str.contains(element.value, literal=True)


def _list_contains(node: Has | Contains, kind: Kind, inner: Any, values: Values) -> pl.Expr:
    name = node.column.name
    dtype = values.columns.dtype(name)
    plain: dict[Kind, Any] = {
        "number": pl.Float64(),
        "boolean": pl.Boolean(),
        "text": pl.String(),
    }
    if kind not in plain or kind_of(inner) != kind:
        raise values.wrong(
            f"{name!r} holds {dtype}, where {node.element} ({DESCRIBED[kind]}) can't be", node
        )
    element = values.expression(node.element, kind).cast(plain[kind])
    return _lists(name, dtype, plain[kind]).list.contains(element)


def _lists(name: str, dtype: Any, inner: Any) -> pl.Expr:
    lists = pl.col(name).arr.to_list() if isinstance(dtype, pl.Array) else pl.col(name)
    return lists.cast(pl.List(inner))
