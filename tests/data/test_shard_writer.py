import json

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.data import Catalog, Interactions, Sequences, Shards, to_sequences, write_shards

V = 20
CATALOG = Catalog({"item_id": range(1, V + 1)})


def log_of(users=9, events=200, seed=0):
    rng = np.random.default_rng(seed)
    return Interactions(
        {
            "user_id": [f"u{user}" for user in rng.integers(0, users, events)],
            "item_id": rng.integers(1, V - 3, events),
            "timestamp": rng.integers(0, 50, events),
            "event": rng.choice(["view", "cart", ""], events),
        }
    )


def of_lengths(lengths):
    """Event ``e`` is item ``e % V + 1``, with a gap of ``e``."""
    events = np.arange(sum(lengths))
    offsets = np.cumsum([0, *lengths]).astype(np.int64)
    users = list(range(len(lengths)))
    return Sequences(events % V + 1, events * 1.0, events % 2, events * 1.0, offsets, users, ("a",))


def rows_of(shards):
    """Every row, and the number of events of every row group."""
    rows, groups = [], []
    for path in shards.paths:
        file = pq.ParquetFile(path)
        for number in range(file.num_row_groups):
            rows += (group := file.read_row_group(number).to_pylist())
            groups.append(sum(row["length"] for row in group))
    return rows, groups


def by_user(sequences):
    pairs = zip(sequences.offsets[:-1], sequences.offsets[1:], strict=True)
    return [
        {
            "length": stop - start,
            "items": sequences.item[start:stop].tolist(),
            "gaps": sequences.gap[start:stop].tolist(),
            "event_types": sequences.event_type[start:stop].tolist(),
        }
        for start, stop in pairs
        if stop > start
    ]


def test_a_row_is_a_user(tmp_path):
    sequences = to_sequences(log_of(), CATALOG)
    shards = write_shards(log_of(), tmp_path / "some" / "shards", CATALOG, group_events=60)
    rows, groups = rows_of(shards)
    assert rows == by_user(sequences)
    assert len(groups) > 2
    assert max(groups) <= 60
    assert (shards.users, shards.events, shards.catalog_size) == (9, 200, V)
    assert shards.event_types == sequences.event_types == ("cart", "view")
    assert shards.counts().tolist() == sequences.counts(V).tolist()
    assert Shards.open(tmp_path / "some" / "shards") == shards


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 30), max_size=12), st.integers(2, 12), st.integers(1, 3))
def test_rows_hold_every_pair_of_events_once(tmp_path_factory, lengths, size, shard_groups):
    folder = tmp_path_factory.mktemp("shards")
    log = of_lengths(lengths)
    shards = write_shards(log, folder, CATALOG, group_events=size, shard_groups=shard_groups)
    rows, groups = rows_of(shards)
    assert all(0 < events <= size for events in groups)
    assert len(shards.names) == -(-len(groups) // shard_groups)
    for row in rows:
        assert row["length"] == len(row["items"]) == len(row["gaps"]) == len(row["event_types"])
    # The gap of an event is its number here, so pairs of gaps are pairs of successive events.
    pairs = [pair for row in rows for pair in zip(row["gaps"], row["gaps"][1:], strict=False)]
    ends = np.cumsum(lengths).tolist()
    assert pairs == [(e, e + 1) for e in range(sum(lengths) - 1) if e + 1 not in ends]
    assert {event for row in rows for event in row["gaps"]} == set(range(sum(lengths)))
    assert shards.counts().tolist() == log.counts(V).tolist()
    assert shards.events == sum(lengths)


@pytest.mark.parametrize("read", [1, 3, 50, 1000])
def test_a_sorted_log_on_disk_is_the_log(tmp_path, read, monkeypatch):
    log = log_of()
    path = tmp_path / "log.parquet"
    log.frame.sort("user_id", maintain_order=True).write_parquet(path)
    original = pq.ParquetFile.iter_batches
    monkeypatch.setattr(
        pq.ParquetFile,
        "iter_batches",
        lambda file, rows, **options: original(file, min(rows, read), **options),
    )
    shards = write_shards(path, tmp_path / "shards", CATALOG, group_events=60)
    rows, _ = rows_of(shards)
    expected = to_sequences(log.with_frame(log.frame.sort("user_id", maintain_order=True)), CATALOG)
    key = json.dumps
    assert sorted(rows, key=key) == sorted(
        json.loads(json.dumps(by_user(expected), default=int)), key=key
    )
    assert (shards.users, shards.events, shards.event_types) == (9, 200, ("cart", "view"))
    assert shards.counts().tolist() == expected.counts(V).tolist()


def test_a_log_that_is_not_sorted(tmp_path):
    path = tmp_path / "log.parquet"
    columns = {"user_id": list("uvu"), "item_id": [1, 2, 3], "position": [0, 0, 1]}
    pl.DataFrame(columns).write_parquet(path)
    with pytest.raises(ValueError, match="must be sorted by user_id; got 'u' after 'v'"):
        write_shards(path, tmp_path / "shards", CATALOG)
    with pytest.raises(FileNotFoundError, match="no finished shards"):
        Shards.open(tmp_path / "shards")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"user_id": ["u"], "item_id": [1], "timestamp": [-1]}, "timestamp must be a finite"),
        ({"item_id": [1], "position": [0]}, "must have the columns .*user_id"),
        ({"user_id": ["u", None], "item_id": [1, 1], "position": [0, 0]}, "must not be empty"),
        ({"user_id": ["u"], "item_id": [99], "position": [0]}, "not in the catalogue"),
        ({"user_id": [], "item_id": [], "position": []}, "at least one row"),
        ({"else": [1]}, "at least one row|must have the columns"),
    ],
)
def test_a_log_that_is_not_valid(tmp_path, columns, message):
    path = tmp_path / "log.parquet"
    pl.DataFrame(columns).write_parquet(path)
    with pytest.raises(ValueError, match=message):
        write_shards(path, tmp_path / "shards", CATALOG)


def test_a_file_that_is_not_parquet(tmp_path):
    path = tmp_path / "log.parquet"
    with pytest.raises(FileNotFoundError, match="no file at"):
        write_shards(path, tmp_path / "shards", CATALOG, event_types=[])
    path.write_text("user_id,item_id\n")
    with pytest.raises(ValueError, match=r"log\.parquet can't be read"):
        write_shards(path, tmp_path / "shards", CATALOG)


def test_a_folder_that_holds_something(tmp_path):
    write_shards(log_of(), tmp_path, CATALOG)
    with pytest.raises(FileExistsError, match="must be a new or empty folder"):
        write_shards(log_of(), tmp_path, CATALOG)


def test_sizes_are_positive(tmp_path):
    with pytest.raises(ValueError, match=r"group_events must be 2 or more .* got 1 and 64"):
        write_shards(log_of(), tmp_path, CATALOG, group_events=1)
