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


@pytest.mark.parametrize("rows", [1, 2, 100])
def test_the_unit_of_the_first_times_is_that_of_all(tmp_path, caplog, rows):
    seconds = LOG.with_columns(pl.col("timestamp") + 1_700_000_000)
    whole = to_sequences(Interactions(seconds), CATALOG)
    path = tmp_path / "log.parquet"
    seconds.with_columns(pl.col("timestamp") * 1000).write_parquet(path)
    parts = list(read_sorted_log(path, CATALOG, [], rows=rows))
    assert [time for part in parts for time in part.time] == whole.time.tolist()
    assert len(caplog.messages) == 1
    assert "timestamp looks like milliseconds" in caplog.messages[0]
    list(read_sorted_log(path, CATALOG, [], rows=rows, time_unit="ms"))
    assert len(caplog.messages) == 1


def test_two_units_are_refused(tmp_path):
    path = tmp_path / "log.parquet"
    times = [1_700_000_000_000] * 4 + [1_700_000_000] * 2
    LOG.with_columns(timestamp=pl.Series(times)).write_parquet(path)
    with pytest.raises(
        ValueError, match=r"one unit; from row 4 on .* looks like s, before like ms"
    ):
        list(read_sorted_log(path, CATALOG, [], rows=4))


def test_without_a_time_the_order_of_rows_is_that_of_events(tmp_path, caplog):
    LOG.drop("timestamp").write_parquet(tmp_path / "log.parquet")
    parts = list(read_sorted_log(tmp_path / "log.parquet", CATALOG, [], rows=2))
    assert [time for part in parts for time in part.time] == [0, 1, 2, 3, 4, 5]
    assert len(caplog.messages) == 1


def test_ids_are_those_of_the_catalogue(tmp_path):
    LOG.with_columns(item_id=pl.Series([1, 2, 3, 1, 2, 3])).write_parquet(tmp_path / "log.parquet")
    catalog = Catalog({"item_id": ["1", "2", "3"]})
    parts = list(read_sorted_log(tmp_path / "log.parquet", catalog, []))
    assert [item for part in parts for item in part.item] == [1, 2, 3, 1, 2, 3]
