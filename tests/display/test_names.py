from mmrec.data import Catalog
from mmrec.display import title_of


def test_titles():
    catalog = Catalog({"item_id": ["a", "b"], "title": ["A lamp", None], "name": ["x", "Chair"]})
    assert title_of(catalog, "a") == "A lamp"
    assert title_of(catalog, "b") == "Chair"
    assert title_of(Catalog({"item_id": [1]}), 1) == ""
