import logging
from datetime import date

import polars as pl
import pytest

from mmrec.recommender.users import choose_features, user_catalog

COUNT = 60
TABLE = pl.DataFrame(
    {
        "user_id": range(COUNT),
        "gender": ["f", "m", None] * (COUNT // 3),
        "age": [str(20 + n % 30) for n in range(COUNT)],
        "born": [date(1980, 1, 1 + n % 28) for n in range(COUNT)],
        "level": [n % 5 for n in range(COUNT)],
        "zip": [f"0{n:04d}" for n in range(COUNT)],
        "name": [f"name {n}" for n in range(COUNT)],
        "country": ["fr"] * COUNT,
        "note": [None] * COUNT,
        "likes": [["a"]] * COUNT,
    },
)


def test_columns_are_guessed_by_their_values(caplog):
    with caplog.at_level(logging.INFO):
        made = choose_features(TABLE)
    assert list(made) == ["category:gender", "number:age", "number:born", "category:level"]
    [said] = caplog.messages
    assert said.startswith("features of users: category:gender, number:age, number:born, ")
    for left in (
        "zip has 60 different values",
        "name has 60 different values",
        "country has the same value for all users",
        "note is empty",
        "likes holds List(String)",
    ):
        assert left in said


def test_columns_are_named():
    made = choose_features(TABLE, ("who=category:gender+country", "number:age"))
    assert list(made) == ["who", "number:age"]
    assert made["who"].columns == ["gender", "country"]


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("text:name", "a feature of users must be written as category:.* got 'text:name'"),
        ("category", "a feature of users must be written as .* got 'category'"),
        ("category:size", r"users must have the columns \['size'\]; got \['gender'"),
        ("category:gendre", r"columns \['gendre'\] \(did you mean 'gender'\?\); got"),
        ("number:user_id", r"users must have the columns \['user_id'\]"),
    ],
)
def test_a_wrong_name_is_refused(name, match):
    with pytest.raises(ValueError, match=match):
        choose_features(TABLE, (name,))


def test_a_name_twice_is_refused():
    with pytest.raises(ValueError, match="must have different names; got 'number:age' twice"):
        choose_features(TABLE, ("number:age", "number:age"))


def test_only_columns_that_are_read_are_kept():
    assert user_catalog(TABLE, ["age", "gender", "age"]).columns == ["item_id", "age", "gender"]
