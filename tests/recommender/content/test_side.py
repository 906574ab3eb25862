import math

import numpy as np
import pytest

from mmrec.data import Catalog
from mmrec.encoders import GivenEncoder, quantile_edges, soft_bins
from mmrec.recommender.content import Context, SideModality

YEARS = ["1990", "1991", "", "2018", "1990", "two"]


def prepared(columns="year", rows=None, **more):
    catalog = Catalog({"item_id": [f"i{n}" for n in range(6)], "year": YEARS, **(rows or {})})
    made = SideModality(columns)
    return made, made.prepare(catalog, Context(dim=4, trained=np.array([1, 2]), **more))


def test_soft_bins_are_a_gaussian_of_the_distance_in_edges():
    edges, values = np.array([0.0, 1.0, 10.0, 100.0]), np.array([-5.0, 0.5, 55.0, 1e9, np.nan])
    found = soft_bins(values, edges, spread=2.0)
    for row, place in enumerate([0.0, 0.5, 2.5, 3.0]):
        expected = [math.exp(-((place - k) ** 2) / 8.0) for k in range(4)]
        np.testing.assert_allclose(found[row], expected, rtol=1e-6)
    assert not found[4].any()
    assert soft_bins(values, np.array([7.0])).tolist() == [[1.0]] * 4 + [[0.0]]


def test_quantiles_are_those_of_all_items_and_an_update_keeps_them():
    made, first = prepared()
    assert first.facts["edges"]["year"] == [1990.0, 1991.0, 2018.0]  # 2018 has no training event
    assert first.source.present.tolist() == [False, True, True, False, True, True, False]
    assert first.problems == {5: "year is 'two', not a number"}
    np.testing.assert_allclose(
        first.source.load(np.array([4])),
        soft_bins(np.array([2018.0]), quantile_edges(np.array([1990, 1991, 2018.0]), 2)),
    )
    before = {"edges": {"year": [1.0, 2.0]}}
    assert (
        made.prepare(
            Catalog({"item_id": ["a"], "year": [5]}),
            Context(dim=4, trained=np.array([1]), before=before),
        ).facts
        == before
    )
    later, _ = made.source_of(
        Catalog({"item_id": ["new"], "year": [2018]}), first.encoder, first.facts, np.zeros(1)
    )
    np.testing.assert_array_equal(later.load(np.array([1])), first.source.load(np.array([4])))
    assert made.rebuild(first.facts).dim == first.encoder.dim == 3
    assert made.columns_read(first.facts) == ("year",)


def test_errors():
    with pytest.raises(ValueError, match="modality 'side': no item has a number in"):
        prepared("empty", {"empty": [""] * 6})
    with pytest.raises(ValueError, match="modality 'side' must find the columns"):
        prepared("weight")
    with pytest.raises(ValueError, match="bins must be 1 or more; got 0"):
        SideModality(bins=0)
    with pytest.raises(ValueError, match="its quantiles are unknown"):
        SideModality().facts_of(Catalog({"item_id": ["a"]}), GivenEncoder(1))
