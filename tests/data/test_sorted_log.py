import polars as pl
import pytest

from mmrec.data import Catalog, Interactions, to_sequences
from mmrec.data.sorted_log import find_event_types, read_sorted_log

CATALOG = Catalog({"item_id": list("abc")})
LOG = pl.DataFrame(
    {
        "user_id": list("uuuvvw"),
        "item_id": list("abcabc"),
        "timestamp": [1, 2, 3, 1, 5, 9],
        "event": ["view", "", "cart", "view", None, "view"],
    }
)


@pytest.fixture
def path(tmp_path):
    LOG.write_parquet(tmp_path / "log.parquet")
    return tmp_path / "log.parquet"


@pytest.mark.parametrize("rows", [1, 2, 4, 100])
def test_users_come_whole_and_once(path, rows):
    whole = to_sequences(Interactions(LOG), CATALOG, ["cart", "view"])
    parts = list(read_sorted_log(path, CATALOG, ["cart", "view"], rows=rows))
    assert [user for part in parts for user in part.users] == list(whole.users)
    for name in ("item", "gap", "event_type"):
        joined = [value for part in parts for value in getattr(part, name)]
        assert joined == getattr(whole, name).tolist()


def test_event_types_are_sorted(path):
    assert find_event_types(path) == ["cart", "view"]


def test_a_user_in_two_places_is_refused(tmp_path):
    LOG[[0, 3, 1]].write_parquet(tmp_path / "log.parquet")
    with pytest.raises(ValueError, match="sorted by user_id; got 'u' after 'v'"):
        list(read_sorted_log(tmp_path / "log.parquet", CATALOG, []))
