import re

import numpy as np
import polars as pl
import pytest

from mmrec.data import Catalog, parse_condition

TYPED = {
    "item_id": [1, 2, 3, 4],
    "year": [1995, 1996, 1995, 2001],
    "gaps": [1995.0, None, 1.5, 2001.0],
    "stock": [True, False, None, True],
    "text": ["1995", "", None, "True"],
    "tags": [["x"], ["y"], [], None],
}


@pytest.mark.parametrize(
    ("conditions", "found"),
    [
        ({}, [1, 2, 3, 4]),
        ({"year": 1995}, [1, 3]),
        ({"year": "1995"}, [1, 3]),
        ({"year": 1995.0}, [1, 3]),
        ({"year": [1996, 2001]}, [2, 4]),
        ({"year": {1996}}, [2]),
        ({"year": []}, []),
        ({"year": 1}, []),
        ({"gaps": 1995}, [1]),
        ({"gaps": [1.5, "2001"]}, [3, 4]),
        ({"gaps": None}, [2]),
        ({"stock": True}, [1, 4]),
        ({"stock": "false"}, [2]),
        ({"stock": [False, None]}, [2, 3]),
        ({"text": 1995}, [1]),
        ({"text": True}, [4]),
        ({"text": None}, [2, 3]),
        ({"item_id": [1, 4], "year": 1995}, [1]),
        (pl.col("year") > 1995, [2, 4]),
        (pl.col("gaps") > 1, [1, 3, 4]),
        (pl.col("tags").list.contains("x"), [1]),
        ((pl.col("year") == 1995) & pl.col("stock").is_null(), [3]),
        ("year = 1995 and stock is null", [3]),
        (parse_condition("year > 1995"), [2, 4]),
        (["year > 1995", {"stock": True}, pl.col("item_id") < 9], [4]),
        ([], [1, 2, 3, 4]),
        ({"year": {"<": 2000}, "gaps": {">": 2}}, [1]),
        ({"year": {">=": 1995, "<": 1996}}, [1, 3]),
        ({"tags": {"contains": "y"}}, [2]),
        ({"tags": {"has": "y"}}, [2]),
    ],
)
def test_where(conditions, found):
    mask = Catalog(TYPED).where(conditions)
    assert mask.dtype == bool
    assert np.flatnonzero(mask).tolist() == found
    assert len(mask) == 5


def test_where_finds_the_same_in_a_csv_file(tmp_path):
    pl.DataFrame(TYPED).drop("tags").write_csv(tmp_path / "items.csv")
    catalog = Catalog(tmp_path / "items.csv")
    assert np.flatnonzero(catalog.where({"year": 1995})).tolist() == [1, 3]
    assert np.flatnonzero(catalog.where({"text": None})).tolist() == [2, 3]


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ({"color": "red"}, r"items must have the columns \['color'\]"),
        ({"tags": "x"}, "where: tags must hold single values; got List"),
        (pl.col("color") == 1, "where: the catalogue can't be filtered: .*color"),
        (pl.col("text") > 3, "where: the catalogue can't be filtered"),
        (pl.col("year"), "must give True or False for each of 4 items; got 4 rows of Int64"),
        (pl.col("year", "gaps") > 3, "got 4 rows of Boolean, Boolean"),
        (pl.col("year").max() > 3, "got 1 rows of Boolean"),
        (pl.lit(True), "got 1 rows of Boolean"),
    ],
)
def test_bad_conditions(condition, message):
    with pytest.raises(ValueError, match=message) as error:
        Catalog(TYPED).where(condition)
    assert "\n" not in str(error.value)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("condition", [5, None, [5], {"a"}])
def test_a_condition_has_a_known_form(condition):
    got = condition[0] if isinstance(condition, list) else condition
    with pytest.raises(ValueError, match=f"where expects .* got {re.escape(repr(got))}$"):
        Catalog(TYPED).where(condition)


@pytest.mark.usefixtures("unchecked")
def test_ages_refer_to_the_time_of_the_request():
    catalog = Catalog({"item_id": [1, 2], "created_at": [1_000_000.0, 1_010_000.0]})
    assert catalog.where("age(created_at) < 1h", at=1_010_001.0).tolist() == [False, False, True]
    assert catalog.where("age(created_at) < 1h").tolist() == [False, False, False]
    with pytest.raises(ValueError, match="at must be a time in unix seconds; got inf"):
        catalog.where("age(created_at) < 1h", at=float("inf"))


def test_a_changed_catalogue_is_searched_anew():
    catalog = Catalog({"item_id": [1, 2], "price": ["5", "6"]})
    assert catalog.where("price > 5").tolist() == [False, False, True]
    before = catalog.copy()
    catalog.update({"item_id": [1], "price": ["7"]})
    assert catalog.where("price > 5").tolist() == [False, True, True]
    catalog.append({"item_id": [3], "price": ["cheap"]})
    with pytest.raises(ValueError, match="'price' can't be compared with a number: it holds 'che"):
        catalog.where("price > 5")
    assert before.where("price > 5").tolist() == [False, False, True]
