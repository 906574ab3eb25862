import polars as pl
import pytest

from mmrec.data import Catalog, Interactions, read_tables
from mmrec.data.other_names import how_given, require_own
from mmrec.data.users import read_users


@pytest.mark.parametrize(
    ("missing", "there", "pairs"),
    [
        (["user_id", "item_id"], ["customer", "sku"], "customer=user_id,sku=item_id"),
        (["item_id"], ["user_id", "product_name", "product_id"], "product_id=item_id"),
        (["user_id", "item_id"], ["userId", "movieId"], "userId=user_id,movieId=item_id"),
        (["user_id"], ["userid", "item_id"], "userid=user_id"),
        (["user_id"], ["usr_id", "item_id"], "usr_id=user_id"),
        (["user_id"], ["order_id", "item_id"], "THEIRS=user_id"),
        (["item_id"], ["title", "id"], "id=item_id"),
        (["item_id"], ["user_id", "id"], "THEIRS=item_id"),
        (["timestamp"], ["user_id", "item_id", "watched_at"], "watched_at=timestamp"),
        (["timestamp"], ["user_id", "item_id", "titles", "format"], "THEIRS=timestamp"),
    ],
)
def test_which_column_may_be_ours(missing, there, pairs):
    assert f" given as {pairs} (--columns, columns=)" in how_given(missing, there)


def test_one_column_is_not_two_of_ours():
    said = how_given(["user_id", "item_id"], ["user_item"])
    assert "user_item=user_id,THEIRS=item_id" in said


def test_a_table_that_has_them_is_taken():
    require_own(pl.DataFrame({"user_id": [1], "x": [2]}), ["user_id"], "users")


def test_what_is_said_is_what_is_to_be_given():
    """Each table says how its ids are given, and what it says works."""
    events = {"customer": ["u", "v"], "sku": ["a", "b"], "bought": [1, 2]}
    items, users = {"sku": ["a", "b"]}, {"customer": ["u"]}
    for read, table, said in (
        (Interactions, events, "customer=user_id,sku=item_id"),
        (Catalog, items, "sku=item_id"),
        (read_users, users, "customer=user_id"),
    ):
        with pytest.raises(ValueError, match=f"given as {said} "):
            read(table)
    columns = {"customer": "user_id", "sku": "item_id", "bought": "timestamp"}
    assert read_tables(events, items, users, columns=columns).catalog.ids == ["a", "b"]


def test_later_items_are_not_told_of_an_option_that_nobody_has():
    catalog = Catalog({"item_id": ["a"]})
    with pytest.raises(ValueError, match=r"items must have the columns \['item_id'\]") as caught:
        catalog.append({"sku": ["b"]})
    assert "--columns" not in str(caught.value)
