import datetime

import numpy as np
import polars as pl
import pytest
import torch

from mmrec.data import Catalog
from mmrec.encoders import NumberEncoder
from mmrec.recommender import Recommender
from mmrec.recommender.content import Context, NumberModality

PRICES = ["1", " 2.5 ", "", None, "abc", "4e0", "nan", "inf"]


def prepare(columns, trained=None, names=None, **before):
    frame = pl.DataFrame(columns)
    catalog = Catalog(frame.with_columns(item_id=pl.int_range(frame.height)))
    chosen = np.arange(1, len(catalog) + 1) if trained is None else np.array(trained)
    return NumberModality(names).prepare(catalog, Context(4, chosen, **before))


def test_texts_of_numbers_are_read_and_others_are_reported():
    made = prepare({"price": PRICES})
    assert made.facts == {"edges": {"price": [1.0, 2.5, 4.0]}, "dim": 4}
    assert made.source.present.tolist() == [False, True, True, *[False] * 3, True, False, False]
    assert made.source.load(np.array([1, 2, 6])).tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0]]
    assert made.problems == {
        4: "price is 'abc', not a number",
        6: "price is 'nan', not a number",
        7: "price is 'inf', not a number",
    }


def test_statistics_are_those_of_trained_items():
    made = prepare({"price": [1.0, 2.0, 900.0, None]}, trained=[1, 2, 4])
    assert made.facts["edges"] == {"price": [1.0, 2.0]}
    assert made.source.load(np.array([3])).tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize(
    ("column", "low", "high"),
    [
        (pl.Series([1, None, 3]), 1.0, 3.0),
        (pl.Series([True, None, False]), 0.0, 1.0),
        (pl.Series([1.5, float("nan"), 0.5]), 0.5, 1.5),
        (pl.Series([datetime.date(1970, 1, 2), None, datetime.date(1970, 1, 1)]), 0.0, 86400.0),
        (pl.Series([datetime.datetime(1970, 1, 1, 0, 0, 2), None, None]), 2.0, 2.0),
        (pl.Series([datetime.timedelta(minutes=1), None, datetime.timedelta(0)]), 0.0, 60.0),
        (pl.Series(["1.5", None, "2"]).cast(pl.Categorical), 1.5, 2.0),
    ],
)
def test_kinds_of_columns(column, low, high):
    made = prepare({"year": column})
    edges = made.facts["edges"]["year"]
    assert (edges[0], edges[-1]) == (low, high)
    assert not made.source.present[2]
    assert made.problems == {}


def test_several_columns_with_gaps():
    made = prepare({"price": [1.0, None, 3.0, None], "year": [5, 6, None, None]})
    assert list(made.facts["edges"]) == ["price", "year"]
    assert made.source.present.tolist() == [False, True, True, True, False]
    rows = made.source.load(np.array([1, 2, 3])).tolist()
    assert rows == [[0, 0, 0, 0], [0, 1, 1, 0], [1, 0, 0, 1]]


def test_usual_and_named_columns():
    columns = {"year": [1, 2], "size": ["3", "4"]}
    assert list(prepare(columns).facts["edges"]) == ["year"]
    assert list(prepare(columns, names="size").facts["edges"]) == ["size"]
    with pytest.raises(ValueError, match=r"must find a column of \['price', .*; items have"):
        prepare({"size": [1]})
    with pytest.raises(ValueError, match=r"must find the columns \['width'\]; items have"):
        prepare(columns, names="width")
    with pytest.raises(ValueError, match=r"no trained item has a number in \['size'\]"):
        prepare({"size": ["a", "3"]}, trained=[1], names="size")
    with pytest.raises(ValueError, match="size must hold numbers; got List"):
        prepare({"size": [[1], [2]]}, names="size")
    with pytest.raises(ValueError, match="bins must be 1 or more; got 0"):
        NumberModality(bins=0)


def test_an_update_keeps_the_edges():
    first = prepare({"price": [1.0, 2.0]})
    later = prepare({"price": [5.0, 1.5, None]}, before=first.facts)
    assert later.facts == first.facts
    assert later.source.load(np.array([1, 2])).tolist() == [[1.0, 0.0], [0.5, 0.0]]


def test_it_is_saved_and_known_of_new_items(fit, chain, tmp_path, caplog):
    items = chain()[1]
    items["price"] = [str(number) for number in range(12)]
    made = fit(modalities="number:price", catalog=items, log={"users": 20}, epochs=1)
    assert type(made.model.items.encoders["number:price"]) is NumberEncoder
    made.save(tmp_path / "run")
    again = Recommender.load(tmp_path / "run")
    assert again.options.modalities == ("number:price",)
    assert again.recommend(["i3"], 5) == made.recommend(["i3"], 5)
    with pytest.raises(ValueError, match="price must be a number as in the catalogue; got 'dear'"):
        again.add_items({"item_id": ["a", "b"], "price": ["3", "dear"]})
    again.add_items({"item_id": ["a", "b", "c"], "price": ["3", "900", ""]})
    known = {item: again.vectors[row] for row, item in enumerate(again.catalog.ids, 1)}
    assert torch.allclose(known["a"], known["i3"], atol=1e-6)
    assert torch.allclose(known["b"], known["i11"], atol=1e-6)  # the nearest edge
    again.add_items({"item_id": ["d"]})
    assert torch.equal(again.vectors[-1], known["c"])
    assert set(again.state.modality_contributions) == {"number:price"}
