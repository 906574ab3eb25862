"""What a condition consists of. ``str`` of a node is the text from which it is read again.

A **value** is a column, a literal, arithmetic or an age. A **test** is true, false or, where a
value is missing, neither. A column of booleans is a test too.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
"""Seconds of a unit of time."""

KEYWORDS = frozenset(
    ["and", "or", "not", "in", "between", "has", "contains", "is", "null", "true", "false"]
)
_NAME = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True)
class Node:
    """A part of a condition.

    Attributes:
        at: its place in the text, counted from 0; None if it was not read from a text.
    """

    at: int | None = field(default=None, kw_only=True, compare=False, repr=False)


@dataclass(frozen=True)
class Column(Node):
    """The values of a column."""

    name: str

    def __str__(self) -> str:
        plain = _NAME.fullmatch(self.name) and self.name.lower() not in KEYWORDS
        return self.name if plain else self.quoted()

    def quoted(self) -> str:
        """Return the name in backticks, which is never read as text."""
        return "`" + self.name.replace("\\", "\\\\").replace("`", "\\`") + "`"


@dataclass(frozen=True)
class Number(Node):
    """A number, or a span of time with its unit."""

    value: int | float
    unit: str = ""

    def __str__(self) -> str:
        return f"{self.value!r}{self.unit}"

    @property
    def amount(self) -> int | float:
        """The number; a span of time in seconds."""
        amount = self.value * UNITS[self.unit] if self.unit else self.value
        return amount if abs(amount) < 2**127 else float(amount)  # what 128 bits can't hold


@dataclass(frozen=True)
class Text(Node):
    """A text.

    Attributes:
        value: the text.
        bare: whether it was written without quotes.
    """

    value: str
    bare: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        return '"' + self.value.replace("\\", "\\\\").replace('"', '\\"') + '"'


@dataclass(frozen=True)
class Boolean(Node):
    """True or false."""

    value: bool

    def __str__(self) -> str:
        return str(self.value).lower()


@dataclass(frozen=True)
class Time(Node):
    """A date, which stands for the whole day, or a date with a time; UTC unless it has a zone.

    Raises:
        ValueError: the text is not a date in ISO form.
    """

    text: str

    def __post_init__(self) -> None:
        _ = self.seconds

    def __str__(self) -> str:
        return self.text

    @property
    def is_day(self) -> bool:
        """Whether it has no time of day."""
        return len(self.text) == len("2024-05-01")

    @property
    def seconds(self) -> float:
        """Seconds since 1970; of a day its start."""
        moment = datetime.fromisoformat(self.text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


Literal = Number | Text | Boolean | Time


@dataclass(frozen=True)
class Age(Node):
    """The seconds since the time in a column."""

    column: Column

    def __str__(self) -> str:
        return f"age({self.column})"


@dataclass(frozen=True)
class Negative(Node):
    """A value with the other sign."""

    value: "Value"

    def __str__(self) -> str:
        return f"-{_grouped(self.value)}"


@dataclass(frozen=True)
class Arithmetic(Node):
    """A sum, difference, product or quotient."""

    left: "Value"
    operator: str
    right: "Value"

    def __str__(self) -> str:
        return f"{_grouped(self.left)} {self.operator} {_grouped(self.right)}"


Value = Column | Number | Text | Boolean | Time | Age | Negative | Arithmetic


@dataclass(frozen=True)
class Comparison(Node):
    """Two values, compared by ``=``, ``!=``, ``<``, ``<=``, ``>`` or ``>=``."""

    left: Value
    operator: str
    right: Value

    def __str__(self) -> str:
        # A name alone on the right of = would be read as a text.
        right = self.right.quoted() if isinstance(self.right, Column) else self.right
        return f"{self.left} {self.operator} {right}"


@dataclass(frozen=True)
class In(Node):
    """Whether a value is one of several."""

    value: Value
    choices: tuple[Literal, ...]

    def __str__(self) -> str:
        return f"{self.value} in ({', '.join(map(str, self.choices))})"


@dataclass(frozen=True)
class Contains(Node):
    """Whether a list has an element, or a text another text in it."""

    column: Column
    element: Literal

    def __str__(self) -> str:
        return f"{self.column} contains {self.element}"


@dataclass(frozen=True)
class Has(Node):
    """Whether a list, or a text that lists values, has a value; of a path, a level or several."""

    column: Column
    element: Literal

    def __str__(self) -> str:
        return f"{self.column} has {self.element}"


@dataclass(frozen=True)
class IsNull(Node):
    """Whether a value is missing."""

    value: Value

    def __str__(self) -> str:
        return f"{self.value} is null"


@dataclass(frozen=True)
class Not(Node):
    """The opposite of a test."""

    test: "Test"

    def __str__(self) -> str:
        return f"not {_grouped(self.test)}"


@dataclass(frozen=True)
class AllOf(Node):
    """Several tests, all of which must hold."""

    tests: tuple["Test", ...]

    def __str__(self) -> str:
        return " and ".join(map(_grouped, self.tests))


@dataclass(frozen=True)
class AnyOf(Node):
    """Several tests, one of which must hold."""

    tests: tuple["Test", ...]

    def __str__(self) -> str:
        return " or ".join(map(_grouped, self.tests))


Test = Column | Comparison | In | Has | Contains | IsNull | Not | AllOf | AnyOf


def _grouped(node: Node) -> str:
    """Return the text of a node, in parentheses if it has parts that could be read otherwise."""
    return (
        f"({node})" if isinstance(node, Arithmetic | Negative | AllOf | AnyOf | Not) else str(node)
    )


def columns_of(node: Node) -> list[str]:
    """Return the names of the columns that a node uses, each once, in their order.

    Example:
        >>> columns_of(Comparison(Arithmetic(Column("a"), "/", Column("b")), "<", Number(1)))
        ['a', 'b']
    """
    return list(dict.fromkeys(one.name for one in nodes_of(node) if isinstance(one, Column)))


def nodes_of(node: Node) -> Iterator[Node]:
    """Yield a node and all nodes in it, in their order.

    Example:
        >>> [str(one) for one in nodes_of(Negative(Arithmetic(Column("a"), "/", Number(2))))]
        ['-(a / 2)', 'a / 2', 'a', '2']
    """
    waiting: list[object] = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, tuple):
            waiting += reversed(one)
        elif isinstance(one, Node):
            yield one
            waiting += reversed(list(vars(one).values()))
