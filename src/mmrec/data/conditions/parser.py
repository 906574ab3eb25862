"""From the text of a condition to its nodes.

A parser by recursive descent. The text is read once from left to right, and what nests or adds up
is limited, so that no text takes long or exhausts the stack.
"""

import math
from collections.abc import Callable

from mmrec.data.conditions.nodes import (
    Age,
    AllOf,
    AnyOf,
    Arithmetic,
    Boolean,
    Column,
    Comparison,
    Contains,
    Has,
    In,
    IsNull,
    Literal,
    Negative,
    Node,
    Not,
    Number,
    Test,
    Text,
    Time,
    Value,
)
from mmrec.data.conditions.tokens import Token, misread, tokens_of, unquoted

DEEPEST = 15
"""Parentheses, signs and ``not`` in each other, at most."""

MOST_OPERATIONS = 50
"""Arithmetic operations of a condition, at most; the time of polars is quadratic in them."""

MOST_TESTS = 100
"""Comparisons of a condition, at most; a list counts once."""

COMPARED = {sign: sign for sign in ("=", "!=", "<", "<=", ">", ">=")} | {"==": "="}
_VALUES = (Column, Number, Text, Boolean, Time, Age, Negative, Arithmetic)
_TESTS = (Column, Comparison, In, Has, Contains, IsNull, Not, AllOf, AnyOf)


class Parser:
    """Reads one condition.

    Args:
        text: the condition.

    Raises:
        ValueError: a word of the text is unknown.
    """

    def __init__(self, text: str) -> None:
        self.text, self.tokens = text, list(tokens_of(text))
        self.place = self.depth = self.operations = self.comparisons = 0

    def condition(self) -> Test:
        """Return the test that the whole text states.

        Raises:
            ValueError: the text can't be read; the message marks the place.
        """
        node = self._test(self._any())
        if self._now.kind != "end":
            raise self._unexpected("and, or, or the end")
        return node

    @property
    def _now(self) -> Token:
        return self.tokens[self.place]

    def _any(self) -> Node:
        return self._joined("or", self._all, AnyOf)

    def _all(self) -> Node:
        return self._joined("and", self._not, AllOf)

    def _joined(self, word: str, part: Callable[[], Node], kind: type[AllOf] | type[AnyOf]) -> Node:
        first = part()
        if not self._is(word):
            return first
        tests = [self._test(first)]
        while self._took(word):
            tests.append(self._test(part()))
        return kind(tuple(tests), at=first.at)

    def _not(self) -> Node:
        at = self._now.at
        if not self._took("not"):
            return self._predicate()
        return self._deeper(lambda: Not(self._test(self._not()), at=at))

    def _predicate(self) -> Node:
        """Return a comparison, or what could be compared."""
        left, token = self._sum(), self._now
        self.comparisons += 1
        if self.comparisons > MOST_TESTS:
            raise self._wrong(
                f"it has more than {MOST_TESTS} comparisons; a list counts once", token
            )
        if self._now.value in COMPARED and self._now.kind == "sign":
            return self._compared(self._value(left))
        if self._took("is"):
            negated = self._took("not")
            self._expect("null")
            return self._negated(IsNull(self._value(left), at=token.at), negated)
        negated = self._took("not")
        if self._took("in"):
            return self._negated(In(self._value(left), self._choices(), at=token.at), negated)
        if self._took("between"):
            value, low = self._value(left), self._value(self._sum())
            self._expect("and")
            high = self._value(self._sum())
            bounds = (_compare(value, ">=", low, token), _compare(value, "<=", high, token))
            return self._negated(AllOf(bounds, at=token.at), negated)
        for word, kind in (("has", Has), ("contains", Contains)):
            if self._took(word):
                if not isinstance(left, Column):
                    raise self._wrong(f"{word} must follow the name of a column", token)
                return self._negated(kind(left, self._literal(), at=token.at), negated)
        if negated:
            raise self._unexpected("in, between, has or contains")
        return left

    def _compared(self, left: Value) -> Node:
        """Return ``left < right``, or a range ``left < middle < right``."""
        token = self._next()
        operator = COMPARED[token.value]
        right = self._right_side(operator)
        first = _compare(left, operator, right, token)
        again = self._now
        if again.kind != "sign" or again.value not in COMPARED:
            return first
        self._next()
        if not (operator[0] == again.value[0] and operator[0] in "<>"):
            raise self._wrong("only ranges such as 10 <= price < 20 have two comparisons", again)
        second = _compare(right, again.value, self._value(self._sum()), again)
        return AllOf((first, second), at=left.at)

    def _right_side(self, operator: str) -> Value:
        """Return what a value is compared with; after = and != a word alone is a text."""
        alone = self.tokens[self.place + 1 : self.place + 2]
        goes_on = alone and alone[0].kind == "sign" and alone[0].value in "+-*/("
        if operator in ("=", "!=") and self._now.kind == "word" and not goes_on:
            return self._literal()
        return self._value(self._sum())

    def _sum(self) -> Node:
        return self._chain("+-", self._product)

    def _product(self) -> Node:
        return self._chain("*/", self._signed)

    def _chain(self, signs: str, part: Callable[[], Node]) -> Node:
        left = part()
        while self._now.kind == "sign" and self._now.value in signs:
            token = self._next()
            self.operations += 1
            if self.operations > MOST_OPERATIONS:
                raise self._wrong(
                    f"it has more than {MOST_OPERATIONS} arithmetic operations", token
                )
            right = self._value(part())
            left = Arithmetic(self._value(left), token.value, right, at=token.at)
        return left

    def _signed(self) -> Node:
        at = self._now.at
        if not self._took("-"):
            return self._primary()
        value = self._value(self._deeper(self._signed))
        if isinstance(value, Number):
            return Number(-value.value, value.unit, at=at)
        return Negative(value, at=at)

    def _primary(self) -> Node:
        if self._took("("):
            node = self._deeper(self._any)
            self._expect(")")
            return node
        token = self._now
        if token.kind in ("name", "word"):
            self._next()
            if token.kind == "word" and token.value.lower() == "age" and self._took("("):
                column = self._next()
                if column.kind not in ("name", "word"):
                    raise self._wrong(f"age expects a column; got {column}", column)
                self._expect(")")
                return Age(Column(column.value, at=column.at), at=token.at)
            return Column(token.value, at=token.at)
        return self._literal()

    def _choices(self) -> tuple[Literal, ...]:
        """Return the values of a list in parentheses or brackets."""
        opening = self._now.value
        if not (self._took("(") or self._took("[")):
            raise self._unexpected("a list such as (a, b)")
        closing, choices = {"(": ")", "[": "]"}[opening], []
        while not self._took(closing):
            choices.append(self._literal())
            if not (self._is(closing) or self._took(",")):
                raise self._unexpected(f", or {closing}")
        return tuple(choices)

    def _literal(self) -> Literal:
        """Return a number, text, date or truth value; a word is a text here."""
        minus = self._took("-")
        token = self._next()
        made: Literal | None = None
        if token.kind == "number":
            number = self._number(token)
            made = Number(-number if minus else number, token.unit, at=token.at)
        elif minus:
            raise self._wrong(f"expected a number after -; got {token}", token)
        elif token.kind == "time":
            try:
                made = Time(token.value, at=token.at)
            except ValueError:
                raise self._wrong(f"there is no such time as {token.value}", token) from None
        elif token.kind in ("text", "word"):
            made = Text(token.value, token.kind == "word", at=token.at)
        elif token.value in ("true", "false") and token.kind == "keyword":
            made = Boolean(token.value == "true", at=token.at)
        if made is None:
            advice = "; a missing value is found by: is null" if token.value == "null" else ""
            raise self._wrong(f"expected a value; got {token}{advice}", token)
        return made

    def _number(self, token: Token) -> int | float:
        if token.value.isdecimal() and len(token.value) <= 30:
            return int(token.value)
        number = float(token.value)
        if math.isinf(number):
            raise self._wrong("a number is too large", token)
        return number

    def _value(self, node: Node) -> Value:
        if not isinstance(node, _VALUES):
            raise ValueError(misread("expected a value; got a condition", self.text, node.at))
        return node

    def _test(self, node: Node) -> Test:
        if not isinstance(node, _TESTS):
            reason = f"expected a comparison; got only {node}"
            raise ValueError(misread(reason, self.text, node.at))
        return node

    def _negated(self, test: Test, negated: bool) -> Test:
        return Not(test, at=test.at) if negated else test

    def _deeper(self, read: Callable[[], Node]) -> Node:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self._wrong(f"it nests more than {DEEPEST} deep", self._now)
        node = read()
        self.depth -= 1
        return node

    def _next(self) -> Token:
        token = self._now
        if token.kind != "end":
            self.place += 1
        return token

    def _is(self, value: str) -> bool:
        return self._now.kind in ("sign", "keyword") and self._now.value == value

    def _took(self, value: str) -> bool:
        found = self._is(value)
        if found:
            self._next()
        return found

    def _expect(self, value: str) -> None:
        if not self._took(value):
            raise self._unexpected(value)

    def _unexpected(self, wanted: str) -> ValueError:
        advice = unquoted(self.text, self._now.at) if self._now.value in "+-*/" else ""
        return self._wrong(f"expected {wanted}; got {self._now}{advice}", self._now)

    def _wrong(self, reason: str, token: Token) -> ValueError:
        return ValueError(misread(reason, self.text, token.at))


def _compare(left: Value, operator: str, right: Value, token: Token) -> Comparison:
    return Comparison(left, operator, right, at=token.at)
