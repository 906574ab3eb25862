from mmrec.data import Catalog
from mmrec.display import title_in, title_of


def test_titles():
    catalog = Catalog({"item_id": ["a", "b"], "title": ["A lamp", None], "name": ["x", "Chair"]})
    assert title_of(catalog, "a") == "A lamp"
    assert title_of(catalog, "b") == "Chair"
    assert title_of(Catalog({"item_id": [1]}), 1) == ""


def test_an_item_without_a_title_is_known_by_its_text():
    long = "A very long <i>post</i> about lamps. " * 5
    posts = {"item_id": [1, 2, 3, 4], "text": ["Hello  there", long, None, "z" * 200]}
    catalog = Catalog(posts | {"title": [None, None, None, ""], "Overview": ["", "", "New", ""]})
    assert [title_of(catalog, 1), title_of(catalog, 3)] == ["Hello there", "New"]
    for item in (2, 4):
        title = title_of(catalog, item)
        assert len(title) <= 80
        assert title.endswith("…")
    assert title_of(catalog, 2).startswith("A very long post about lamps. A very")
    assert title_in({"headline": "First", "title": "Second"}, "headline") == "First"
    assert title_in({"item_id": 1, "text": 5, "price": 3}) == ""


def test_nan_is_no_title():
    nan = float("nan")
    assert title_in({"title": nan, "name": "A lamp"}) == "A lamp"
    assert title_in({"title": nan, "name": nan, "text": "It shines."}) == "It shines."
    assert title_in({"title": 1984.0}) == "1984.0"
