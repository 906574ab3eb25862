import logging

import numpy as np
import pytest
import torch

from mmrec.data import Catalog
from mmrec.encoders import CategoryEncoder
from mmrec.recommender import Recommender
from mmrec.recommender.content import CategoryModality, Context

ROWS = {
    "item_id": ["a", "b", "c", "d"],
    "genres": ["Comedy|Drama", "Drama", None, "Horror | Comedy|Comedy"],
}


def prepare(rows=ROWS, trained=(1, 2, 3, 4), **how):
    return CategoryModality(**how).prepare(Catalog(rows), Context(8, np.array(trained)))


def test_values_are_numbered():
    made = prepare()
    assert made.facts == {"values": {"genres": ["Comedy", "Drama", "Horror"]}, "dim": 8}
    assert made.source.present.tolist() == [False, True, True, False, True]
    assert made.source.load(np.array([1, 2, 4])).tolist() == [[1, 2], [2, 0], [3, 1]]


def test_values_of_trained_items_alone_have_a_vector():
    made = prepare(trained=(2,))
    assert made.facts["values"] == {"genres": ["Drama"]}
    assert made.source.present.tolist() == [False, True, True, False, False]


def test_values_of_a_list_are_whole():
    rows = {"item_id": ["a", "b"], "genres": [["A|B", " C ", None, "C"], None]}
    made = prepare(rows, (1, 2))
    assert made.facts["values"] == {"genres": ["A|B", "C"]}
    assert made.source.present.tolist() == [False, True, False]
    with pytest.raises(ValueError, match="genres must be single values or lists of them; got"):
        prepare(rows | {"genres": [[["x"]], None]}, (1, 2))


def test_several_columns_are_told_apart():
    rows = {"item_id": ["a", "b"], "brand": ["x", "y"], "color": ["y", None]}
    made = prepare(rows, (1, 2), columns=["brand", "color"])
    assert made.facts["values"] == {"brand": ["x", "y"], "color": ["y"]}
    assert made.source.load(np.array([1, 2])).tolist() == [[1, 3], [2, 0]]


def test_new_values_share_buckets():
    made = prepare(trained=(2,), buckets=4)
    assert made.facts["values"] == {"genres": ["Drama"]}
    assert made.source.present.tolist() == [False, True, True, False, True]
    table = made.source.load(np.array([1, 2, 4]))
    assert (table[0, 0], table[1].tolist()) == (1, [1, 0])
    assert 2 <= table[0, 1] == table[2, 1] <= 5  # the bucket of Comedy
    assert made.encoder.table.weight.shape == (1 + 1 + 4, 8)
    again = prepare({"item_id": ["z"], "genres": ["Comedy"]}, (1,), buckets=4)
    assert again.facts["values"] == {"genres": ["Comedy"]}
    with pytest.raises(ValueError, match="buckets must be 0 or more; got -1"):
        CategoryModality(buckets=-1)


def test_a_new_brand_is_not_empty(fit):
    made = fit(modalities=("id", "category:kind"), category_buckets=4, log={"users": 20}, epochs=1)
    made.add_items({"item_id": ["n", "m", "bare"], "kind": ["new", "new", None]})
    new, same, bare = made.vectors[-3:]
    assert new.equal(same)
    assert not new.allclose(bare, atol=1e-4)


def test_another_column_and_separator():
    rows = {"item_id": ["a", "b"], "tags": ["x, y", "y"]}
    made = prepare(rows, (1, 2), columns="tags", separator=",")
    assert made.facts["values"] == {"tags": ["x", "y"]}
    with pytest.raises(ValueError, match=r"must find a column of \['category', .*; items have"):
        prepare(rows, (1, 2))
    with pytest.raises(ValueError, match="no trained item has a value in 'genres'"):
        prepare(trained=(3,))


def test_it_is_learned_saved_and_known_of_new_items(fit, tmp_path, caplog):
    made = fit(modalities=("id", "category"), log={"users": 20}, epochs=2)
    assert type(made.model.items.encoders["category"]) is CategoryEncoder
    made.save(tmp_path / "run")
    again = Recommender.load(tmp_path / "run")
    assert again.recommend(["i3"], 12) == made.recommend(["i3"], 12)
    again.add_items({"item_id": ["e", "o"], "kind": ["even", "odd"]})
    assert not torch.allclose(again.vectors[-1], again.vectors[-2])
    with caplog.at_level(logging.WARNING):
        again.add_items({"item_id": ["n"], "kind": ["new"]})
    assert "1 of the new items has none of the modalities" in caplog.text
    rows = {"user_id": [], "item_id": [], "timestamp": []}
    for user in range(12):
        for step, item in enumerate(("i1", "i2", "e", "o", "n")):
            for name, value in zip(rows, (f"x{user}", item, 10 * step + user), strict=True):
                rows[name].append(value)
    later = again.update(rows, options={"epochs": 1})
    assert later.state.modalities["category"].facts == made.state.modalities["category"].facts
