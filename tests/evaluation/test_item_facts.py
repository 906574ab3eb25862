import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import CountVectorizer
from torch.nn.functional import normalize

from mmrec.data import Catalog
from mmrec.evaluation import facts_of
from mmrec.evaluation.item_facts import word_vectors

TEXTS = ["A red lamp for the desk", "the RED lamp", "a chair", "Stühle, rot", "", "desk lamp red"]


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
def test_columns_of_one_value_or_structs_are_not_categories(column):
    assert facts_of(Catalog({"item_id": range(2)} | column)).categories is None


def test_too_many_values_are_not_categories():
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


def cosines(vectors):
    vectors = normalize(vectors, dim=1)
    return vectors @ vectors.T


def test_similarity_is_that_of_words_weighted_by_rarity():
    # With so many dimensions, no two words share one.
    words = CountVectorizer(binary=True, token_pattern=r"(?u)\w+").fit_transform(TEXTS).toarray()
    expected = words * np.log((1 + len(TEXTS)) / words.sum(0))
    found = word_vectors(TEXTS, dim=2**18)
    torch.testing.assert_close(cosines(found), cosines(torch.from_numpy(expected).float()))


def test_few_places_are_enough():
    wide, narrow = (cosines(word_vectors(TEXTS, dim=dim)) for dim in (2**18, 256))
    assert (wide - narrow).abs().max() < 0.2


def test_texts_without_a_word():
    assert not word_vectors(["", "!?"]).any()
    assert word_vectors([]).shape == (0, 256)
