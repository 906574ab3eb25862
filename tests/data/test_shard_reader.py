from itertools import pairwise

import numpy as np
import pytest

from mmrec.data import Catalog, Sequences, windows, write_shards
from mmrec.data.shard_reader import ShardReader

CATALOG = Catalog({"item_id": range(1, 31)})


@pytest.fixture
def log():
    lengths = [1, 7, 2, 12, 5, 3]
    events, offsets = np.arange(30), np.cumsum([0, *lengths])
    users = list(range(len(lengths)))
    return Sequences(events + 1, events * 1.0, events * 0, events * 1.0, offsets, users)


@pytest.fixture
def reader(log, tmp_path):
    return ShardReader(write_shards(log, tmp_path / "s", CATALOG, group_events=10), 4)


def rows(log, spans):
    return [log.item[start:stop].tolist() for start, stop in spans]


def test_all_windows_are_those_of_the_log_in_memory(log, reader):
    order = np.arange(len(reader.counts))
    read = rows(*reader.read(order, 0, int(reader.counts.sum())))
    # A row of a shard is at most a group long, so a longer user is cut where the group ends.
    assert sorted(pair for row in read for pair in pairwise(row)) == sorted(
        pair for start, stop in windows(log, 4) for pair in pairwise(log.item[start:stop])
    )


def test_any_stretch_is_a_part_of_all(reader):
    order = np.random.default_rng(0).permutation(len(reader.counts))
    total = int(reader.counts.sum())
    everything = rows(*reader.read(order, 0, total))
    for start in range(total):
        for stop in range(start + 1, total + 1):
            assert rows(*reader.read(order, start, stop)) == everything[start:stop]


def test_other_windows_have_another_fingerprint(reader):
    assert ShardReader(reader.shards, 4).fingerprint == reader.fingerprint
    assert ShardReader(reader.shards, 3).fingerprint != reader.fingerprint
