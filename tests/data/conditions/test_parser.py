import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrec.data import parse_condition
from mmrec.data.conditions import Condition
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
    Negative,
    Not,
    Number,
    Text,
    Time,
)
from mmrec.data.conditions.parser import DEEPEST, MOST_OPERATIONS, MOST_TESTS


def later(*parts):
    """Nodes as tuples of a class and its arguments, see `made`."""
    return st.tuples(st.just(parts[0]), *parts[1:])


def made(parts):
    """A node. Strategies don't make nodes, as the check of shapes draws at random."""
    if isinstance(parts, tuple):
        return parts[0](*map(made, parts[1:]))
    return tuple(map(made, parts)) if isinstance(parts, list) else parts


SPANS = st.sampled_from(["", "s", "min", "h", "d", "w"])
NUMBERS = st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
TIMES = st.dates().map(lambda day: day.isoformat()) | st.datetimes().map(
    lambda moment: moment.isoformat()
)
COLUMNS = later(Column, st.text(min_size=1, max_size=5) | st.sampled_from(["price", "and", "a b"]))
LITERALS = (
    later(Number, NUMBERS, SPANS)
    | later(Text, st.text(max_size=6))
    | later(Boolean, st.booleans())
    | later(Time, TIMES)
)
VALUES = st.recursive(
    COLUMNS | LITERALS | later(Age, COLUMNS),
    lambda inner: (
        later(Arithmetic, inner, st.sampled_from("+-*/"), inner)
        | later(Negative, inner.filter(lambda node: node[0] is not Number))
    ),
    max_leaves=4,
)
TESTS = st.recursive(
    COLUMNS
    | later(Comparison, VALUES, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), VALUES)
    | later(In, VALUES, st.lists(LITERALS, max_size=3))
    | later(Contains, COLUMNS, LITERALS)
    | later(Has, COLUMNS, LITERALS)
    | later(IsNull, VALUES),
    lambda inner: (
        later(Not, inner)
        | later(AllOf, st.lists(inner, min_size=2, max_size=3))
        | later(AnyOf, st.lists(inner, min_size=2, max_size=3))
    ),
    max_leaves=6,
)
NODES = [
    ("stock", Column("stock")),
    ("a = b", Comparison(Column("a"), "=", Text("b"))),
    ("a = `b`", Comparison(Column("a"), "=", Column("b"))),
    ("a = b + 1", Comparison(Column("a"), "=", Arithmetic(Column("b"), "+", Number(1)))),
    ("a < b", Comparison(Column("a"), "<", Column("b"))),
    ("a == -1.5e3", Comparison(Column("a"), "=", Number(-1500.0))),
    (r"a != 'it\'s'", Comparison(Column("a"), "!=", Text("it's"))),
    ("`a\\`b` = TRUE", Comparison(Column("a`b"), "=", Boolean(True))),
    ("age(a) < 6h", Comparison(Age(Column("a")), "<", Number(6, "h"))),
    ("age < 6", Comparison(Column("age"), "<", Number(6))),
    ("a - 1 - 2 > 0", "(a - 1) - 2 > 0"),
    ("a + b * c > 0", "a + (b * c) > 0"),
    ("-a * b > 0", "(-a) * b > 0"),
    ("-(a) > 0", "-a > 0"),
    ("2024-05-01 <= a", Comparison(Time("2024-05-01"), "<=", Column("a"))),
    ("2024 - 05 - 1 <= a", "(2024 - 5) - 1 <= a"),
    ("x or y and not z", AnyOf((Column("x"), AllOf((Column("y"), Not(Column("z"))))))),
    ("1 < a <= 2", "1 < `a` and a <= 2"),
    ("a BETWEEN 1 AND 2 AND b", "(a >= 1 and a <= 2) and b"),
    ("a not between 1 and 2", "not (a >= 1 and a <= 2)"),
    ("a not in (b, 'c d', 1)", Not(In(Column("a"), (Text("b"), Text("c d"), Number(1))))),
    ("a in [1,]", In(Column("a"), (Number(1),))),
    ("a not contains b", Not(Contains(Column("a"), Text("b")))),
    ("a has b", Has(Column("a"), Text("b"))),
    ("a NOT HAS 'b > c'", Not(Has(Column("a"), Text("b > c")))),
    ("`has` has 3", Has(Column("has"), Number(3))),
    ("a is not null", Not(IsNull(Column("a")))),
    ("a / b is null", IsNull(Arithmetic(Column("a"), "/", Column("b")))),
    ("((a))", Column("a")),
]


@given(TESTS)
def test_a_printed_condition_is_read_as_the_same(test):
    condition = Condition(made(test))
    if condition.columns:
        found = parse_condition(str(condition))
        assert found == condition
        assert str(found) == str(condition)


@pytest.mark.parametrize(("text", "node"), NODES)
def test_what_a_text_states(text, node):
    expected = parse_condition(node).test if isinstance(node, str) else node
    assert parse_condition(text).test == expected


def test_columns_in_the_order_of_their_use():
    condition = parse_condition("b / a < 0.1 and age(c) < 1d or d in (e) and a = `f` and g = h")
    assert condition.columns == ("b", "a", "c", "d", "f", "g")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a value; got the end: [here]"),
        ("price <", "expected a value; got the end: price <[here]"),
        ("price < ) and x", "expected a value; got ')': price < [here]) and x"),
        ("(price < 3", "expected ); got the end: (price < 3[here]"),
        ("price < 3)", "expected and, or, or the end; got ')': price < 3[here])"),
        ("a b", "expected and, or, or the end; got 'b': a [here]b"),
        ("a = lamp shade", "got 'shade': a = lamp [here]shade"),
        ("a = 'x", "the quote ' is not closed: a = [here]'x"),
        ("a # 3", "'#' has no meaning here; a text needs quotes: a [here]# 3"),
        ("a < 5m", "a unit must be one of s, min, h, d, w, and a text needs quotes; got '5m'"),
        ("a = null", "got 'null'; a missing value is found by: is null: a = [here]null"),
        ("a in 3", "expected a list such as (a, b); got '3'"),
        ("a in (1 2)", "expected , or ); got '2'"),
        ("a in (1", "expected , or ); got the end"),
        (
            "a in (SKU-1,SKU-2)",
            "expected , or ); got '-'; a text with - needs quotes: \"SKU-1\"",
        ),
        ("a in ['x', A-B-1]", "expected , or ]; got '-'; a text with - needs quotes: \"A-B-1\""),
        ("a contains x/y", "got '/'; a text with / needs quotes: \"x/y\": a"),
        ("a = NEW-01a", "got '01a'; a text with - needs quotes: \"NEW-01a\": a = NEW-[here]01a"),
        ("a is 3", "expected null; got '3'"),
        ("a not 3", "expected in, between, has or contains; got '3'"),
        ("a / 2 has 3", "has must follow the name of a column"),
        ("a / 2 contains 3", "contains must follow the name of a column"),
        ("a between 1 or 2", "expected and; got 'or'"),
        ("1 < a > 2", "only ranges such as 10 <= price < 20 have two comparisons"),
        ("(a < 1) < 2", "expected a value; got a condition: (a [here]< 1) < 2"),
        ("(a < 1) + 2 < 3", "expected a value; got a condition"),
        ("a < 1 and 2", "expected a comparison; got only 2: a < 1 and [here]2"),
        ("a + 1", "expected a comparison; got only a + 1"),
        ("age(3) < 1", "age expects a column; got '3'"),
        ("a > 2024-13-01", "there is no such time as 2024-13-01"),
        ("a > 1e999", "a number is too large"),
        ("a > " + "9" * 400, "a number is too large"),
        ("1 = 1", "a condition must name a column, on the left; got '1 = 1'"),
        ("'a' = 1", "a condition must name a column"),
        ("a = x" + " " * 60 + ")", f"got ')': …{' ' * 40}[here])"),
    ],
)
def test_a_text_that_is_no_condition(text, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_condition(text)


@pytest.mark.usefixtures("unchecked")
def test_a_condition_is_a_text():
    with pytest.raises(ValueError, match="a condition must be text; got 3"):
        parse_condition(3)


WORDS = st.sampled_from(
    [
        *("a", "1", "1.5", "2024-05-01", "'x'", "`y`", "age", "6h", "true", "null", "and", "or"),
        *("not", "in", "is", "between", "contains", *"()[],<=+-*/\\\"'²٣\0", "<=", "!="),
    ]
)


@given(st.text() | st.lists(WORDS, max_size=30).map(" ".join))
def test_any_text_is_read_or_refused(text):
    try:
        parse_condition(text)
    except ValueError as error:
        assert "condition" in str(error)  # noqa: PT017  # either outcome is right


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5000,
        "not " * 2500,
        "-" * 9999,
        "a in (" + "1," * 4900 + "1)",
        " or ".join(["a = 1"] * 1100),
        "a = " + "+".join("a" * 4900),
        "'" * 9999,
        "\\" * 9999,
        '"\\' * 4999,
        " " * 9999 + "#",
        "9" * 9999,
        "a" * 9999,
        "(a < " * 1900,
        "a = 1" + ")" * 9000,
        "2024-05-01" * 999,
        "1e" * 4999,
        "a = 1 " * 2000,
    ],
)
@pytest.mark.usefixtures("no_hang")
def test_no_text_takes_long(text):
    try:
        parse_condition(text)
    except ValueError as error:
        assert len(str(error)) < 300  # noqa: PT017  # either outcome is right


@pytest.mark.parametrize(
    ("most", "more", "message"),
    [
        ("(" * DEEPEST + "a" + ")" * DEEPEST, "({})", f"nests more than {DEEPEST} deep"),
        (
            "a" + "+a" * MOST_OPERATIONS + " > 0",
            "a*{}",
            f"more than {MOST_OPERATIONS} arithmetic operations",
        ),
        ("a" + " or a" * (MOST_TESTS - 1), "a and {}", f"more than {MOST_TESTS} comparisons"),
        ("a = '" + "x" * 9994 + "'", "{} ", "must have 10,000 characters at most; got 10,001"),
    ],
)
def test_limits(most, more, message):
    parse_condition(most)
    with pytest.raises(ValueError, match=message):
        parse_condition(more.format(most))
