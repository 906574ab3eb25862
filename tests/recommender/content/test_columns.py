import polars as pl
import pytest

from mmrec.data import Catalog
from mmrec.recommender.content.columns import as_names, column_of, find_columns, separators_of


def test_names():
    assert as_names(None) is None
    assert as_names("a") == ["a"]
    assert as_names(("a", "b")) == ["a", "b"]
    for wrong in ([], ["a", "a"], [""]):
        with pytest.raises(ValueError, match="columns must be one or more different names; got"):
            as_names(wrong)


def test_named_columns_must_exist_and_usual_ones_may():
    catalog = Catalog({"item_id": ["a"], "x": [1], "y": [2]})
    assert find_columns("number", catalog, ["y", "x"], ()) == ["y", "x"]
    assert find_columns("number", catalog, None, ("z", "x")) == ["x"]
    with pytest.raises(ValueError, match=r"must find the columns \['x', 'z'\]; items have"):
        find_columns("number", catalog, ["x", "z"], ())
    with pytest.raises(ValueError, match=r"must find a column of \['z'\]; items have"):
        find_columns("number", catalog, None, ["z"])
    prices = Catalog({"item_id": ["a"], "price": [1], "weight": [2]})
    with pytest.raises(ValueError, match=r"'weight'\] \(did you mean 'price', 'weight'\?\)$"):
        find_columns("number", prices, ["prise", "wieght"], ())


def test_a_column_that_later_items_lack_is_empty():
    catalog = Catalog({"item_id": ["a", "b"], "x": [1, 2]})
    assert column_of(catalog, "x").to_list() == [1, 2]
    assert column_of(catalog, "z").to_list() == [None, None]


def test_a_stray_semicolon_separates_nothing():
    texts = pl.Series([*(["Action, Comedy"] * 15), "R&amp;B, Soul", "Drama", None])
    assert separators_of(texts) == ","
    assert separators_of(texts.str.replace(", ", "; ")) == ";"


@pytest.mark.parametrize("dtype", [pl.String, pl.Categorical])
def test_one_bar_tells_that_commas_are_parts_of_names(dtype):
    people = [*(["Nolan, Christopher"] * 19), "Coen, Joel|Coen, Ethan"]
    assert separators_of(pl.Series(people).cast(dtype)) == "|"
