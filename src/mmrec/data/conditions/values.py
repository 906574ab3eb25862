"""Values of a condition as polars expressions: columns, literals, arithmetic and ages."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import assert_never

import polars as pl

from mmrec.data.conditions.columns import DESCRIBED, Columns, Kind, RefusedValues
from mmrec.data.conditions.nodes import (
    Age,
    Arithmetic,
    Boolean,
    Column,
    Negative,
    Node,
    Number,
    Text,
    Time,
    Value,
    columns_of,
    nodes_of,
)
from mmrec.data.conditions.tokens import misread, unquoted
from mmrec.data.times import LATEST, other_unit

_TRUTHS = {"true": True, "false": False}


class Values:
    """Makes expressions of values for the columns of one table.

    Args:
        columns: the columns of the table.
        at: the time of the request, in unix seconds.
        text: the condition as it was written, for errors.
    """

    def __init__(self, columns: Columns, at: float, text: str) -> None:
        self.columns, self.at, self.text = columns, at, text

    def kind(self, node: Value) -> Kind:
        """Return what a value is; a column of text may hold other kinds as texts."""
        if isinstance(node, Column):
            with self.marked(node):
                return self.columns.kind(node.name)
        if isinstance(node, Text):
            return "text"
        if isinstance(node, Boolean):
            return "boolean"
        return "time" if isinstance(node, Time) else "number"

    def common_kind(self, left: Value, right: Value, at: Node, *, ordered: bool) -> Kind:
        """Return as what two values are compared.

        Args:
            left: a value.
            right: another.
            at: the comparison.
            ordered: whether it asks which of them is larger.

        Raises:
            ValueError: they can't be compared.
        """
        for node, other in ((left, right), (right, left)):
            self.check_bare(node)
            self._check_unquoted(node, other)
            self._check_unit(node, other)
        kind = self._fitting(left, right) or self._fitting(right, left)
        if kind is None:
            raise self.wrong(f"{self._said(left)} can't be compared with {self._said(right)}", at)
        if ordered and kind == "boolean":
            raise self.wrong("true and false have no order", at)
        return self._of_texts(left, right, at, ordered) if kind == "text" else kind

    def _fitting(self, node: Value, other: Value) -> Kind | None:
        """Return the kind of ``other`` if ``node`` can be read as it."""
        kinds = (self.kind(node), self.kind(other))
        if kinds[0] == kinds[1] or (kinds[0] == "text" and isinstance(node, Column)):
            return kinds[1]
        if kinds == ("text", "time") or (kinds[1] == "time" and node == Column("timestamp")):
            return "time"
        return None

    def _of_texts(self, left: Value, right: Value, at: Node, ordered: bool) -> Kind:
        """Return as what a column of text is compared with another, or with a text."""
        columns = [node for node in (left, right) if isinstance(node, Column)]
        literal = right if columns and columns[0] is left else left
        if len(columns) == 1 and not ordered:
            return self._of_truths(columns[0], literal, at)
        held = [self.columns.holds(column.name) for column in columns]
        if len(held) == 2:
            return held[0] if held[0] == held[1] else "text"
        if held == ["time"]:
            return "time"
        if held and held != ["text"]:
            said = f"{columns[0].name!r} holds values like {DESCRIBED[held[0]]}"
            raise self.wrong(f"{said}, and {literal} is text; only texts have quotes", at)
        return "text"

    def _of_truths(self, column: Column, literal: Value, at: Node) -> Kind:
        """Return as what a column of text equals a text: truth values differ from any other text.

        So ``child_safe != no`` would hold for all items.
        """
        name = column.name
        if not self.columns.holds_truths(name):
            return "text"
        if isinstance(literal, Text) and literal.value.lower() in _TRUTHS:
            return "boolean"
        held = f"it holds {DESCRIBED['boolean']}"
        raise self.wrong(f"{name!r} can't be compared with {self._said(literal)}: {held}", at)

    def truth(self, node: Text | Boolean) -> bool:
        """Return a truth value that may be written as a text."""
        return node.value if isinstance(node, Boolean) else _TRUTHS[node.value.lower()]

    def expression(self, node: Value, kind: Kind) -> pl.Expr:
        """Return a value as a kind: times are seconds since 1970.

        Raises:
            ValueError: it is of another kind.
        """
        if isinstance(node, Column):
            with self.marked(node):
                return self.columns.read(node.name, kind)
        if isinstance(node, Text) and kind == "boolean":
            return pl.lit(self.truth(node))
        if isinstance(node, Text):
            return pl.lit(self.moment(node).seconds if kind == "time" else node.value)
        if isinstance(node, Number):
            return pl.lit(node.amount)
        if isinstance(node, Boolean):
            return pl.lit(node.value)
        if isinstance(node, Time):
            return pl.lit(node.seconds)
        if isinstance(node, Age):
            return self.at - self._time(node.column)
        if isinstance(node, Negative):
            return -self._number(node.value)
        if isinstance(node, Arithmetic):
            return self._arithmetic(node)
        assert_never(node)

    def moment(self, node: Value) -> Time:
        """Return a date or time that may be written as a text."""
        if isinstance(node, Time):
            return node
        try:
            return Time(node.value if isinstance(node, Text) else "", at=node.at)
        except ValueError:
            raise self.wrong(f"expected a date such as 2024-05-01; got {node}", node) from None

    def _arithmetic(self, node: Arithmetic) -> pl.Expr:
        left, right = self._number(node.left), self._number(node.right)
        if node.operator == "/":
            return left / pl.when(right != 0).then(right)  # a division by zero has no value
        if node.operator == "*":
            return left * right
        return left + right if node.operator == "+" else left - right

    def _number(self, node: Value) -> pl.Expr:
        """Return a number as a 64-bit float, so that no product of integers overflows."""
        kind = self.kind(node)
        if kind != "number" and not (kind == "text" and isinstance(node, Column)):
            raise self.wrong(f"expected a number; got {self._said(node)}", node)
        return self.expression(node, "number").cast(pl.Float64)

    def _time(self, column: Column) -> pl.Expr:
        """Return a column of times, or of unix seconds."""
        kind = self.kind(column)
        if kind == "text":
            kind = "number" if self.columns.holds(column.name) == "number" else "time"
        if kind != "number":
            return self.expression(column, "time")
        seconds = self.expression(column, "number").cast(pl.Float64)
        known = self.columns.select(seconds.max())
        latest = None if known is None else known.item()
        if latest is not None and latest >= LATEST:

            def said(time: float) -> str:
                reason = f"must be seconds since 1970; got {time}{other_unit(time)}"
                return misread(f"the times in {column.name!r} {reason}", self.text, column.at)

            def of_rows() -> list[str | None]:
                found = self.columns.select(seconds)
                times = [] if found is None else found.to_series().to_list()
                return [
                    said(time) if time is not None and time >= LATEST else None for time in times
                ]

            raise RefusedValues(said(latest), of_rows)
        return seconds

    def check_bare(self, node: Value) -> None:
        """Refuse a text without quotes that may be meant as the name of a column."""
        if isinstance(node, Text) and node.bare and node.value in self.columns.schema:
            column = Column(node.value).quoted()
            raise self.wrong(f"{node.value} must be {node} (a text) or {column} (a column)", node)

    def _check_unquoted(self, node: Value, other: Value) -> None:
        """Refuse arithmetic on an unknown column; beside a text, ``NEW-1`` may be one."""
        if isinstance(node, Arithmetic):
            for name in columns_of(node):
                try:
                    self.columns.dtype(name)
                except ValueError as error:
                    meant = unquoted(self.text, node.at) if self._is_text(other) else ""
                    raise self.wrong(f"{error}{meant}", node) from None

    def _check_unit(self, node: Value, other: Value) -> None:
        """Refuse to compare an age with a number without a unit; 0 needs none."""
        bare = not any(
            isinstance(one, Column | Age) or (isinstance(one, Number) and one.unit)
            for one in nodes_of(other)
        )
        if _is_age(node) and self.kind(other) == "number" and bare and other != Number(0):
            raise self.wrong(f"age needs a unit, such as 3d; got {other}", other)

    def _is_text(self, node: Value) -> bool:
        """Return whether a value is a text, or a column of texts that are nothing else."""
        if self.kind(node) != "text":
            return False
        return not isinstance(node, Column) or self.columns.holds(node.name) == "text"

    def _said(self, node: Value) -> str:
        kind = DESCRIBED[self.kind(node)].removesuffix(" such as 2024-05-01")
        return f"{node} ({kind})"

    def wrong(self, reason: str, node: Node) -> ValueError:
        """Return an error about a node, with its place in the condition."""
        return ValueError(misread(reason, self.text, node.at))

    @contextmanager
    def marked(self, node: Node) -> Iterator[None]:
        """Add the place of a node to an error about a column."""
        try:
            yield
        except RefusedValues as error:
            raise error.map(lambda said: misread(said, self.text, node.at)) from None
        except ValueError as error:
            raise self.wrong(str(error), node) from None


def _is_age(node: Value) -> bool:
    """Return whether a value is an age, or a sum or difference with one."""
    if isinstance(node, Negative):
        return _is_age(node.value)
    if isinstance(node, Arithmetic):
        return node.operator in "+-" and (_is_age(node.left) or _is_age(node.right))
    return isinstance(node, Age)
