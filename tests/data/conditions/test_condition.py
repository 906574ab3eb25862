"""What conditions choose, against a reference that looks at one row at a time."""

import operator
import re
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.data import parse_condition
from mmrec.data.conditions import Condition, matches
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

NOW = datetime(2024, 5, 3, tzinfo=UTC).timestamp()
OPERATIONS = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
}
DAYS = [date(2024, 4, 30), date(2024, 5, 1), date(2024, 5, 2)]
ROWS = st.fixed_dictionaries(
    {
        "count": st.none() | st.integers(-3, 3),
        "price": st.none() | st.sampled_from([-1.5, 0.0, 1.0, 2.5]),
        "kind": st.none() | st.sampled_from(["lamp", "chair", "a b"]),
        "stock": st.none() | st.booleans(),
        "day": st.none() | st.sampled_from(DAYS),
        "tags": st.none() | st.lists(st.sampled_from(["lamp", "x"]), max_size=2),
        "path": st.none() | st.text("lx |;>", min_size=1),
    }
)
SCHEMA = {
    "count": pl.Int32,
    "price": pl.Float64,
    "kind": pl.String,
    "stock": pl.Boolean,
    "day": pl.Date,
    "tags": pl.List(pl.String),
    "path": pl.String,
}


def later(*parts):
    """Nodes as tuples of a class and its arguments, see `made`."""
    return st.tuples(st.just(parts[0]), *parts[1:])


def made(parts):
    """A node. Strategies don't make nodes, as the check of shapes draws at random."""
    if isinstance(parts, tuple):
        return parts[0](*map(made, parts[1:]))
    return tuple(map(made, parts)) if isinstance(parts, list) else parts


SIGNS = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
EQUAL = st.sampled_from(["=", "!="])
NUMBER = later(Number, st.integers(-3, 3) | st.sampled_from([-1.5, 2.5, 0.5]))
HOURS = (Arithmetic, (Age, (Column, "day")), "/", (Number, 3600))  # ages need units
NUMERIC = st.recursive(
    st.sampled_from([(Column, "count"), (Column, "price"), HOURS]) | NUMBER,
    lambda inner: (
        later(Arithmetic, inner, st.sampled_from("+-*/"), inner)
        | later(Negative, inner.filter(lambda node: node[0] is not Number))
    ),
    max_leaves=4,
)
WORD = later(Text, st.sampled_from(["lamp", "chair", "x"]))
TIME = later(Time, st.sampled_from(["2024-05-01", "2024-05-01T12:00", "2024-05-02T00:00Z"]))
KIND, DAY, STOCK, TAGS = (Column, "kind"), (Column, "day"), (Column, "stock"), (Column, "tags")
PATH = (Column, "path")
ATOMS = st.one_of(
    later(Comparison, NUMERIC, SIGNS, NUMERIC),
    later(Comparison, st.just(KIND), SIGNS, WORD),
    later(Comparison, st.just(DAY), SIGNS, TIME),
    later(Comparison, TIME, SIGNS, st.just(DAY)),
    later(Comparison, st.just(STOCK), EQUAL, later(Boolean, st.booleans())),
    st.just(STOCK),
    later(In, NUMERIC, st.lists(NUMBER, max_size=3)),
    later(In, st.just(KIND), st.lists(WORD, max_size=3)),
    later(In, st.just(DAY), st.lists(TIME, max_size=3)),
    later(Contains, st.sampled_from([KIND, TAGS]), WORD),
    later(Has, st.sampled_from([KIND, TAGS, PATH]), later(Text, st.sampled_from(["lamp", *"lx"]))),
    later(IsNull, NUMERIC | st.sampled_from([KIND, DAY, STOCK, TAGS])),
)
TESTS = st.recursive(
    ATOMS,
    lambda inner: (
        later(Not, inner)
        | later(AllOf, st.lists(inner, min_size=2, max_size=3))
        | later(AnyOf, st.lists(inner, min_size=2, max_size=3))
    ),
    max_leaves=5,
)


def value(node, row):
    """A value for one row; None where it is missing, seconds for a day."""
    if isinstance(node, Column):
        found = row[node.name]
        if isinstance(found, date):
            return datetime(found.year, found.month, found.day, tzinfo=UTC).timestamp()
        return found
    if isinstance(node, Number):
        return node.value
    if isinstance(node, Text | Boolean):
        return node.value
    if isinstance(node, Time):
        moment = datetime.fromisoformat(node.text)
        return moment.replace(tzinfo=UTC).timestamp()
    if isinstance(node, Age):
        day = value(node.column, row)
        return None if day is None else NOW - day
    if isinstance(node, Negative):
        inner = value(node.value, row)
        return None if inner is None else -inner
    left, right = value(node.left, row), value(node.right, row)
    if left is None or right is None or (node.operator == "/" and right == 0):
        return None
    if node.operator == "/":
        return left / right
    return OPERATIONS[node.operator](float(left), float(right))


def holds(node, row):
    """A test for one row; None where it is neither true nor false."""
    if isinstance(node, Column):
        return row[node.name]
    if isinstance(node, Comparison):
        left, right = value(node.left, row), value(node.right, row)
        missing = left is None or right is None
        return None if missing else OPERATIONS[node.operator](left, right)
    if isinstance(node, In):
        found = value(node.value, row)
        return None if found is None else found in [value(choice, row) for choice in node.choices]
    if isinstance(node, Has):
        found = row[node.column.name]
        found = found.strip() or None if isinstance(found, str) else found
        texts = [found] if isinstance(found, str) else found
        levels = [one.strip() for text in texts or [] for one in re.split(r"[|;]|\s>(?=\s)", text)]
        return None if found is None else node.element.value in levels
    if isinstance(node, Contains):
        found = row[node.column.name]
        return None if found is None else node.element.value in found
    if isinstance(node, IsNull):
        return value(node.value, row) is None
    if isinstance(node, Not):
        inner = holds(node.test, row)
        return None if inner is None else not inner
    found = [holds(test, row) for test in node.tests]
    decisive = isinstance(node, AnyOf)
    if decisive in found:
        return decisive
    return None if None in found else not decisive


@settings(max_examples=200)
@given(TESTS, st.lists(ROWS, min_size=1, max_size=6))
def test_rows_are_chosen_as_one_by_one(test, rows):
    frame = pl.DataFrame(rows, schema=SCHEMA)
    test = made(test)
    condition = Condition(test)
    expected = [holds(test, row) is True for row in rows]
    if not condition.columns:
        return
    found = frame.select(condition.expression(frame, at=NOW).alias("found"))["found"]
    assert found.to_list() == expected
    by_schema = frame.select(condition.expression(frame.schema, at=NOW).alias("found"))["found"]
    assert by_schema.to_list() == expected


TABLE = pl.DataFrame(
    {
        "price": ["9.50", "", " 20 ", None],
        "code": ["007", "7", "x", ""],
        "released": ["2024-05-01", "2024-05-02T10:00Z", "2024-05-02 23:30:00+02:00", None],
        "sold": ["true", "FALSE", "", "True"],
        "narrow": pl.Series([0.1, 0.2, float("nan"), None], dtype=pl.Float32),
        "large": pl.Series([2**53, 2**53 + 1, None, 3]),
        "huge": pl.Series([2**64 - 1, 2**64 - 2, None, 3], dtype=pl.UInt64),
        "small": pl.Series([100, 127, None, -3], dtype=pl.Int8),
        "category": pl.Series(["lamp", "chair", None, "desk"], dtype=pl.Categorical),
        "genres": [["Drama", "War"], [], None, ["drama"]],
        "pair": pl.Series([[1, 2], [3, 4], [5, 6], None], dtype=pl.Array(pl.Int64, 2)),
        "made": pl.Series(
            [datetime(2024, 5, 1, 12), None, datetime(1960, 1, 1), datetime(2024, 5, 2)]
        ),
        "local": pl.Series([datetime(2024, 5, 1, 12)] * 4).dt.replace_time_zone("Europe/Berlin"),
        "length": [timedelta(minutes=3), timedelta(hours=1), None, timedelta(0)],
        "cost": pl.Series(["1.10", "2.20", None, "3.30"]).cast(pl.Decimal(10, 2)),
        "timestamp": [1714521600.0, 1714608000.0, 1714694400.0, None],
        "unix": ["1714694400", "1714521600", "", "0"],
        "empty": [None] * 4,
        "same": ["20", "20", "20", "20"],
        "lamp": [1, 2, 3, 4],
        "sizes": ["S|XL", "XS;X", " 38.0 ; S|38.5", ""],
        "shelf": [
            "Damen > Kleider > Mini",
            "Damen > Kleider",
            None,
            "Kleider (neu)|Mini > Damenmode",
        ],
        "paths": [["Damen > Taschen", None], ["Herren > Taschen"], None, []],
        "an id": [1, 2, 3, 4],
        "thing": [{"a": 1}, None, {"a": 2}, None],
    },
    strict=False,
)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("price < 20", [0]),
        ("price <= 20", [0, 2]),
        ("price = 9.5", [0]),
        ("price = '9.5'", []),
        ("price = '9.50'", [0]),
        ("price is null", [1, 3]),
        ("not price < 20", [2]),
        ("price / lamp < 7", [2]),
        ("price = `same`", [2]),
        ("price in (20, 30)", [2]),
        ("code = '007'", [0]),
        ("code = x", [2]),
        ("code in (x, '7')", [1, 2]),
        ("released = 2024-05-02", [1, 2]),
        ("released > 2024-05-01", [1, 2]),
        ("released <= 2024-05-01", [0]),
        ("released = 2024-05-02T10:00", [1]),
        ("released >= '2024-05-02 12:00'", [2]),
        ("2024-05-01 < released", [1, 2]),
        ("released between 2024-05-01 and 2024-05-02", [0, 1, 2]),
        ("released in (2024-05-01, 2024-05-02T10:00:00+00:00)", [0, 1]),
        ("age(released) < 1d", [1, 2]),
        ("age(made) between 1d and 36h", [0, 3]),
        ("sold", [0, 3]),
        ("not sold", [1]),
        ("sold = true", [0, 3]),
        ("sold != true", [1]),
        ("narrow = 0.1", [0]),
        ("narrow >= 0.2", [1]),
        ("0.1 = `narrow`", [0]),
        ("narrow in (0.1, 5)", [0]),
        ("narrow is null", [2, 3]),
        ("narrow > 0 or narrow <= 0", [0, 1]),
        ("large = 9007199254740993", [1]),
        ("large in (9007199254740993)", [1]),
        ("huge = 18446744073709551615", [0]),
        ("huge in (18446744073709551615)", [0]),
        ("huge > -1", [0, 1, 3]),
        ("small < 1000", [0, 1, 3]),
        ("small < 1e30", [0, 1, 3]),
        ("small < 99999999999999999999", [0, 1, 3]),
        ("small * small > 16000", [1]),
        ("small = 99.5 + 0.5", [0]),
        ("category in (lamp2, desk)", [3]),
        ("category = 'lamp'", [0]),
        ("category < 'd'", [1]),
        ("genres contains Drama", [0]),
        ("not genres contains Drama", [1, 3]),
        ("genres is null", [2]),
        ("pair contains 4", [1]),
        ("pair has 4", [1]),
        ("genres has Drama", [0]),
        ("not genres has Drama", [1, 3]),
        ("sizes has S", [0, 2]),
        ("sizes not has S", [1]),
        ("sizes has 'X.'", []),
        ("sizes has 38", [2]),
        ("sizes has 3", []),
        ("sizes has 38.5", [2]),
        ("shelf has Damen", [0, 1]),
        ("shelf has Kleider", [0, 1]),
        ("shelf has Mini", [0, 3]),
        ("shelf has 'Damen > Kleider'", [0, 1]),
        ("shelf has 'Kleider (neu)'", [3]),
        ("shelf has 'Damen > Mini'", []),
        ("paths has Damen", [0]),
        ("paths has Taschen", [0, 1]),
        ("category has lamp2", []),
        ("category has chair", [1]),
        ("made < 1970-01-01", [2]),
        ("made = 2024-05-01", [0]),
        ("made >= 2024-05-01T12:00", [0, 3]),
        ("local = 2024-05-01T10:00Z", [0, 1, 2, 3]),
        ("length < 5min", [0, 3]),
        ("cost < 2.5", [0, 1]),
        ("timestamp >= 2024-05-02", [1, 2]),
        ("timestamp < 1714600000", [0]),
        ("age(timestamp) <= 1d", [1, 2]),
        ("age(unix) <= 3d", [0, 1]),
        ("age(unix) >= 0", [0, 1, 3]),
        ("age(unix) / 86400 <= 3", [0, 1]),
        ("age(unix) - age(timestamp) > length", [1]),
        ("empty = 3", []),
        ("empty = x", []),
        ("empty is null", [0, 1, 2, 3]),
        ("`an id` > 2", [2, 3]),
        ("thing is null", [1, 3]),
        ("lamp / (lamp - 1) > 0", [1, 2, 3]),
        ("lamp / 0 is null", [0, 1, 2, 3]),
        ("1 = 1 or lamp > 3", [0, 1, 2, 3]),
        ("lamp in ()", []),
        ("lamp not in ()", [0, 1, 2, 3]),
        ("code contains '0'", [0]),
        ("code contains '.'", []),
    ],
)
def test_columns_of_all_types(text, rows):
    condition = parse_condition(text)
    found = TABLE.select(condition.expression(TABLE, at=NOW).alias("found"))["found"]
    assert found.dtype == pl.Boolean
    assert np.flatnonzero(found.to_numpy()).tolist() == rows


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prise < 3", "there is no column 'prise' (did you mean 'price'?) among ['price',"),
        ("PRICE < 3", "(did you mean 'price'?)"),
        ("code = NEW-1", '; a text with - needs quotes: "NEW-1": code = NEW[here]-1'),
        ("code != A-B-lamp", '; a text with - needs quotes: "A-B-lamp": code'),
        ("lamp = NEW-1", "there is no column 'NEW' among"),
        ("code = NEW - 1", "and others: code = NEW [here]- 1"),
        ("zzzzz < 3", "there is no column 'zzzzz' among"),
        ("lamp > 1 and xx is null", "lamp > 1 and [here]xx is null"),
        ("code < 3", "'code' can't be compared with a number: it holds 'x'; in quotes, a number"),
        ("code = 007", "it holds 'x'"),
        ("code / 2 > 1", "can't be compared with a number: it holds 'x'"),
        ("code > 2024-05-01", "'code' can't be compared with a date such as 2024-05-01: it holds"),
        ("code", "'code' can't be compared with true or false: it holds '007'"),
        ("lamp", "'lamp' holds Int64, which can't be compared with true or false: [here]lamp"),
        ("price = same", 'same must be "same" (a text) or `same` (a column): price = [here]same'),
        ("lamp = x", 'lamp (a number) can\'t be compared with "x" (text)'),
        ("lamp = true", "lamp (a number) can't be compared with true (true or false)"),
        ("lamp >= 2024-05-01", "lamp (a number) can't be compared with 2024-05-01 (a date)"),
        ("made > 5", "made (a date) can't be compared with 5 (a number)"),
        ("made > lunch", "there is no column 'lunch'"),
        ("made > 'lunch'", 'expected a date such as 2024-05-01; got "lunch"'),
        ("made in (lunch)", 'expected a date such as 2024-05-01; got "lunch"'),
        ("price < '20'", "'price' holds values like a number, and \"20\" is text"),
        ("sold > true", "true and false have no order: sold [here]> true"),
        (
            "category = lamp",
            'lamp must be "lamp" (a text) or `lamp` (a column): category = [here]lamp',
        ),
        ("category in (lamp)", "category in ([here]lamp)"),
        ("genres contains lamp", "genres contains [here]lamp"),
        (
            "genres = Drama",
            "'genres' must hold single values; got List(String); lists are searched",
        ),
        ("thing = 1", "'thing' must hold single values; got Struct"),
        ("genres contains 3", "'genres' holds List(String), where 3 (a number) can't be"),
        ("price has true", "has searches lists and texts for a text or a number"),
        ("pair has x", "'pair' holds Array(Int64, shape=(2,)), where \"x\" (text) can't be"),
        ("lamp has 3", "'lamp' holds Int64, and 3 is a number: lamp [here]has 3"),
        ("shelf has lamp", "shelf has [here]lamp"),
        ("price contains 3", "contains searches lists, or texts for a text in quotes"),
        ("lamp contains '3'", "contains searches lists, or texts for a text in quotes"),
        ("category in ('a', 3)", "a list must hold values of one kind; got ['number', 'text']"),
        ("price in ('a', 3)", "a list must hold values of one kind; got ['number', 'text']"),
        ("made + 1 > 2", "expected a number; got made (a date)"),
        ("sold * 2 > 2", "'sold' can't be compared with a number: it holds 'true'"),
        ("'x' * lamp > 2", 'expected a number; got "x" (text)'),
        (
            "age(code) < 1d",
            "'code' can't be compared with a date such as 2024-05-01: it holds '007'",
        ),
        ("age(released) < 3", "age needs a unit, such as 3d; got 3: age(released) < [here]3"),
        ("3 > age(released)", "age needs a unit, such as 3d; got 3: [here]3 > age"),
        ("age(released) between 1d and 3", "age needs a unit, such as 3d; got 3"),
        ("age(released) in (1d, 3)", "age needs a unit, such as 3d; got 3"),
        ("age(released) != 60 * 60", "age needs a unit, such as 3d; got 60 * 60"),
        ("-age(released) > -3", "age needs a unit, such as 3d; got -3"),
        ("age(released) - age(made) < 3", "age needs a unit, such as 3d; got 3"),
        ("age(huge) < 1d", "the times in 'huge' must be seconds since 1970"),
        ("age(sold) < 1d", "'sold' can't be compared with a date"),
    ],
)
def test_a_condition_that_the_table_does_not_fit(text, message):
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        parse_condition(text).expression(TABLE)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("the condition can't be used: ")


def test_milliseconds_are_recognized():
    frame = pl.DataFrame({"created_at": [1.7e12]})
    with pytest.raises(ValueError, match=r"since 1970; got .* looks like milliseconds"):
        parse_condition("age(created_at) < 1h").expression(frame)


def test_a_schema_does_for_typed_columns_alone():
    schema = {"price": pl.String(), "cost": pl.Float64()}
    frame = pl.DataFrame({"price": ["3", "4"], "cost": [3.0, 4.0]})
    for text in ("cost > 3", "price = '4'"):
        expression = parse_condition(text).expression(schema)
        assert frame.filter(expression)["cost"].to_list() == [4.0]
    with pytest.raises(ValueError, match="expected a frame; got its schema"):
        parse_condition("price > 3").expression(schema)


def test_a_condition_is_its_test():
    assert parse_condition("a<1") == parse_condition("a  <  1")
    assert hash(parse_condition("a<1")) == hash(parse_condition("a  <  1"))


FLAGS = pl.DataFrame({"safe": ["true", "False", ""], "mixed": ["true", "no", ""], "none": [""] * 3})


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("safe = true", [0]),
        ("safe = 'TRUE'", [0]),
        ("safe != 'false'", [0]),
        ("safe in ('true', 'false')", [0, 1]),
        ("mixed != no", [0]),
        ("mixed = 'true'", [0]),
        ("none != no", []),
    ],
)
def test_texts_that_are_truth_values_equal_these(condition, expected):
    assert np.flatnonzero(matches(FLAGS, condition)).tolist() == expected


@pytest.mark.parametrize(
    "condition",
    ["safe = yes", "safe != no", "not safe = no", "safe in (true, no)"],
)
def test_another_text_equals_no_truth_value(condition):
    said = r"'safe' can't be compared with \"(yes|no)\" \(text\): it holds true or false"
    with pytest.raises(ValueError, match=said):
        matches(FLAGS, condition)
    with pytest.raises(ValueError, match="'safe' can't be compared"):
        matches(FLAGS, {"safe": {"!=": "no"}})
    # Of an event alone it can't be known that its column holds nothing else.
    one = pl.DataFrame({"safe": ["true"]})
    rows = one.select(parse_condition("safe = no").expression(one).alias("found"))
    assert rows["found"].to_list() == [False]
