import polars as pl
import pytest

from mmrec.recommender.check.ids import alike_ids


@pytest.mark.parametrize(
    ("ids", "count"),
    [
        (["7", "007"], 2),
        (["a", "A", " a"], 3),
        (["7", "7.0"], 2),
        (["ﬁn", "fin"], 2),  # one character for two letters
        (["0", "00"], 2),
        (["7", "70", "a", "b"], 0),
        (["a7", "a007"], 0),
        (["0a", "a"], 0),
    ],
)
def test_what_is_alike(ids, count):
    found = {f.kind: f.count for f in alike_ids(pl.Series(ids), "item", shown=True)}
    assert found.get("alike_item_ids", 0) == count


def test_one_id_with_a_space():
    [found] = alike_ids(pl.Series(["a", "b "]), "item", shown=True)
    assert found.text == "1 item has a space at the start or the end of the id"


def test_integers_are_never_alike():
    assert alike_ids(pl.Series([7, 70]), "item", shown=True) == []


def test_spaces_are_counted_for_each_id_once():
    (found,) = alike_ids(pl.Series(["a ", "a ", "b"]), "user", shown=False)
    assert (found.kind, found.count, found.examples) == ("spaces_in_user_ids", 1, ())
