import pytest
import torch

from mmrec.data import Catalog
from mmrec.evaluation import facts_of


@pytest.mark.parametrize(
    "values",
    [["a|b", "a", "", "b | a|"], [["a", "b"], ["a"], [], ["b", "a", None]]],
    ids=["bars", "lists"],
)
@pytest.mark.parametrize("name", ["genres", "Category"])
def test_categories_are_shares(values, name):
    facts = facts_of(Catalog({"item_id": range(4), name: values}))
    expected = [[0, 0], [0.5, 0.5], [1, 0], [0, 0], [0.5, 0.5]]
    assert facts.categories.tolist() == expected


def test_numbers_can_be_categories():
    facts = facts_of(Catalog({"item_id": range(3), "category": [7, 8, None]}))
    assert facts.categories[1:].tolist() == [[1, 0], [0, 1], [0, 0]]


@pytest.mark.parametrize(
    "column",
    [
        {"year": [1, 2]},
        {"category": ["one", "one"]},
        {"category": [None, ""]},
        {"category": [{"x": 1}, {"x": 2}]},
    ],
)
def test_what_tells_nothing_apart_is_no_category(column):
    assert facts_of(Catalog({"item_id": range(2)} | column)).categories is None


def test_too_many_values_are_no_category():
    names = [f"only {number}" for number in range(501)]
    assert facts_of(Catalog({"item_id": range(501), "category": names})).categories is None


def test_content(tmp_path):
    rows = {
        "item_id": range(4),
        "title": ["A", " ", None, ""],
        "description": [None, "x", None, ""],
        "image": ["a.png", "", None, "b.png"],
    }
    has = facts_of(Catalog(rows, tmp_path)).has
    assert has["text"].tolist() == [False, True, True, False, False]
    assert has["image"].tolist() == [False, True, False, False, True]
    assert set(facts_of(Catalog(rows)).has) == {"text"}  # no folder of images
    assert facts_of(Catalog({"item_id": [1]})).has == {}


def test_vectors_are_of_the_words():
    titles = ["Red lamp", "red LAMP", "blue chair", None]
    vectors = facts_of(Catalog({"item_id": range(4), "title": titles})).vectors
    assert torch.equal(vectors[1], vectors[2])
    assert not vectors[[0, 4]].any()
    assert vectors[3].any()
    assert facts_of(Catalog({"item_id": [1]})).vectors is None
