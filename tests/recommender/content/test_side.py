import math
from datetime import time, timedelta

import numpy as np
import pytest

from mmrec.data import Catalog
from mmrec.encoders import GivenEncoder, quantile_edges, soft_bins
from mmrec.recommender import Options
from mmrec.recommender.content import Context, SideModality, modalities_of, read, those_of

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
    before = {"edges": {"year": [1.0, 2.0]}, "values": {}}
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


def cosine(made, *places):
    one, other = made.source.load(np.array(places))
    return float(one @ other / one.norm() / other.norm())


def test_values_that_items_have_in_common():
    genres = ["War|Drama", "Drama; War", "Comedy", "Drama", "", "Only me"]
    lists = [["War", "Drama"], ["Drama", "War"], ["Comedy"], ["Drama"], None, ["Only me"]]
    for column in (genres, lists):
        made, first = prepared("genres", {"genres": column})
        known = first.facts["values"]["genres"]  # what one item alone has says nothing
        assert known == {"Drama": math.log(1 + 6 / 3), "War": math.log(1 + 6 / 2)}
        assert first.source.present.tolist() == [False, True, True, False, True, False, False]
        assert cosine(first, 1, 2) == pytest.approx(1.0)
        both = math.hypot(known["Drama"], known["War"])
        assert cosine(first, 1, 4) == pytest.approx(known["Drama"] / both)
        assert made.rebuild(first.facts).dim == 2
        later, _ = made.source_of(
            Catalog({"item_id": ["a", "b"], "genres": ["War; Drama", "Only me"]}),
            first.encoder,
            first.facts,
            np.zeros(2),
        )
        np.testing.assert_array_equal(later.load(np.array([1])), first.source.load(np.array([1])))
        assert later.present.tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("texts", "signs", "common"),
    [
        (["Ray, Man|Lee, Ann", "Lee, Ann", "Ray, Man"], "|", ["Lee, Ann", "Ray, Man"]),
        (["Ray, Man; Lee, Ann", "Lee, Ann", "Ray, Man"], ";", ["Lee, Ann", "Ray, Man"]),
        (["Ann, Man", "Man", "Ann"], ",", ["Ann", "Man"]),
        (["Ann", "Man", "Ann"], "", ["Ann"]),
    ],
)
def test_a_comma_is_part_of_a_name_where_something_else_separates(texts, signs, common):
    made, first = prepared("director", {"director": [*texts, "", "", ""]})
    assert first.facts["separators"] == {"director": signs}
    assert list(first.facts["values"]["director"]) == common
    later = Catalog({"item_id": ["new"], "director": [texts[1]]})  # one text has no separator
    source, _ = made.source_of(later, first.encoder, first.facts, np.zeros(1))
    np.testing.assert_array_equal(source.load(np.array([1])), first.source.load(np.array([2])))


def test_a_run_from_before_splits_at_commas():
    made, first = prepared("director", {"director": ["Ann|Man", "Ann", "Man", "", "", ""]})
    facts = {name: value for name, value in first.facts.items() if name != "separators"}
    later = Catalog({"item_id": ["new"], "director": ["Man, Ann"]})
    source, _ = made.source_of(later, first.encoder, facts, np.zeros(1))
    np.testing.assert_array_equal(source.load(np.array([1])), first.source.load(np.array([1])))


def test_many_values_have_random_vectors_that_hardly_have_anything_in_common():
    people = [f"p{n % 300}" for n in range(900)]
    catalog = Catalog({"item_id": [f"i{n}" for n in range(900)], "director": people})
    made = SideModality("director").prepare(catalog, Context(dim=4, trained=np.array([1])))
    assert made.encoder.dim == 128
    assert cosine(made, 1, 301) == pytest.approx(1.0)
    others = [cosine(made, 1, place) for place in range(2, 300)]
    assert abs(np.mean(others)) < 0.03
    assert 0.07 < np.std(others) < 0.11  # 128 ** -.5 is .088


def test_columns_that_are_used_without_being_named():
    size = 6
    rows = {
        "item_id": [f"i{n}" for n in range(size)],
        "price": [1.5, 2, 2, 3, None, 9],
        "year": ["1990", "1991", "n/a", "", "1990", "1990"],
        "stars": [5] * size,  # all alike
        "duration": ["long", "short", "n/a", "3", "", ""],  # hardly a number
        "brand": ["Oak", "Elm", "Oak", "", "Elm", "Oak"],
        "category": ["lamp"] * size,  # all alike
        "director": [f"d{n}" for n in range(size)],  # nothing in common
        "actors": ["Ann, Bob", "Bob", "Cid", "Cid, Ann", "", ""],
        "color": ["red", "red", "blue", "blue", "", ""],  # no usual name
        "tags": [{"a": 1}] * size,
    }
    found = SideModality.usual(Catalog({**rows, "genre": [["War"], ["War"], [], [], [], ["Art"]]}))
    assert list(found) == ["side:price", "side:year", "side:genre+brand+actors"]
    assert found["side:genre+brand+actors"].columns == ["genre", "brand", "actors"]
    assert SideModality.usual(Catalog({"item_id": rows["item_id"]})) == {}


@pytest.mark.parametrize("changes", [{}, {"affinities": False}, {"epsilon": 1.0}])
def test_they_are_used_where_affinities_are_tried(changes, monkeypatch):
    catalog = Catalog({"item_id": ["a", "b"], "title": ["x", "y"], "year": [1990, 1991]})
    options = Options(**changes)
    found = those_of(catalog, modalities_of(options), options=options)
    assert list(found) == ["id", "text", *([] if changes else ["side:year"])]
    assert "side:year" not in those_of(catalog, modalities_of(options))  # a model of clicks
    monkeypatch.setattr(read, "LARGEST", 1)
    assert "side:year" not in those_of(catalog, modalities_of(options), options=options)


@pytest.mark.parametrize(
    ("name", "column", "usual"),
    [
        ("duration", [time(0, n % 5) for n in range(6)], []),
        ("duration", [timedelta(n % 5) for n in range(6)], ["side:duration"]),
        ("tags", [[timedelta(n % 3)] for n in range(6)], []),
        ("category", [timedelta(n % 3) for n in range(6)], []),
        ("category", [n % 3 for n in range(6)], ["side:category"]),
        ("brand", ["1", "1", "2", "2", "oak", "oak"], ["side:brand"]),
        ("kind", [True, False] * 3, ["side:kind"]),
        ("year", [None] * 6, []),
        ("genres", [b"a"] * 6, []),
    ],
)
def test_columns_of_any_type_are_read_or_left_out(name, column, usual):
    catalog = Catalog({"item_id": [f"i{n}" for n in range(6)], name: column})
    found = SideModality.usual(catalog)
    assert list(found) == usual
    for made in found.values():
        first = made.prepare(catalog, Context(dim=4, trained=np.array([1])))
        assert bool(first.facts["edges"]) == (name == "duration")
        assert not first.problems
        assert first.source.present[1:].all()


def test_stages_share_what_was_read_and_older_runs_have_no_values():
    made, first = prepared()
    context = Context(dim=4, trained=np.array([1]))
    catalog = Catalog({"item_id": ["a", "b"], "year": [1, 2]})
    assert made.prepare(catalog, context) is made.prepare(catalog, context)
    assert made.rebuild({"edges": first.facts["edges"]}).dim == 3


def test_errors():
    with pytest.raises(ValueError, match="modality 'side': no item has a number in"):
        prepared(None, {"price": [""] * 6})
    with pytest.raises(ValueError, match=r"no two items have a value in common in \['empty'\]"):
        prepared("empty", {"empty": [""] * 6})
    with pytest.raises(ValueError, match="'side': both must be single values or lists of them"):
        prepared("both", {"both": [{"a": 1}] * 6})
    with pytest.raises(ValueError, match="modality 'side' must find the columns"):
        prepared("weight")
    with pytest.raises(ValueError, match="bins must be 1 or more; got 0"):
        SideModality(bins=0)
    with pytest.raises(ValueError, match="its quantiles are unknown"):
        SideModality().facts_of(Catalog({"item_id": ["a"]}), GivenEncoder(1))
