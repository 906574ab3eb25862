import pickle
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from mmrec.data import (
    Catalog,
    Collator,
    Sequences,
    ShardLoader,
    ShardStream,
    TableSource,
    windows,
    write_shards,
)
from mmrec.data.shard_reader import ShardReader
from mmrec.sampling import FullSampler, UniformSampler

V = 4000
CATALOG = Catalog({"item_id": range(1, V + 1)})
FORK = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


def of_lengths(lengths):
    """Every event is an item of its own, so that its items identify a window."""
    events = np.arange(sum(lengths))
    offsets = np.cumsum([0, *lengths]).astype(np.int64)
    users = list(range(len(lengths)))
    return Sequences(events + 1, events * 0.5, events % 3, events * 1.0, offsets, users, ("a", "b"))


@pytest.fixture(scope="module")
def log():
    return of_lengths(np.random.default_rng(0).integers(0, 30, 120).tolist())


@pytest.fixture(scope="module")
def shards(log, tmp_path_factory):
    return write_shards(
        log, tmp_path_factory.mktemp("shards"), CATALOG, group_events=100, shard_groups=3
    )


def stream_of(shards, **options):
    table = np.arange(V + 1, dtype=np.float32)[:, None]
    sources = {"feature": TableSource(table, np.arange(V + 1) % 3 > 0)}
    defaults = {"batch_size": 4, "max_length": 6, "buffer": 20}
    return ShardStream(
        shards, sources, UniformSampler(np.arange(1, V + 1), 5), **(defaults | options)
    )


def rows(batch):
    """The windows of a batch, as tuples of items."""
    items = batch.pool.items
    made = []
    for history, target in zip(items[batch.history], items[batch.target], strict=True):
        history, target = history[history > 0].tolist(), target[target > 0].tolist()
        assert history[1:] == target[:-1]
        made.append((*history, target[-1]))
    return made


def expected_rows(log, max_length=6):
    spans = windows(log, max_length)
    return sorted(tuple(log.item[start:end].tolist()) for start, end in spans.tolist())


def equal(one, other):
    return all(
        torch.equal(a, b)
        for a, b in (
            *(
                (getattr(one, n), getattr(other, n))
                for n in ("history", "target", "gap", "event_type")
            ),
            *((getattr(one.pool, n), getattr(other.pool, n)) for n in ("items", "candidates")),
            (one.pool.log_q, other.pool.log_q),
            (one.pool.content["feature"], other.pool.content["feature"]),
        )
    )


def same(ones, others):
    return len(ones) == len(others) and all(map(equal, ones, others))


def test_a_batch_is_that_of_the_collator(log, shards):
    spans = {tuple(log.item[start:end].tolist()): (start, end) for start, end in windows(log, 6)}
    collate = Collator(log, {}, UniformSampler(np.arange(1, V + 1), 5))
    for batch in stream_of(shards):
        expected = collate([np.array(spans[row]) for row in rows(batch)])
        for name in ("gap", "event_type", "mask"):
            assert torch.equal(getattr(batch, name), getattr(expected, name))
        items = batch.pool.items
        assert torch.equal(items[batch.target], expected.pool.items[expected.target])
        drawn = set(items[batch.pool.candidates].tolist()) - set(
            items[batch.target].unique().tolist()
        )
        assert 0 < len(drawn) <= 5


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 25), min_size=1, max_size=30),
    st.integers(2, 9),
    st.integers(1, 7),
    st.integers(1, 25),
    st.integers(1, 3),
    st.integers(0, 3),
)
def test_every_window_is_in_one_batch_of_one_process(
    tmp_path_factory, lengths, batch_size, max_length, buffer, world, workers
):
    log = of_lengths(lengths)
    shards = write_shards(log, tmp_path_factory.mktemp("shards"), CATALOG, group_events=40)
    # Cuts are those of rows, where a user is cut into several.
    expected = sorted(
        tuple(part.item[start:end].tolist())
        for part in whole_groups(shards, max_length)
        for start, end in windows(part, max_length).tolist()
    )
    options = {"batch_size": batch_size, "max_length": max_length, "buffer": buffer}
    options |= {"world": world, "workers": workers}
    if -(-len(expected) // (batch_size * world)) * world > len(expected) or not expected:
        with pytest.raises(ValueError, match="can't have equally many batches"):
            stream_of(shards, **options)
        return
    found, counts = [], []
    for rank in range(world):
        stream = stream_of(shards, rank=rank, **options)
        batches = simulated(stream)
        counts.append(len(batches))
        assert len(batches) == len(stream)
        assert all(0 < len(batch) <= batch_size for batch in batches)
        found += [row for batch in batches for row in rows(batch)]
    assert len(set(counts)) == 1
    assert sorted(found) == expected


def whole_groups(shards, max_length):
    reader = ShardReader(shards, max_length)
    return [reader._group(group)[0] for group in reader._groups]


def simulated(stream):
    """What a loader gives, without processes: workers in turns, from the first."""
    if not stream.workers:
        return list(stream)
    left = []
    for number in range(stream.workers):
        worker = (number + stream.given) % stream.workers
        skip = len(range(worker, stream.given, stream.workers))
        left.append(stream._batches(stream._part(worker), skip))
    made = []
    while left:
        for iterator in list(left):
            if (batch := next(iterator, None)) is None:
                left.remove(iterator)
            else:
                made.append(batch)
    return made


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 3), st.integers(1, 3), st.integers(0, 2), st.data())
def test_a_stream_that_was_interrupted_goes_on(shards, workers, world, epoch, data):
    rank = data.draw(st.integers(0, world - 1))
    options = {"workers": workers, "world": world, "rank": rank, "seed": 3}
    stream = stream_of(shards, **options)
    stream.set_epoch(epoch)
    whole = simulated(stream)
    given = data.draw(st.integers(0, len(stream)))
    stopped = stream_of(shards, **options)
    stopped.set_epoch(epoch)
    for _ in range(given):
        stopped.advance()
    other = stream_of(shards, **options)
    other.load_state_dict(pickle.loads(pickle.dumps(stopped.state_dict())))
    if given == len(stream):
        assert (other.epoch, other.given) == (epoch + 1, 0)
    else:
        assert same(simulated(other), whole[given:])


@FORK
@pytest.mark.filterwarnings("ignore:.*worker processes in total:UserWarning")
@pytest.mark.parametrize("workers", [0, 2, 3])
def test_two_processes_with_workers(log, shards, workers):
    found = []
    for rank in range(2):
        made = stream_of(shards, workers=workers, rank=rank, world=2)
        loader = ShardLoader(made)
        batches = list(loader)
        assert len(batches) == len(loader)
        assert (made.epoch, made.given) == (1, 0)
        found += [row for batch in batches for row in rows(batch)]
        fresh = stream_of(shards, workers=workers, rank=rank, world=2)
        assert same(batches, simulated(fresh))
        for stop in (1, 2, len(loader) - 1):
            first = ShardLoader(stream_of(shards, workers=workers, rank=rank, world=2))
            start = [batch for batch, _ in zip(first, range(stop), strict=False)]
            # zip takes one batch more than it gives
            assert first.state_dict()["given"] == (stop + 1) % len(loader)
            again = ShardLoader(stream_of(shards, workers=workers, rank=rank, world=2))
            again.load_state_dict(first.state_dict() | {"epoch": 0, "given": stop})
            assert same(start + list(again), batches)
    assert sorted(found) == expected_rows(log)


def test_the_order_depends_on_seed_and_epoch_alone(shards):
    def order(seed, epoch):
        stream = stream_of(shards, seed=seed)
        stream.set_epoch(epoch)
        return [rows(batch) for batch in stream]

    assert order(0, 3) == order(0, 3)
    assert order(0, 0) != order(0, 1) != order(0, 2)
    assert order(0, 1) != order(1, 1)
    stream = stream_of(shards)
    assert [[rows(batch) for batch in stream] for _ in range(2)] == [order(0, 0), order(0, 1)]


def test_negatives_are_drawn_anew(shards):
    stream = stream_of(shards)
    drawn = [tuple(batch.pool.items.tolist()) for _ in range(3) for batch in stream]
    assert len(set(drawn)) == len(drawn)


def test_windows_are_shuffled_and_batches_are_of_like_length(tmp_path):
    lengths = np.random.default_rng(1).integers(2, 60, 1000)
    shards = write_shards(of_lengths(lengths[:120].tolist()), tmp_path, CATALOG, group_events=200)
    stream = stream_of(shards, batch_size=8, max_length=60, buffer=1000)
    batches = list(stream)
    padding = sum(int((~batch.mask).sum()) for batch in batches)
    assert padding < 0.15 * sum(batch.mask.numel() for batch in batches)
    longest = [batch.mask.shape[1] for batch in batches]
    assert longest != sorted(longest)
    flat = [row[0] for batch in batches for row in rows(batch)]
    near = np.abs(np.diff(flat)) < 60
    assert near.mean() < 0.2  # neighbours in the log are seldom neighbours in a batch


def test_only_what_is_needed_is_read(shards, monkeypatch):
    read = []
    stream = stream_of(shards)
    original = ShardReader._group
    monkeypatch.setattr(
        ShardReader, "_group", lambda self, group: (read.append(group), original(self, group))[1]
    )
    list(stream)
    per_group = Counter(read)
    assert len(per_group) == (stream.reader.counts > 0).sum()
    whole, read[:] = len(read), []
    stream.load_state_dict(stream.state_dict() | {"epoch": 0, "given": len(stream) - 1})
    assert len(list(stream)) == 1
    assert len(read) < 0.3 * whole


def test_a_buffer_keeps_the_full_pool(shards):
    class Counting:
        present = np.arange(V + 1) > 0
        loads = 0

        def load(self, items):
            Counting.loads += 1
            return torch.from_numpy(items)

    stream = ShardStream(
        shards, {"x": Counting()}, FullSampler(np.arange(1, V + 1)), batch_size=50, buffer=100
    )
    assert len(list(stream)) > 2
    assert Counting.loads == 1


def damaged(shards, tmp_path, change):
    """A copy of the shards, whose second file was changed."""
    folder = tmp_path / "copy"
    folder.mkdir()
    for path in shards.folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    path = folder / shards.names[1]
    path.write_bytes(change(bytearray(path.read_bytes())))
    return type(shards).open(folder)


def flipped(content):
    """Change one byte of the items of the first row group."""
    import io

    import pyarrow.parquet as pq

    column = pq.ParquetFile(io.BytesIO(bytes(content))).metadata.row_group(0).column(1)
    assert column.path_in_schema.startswith("items")
    content[column.data_page_offset + column.total_compressed_size // 2] ^= 0xFF
    return content


def test_a_damaged_shard_is_named(shards, tmp_path):
    copy = damaged(shards, tmp_path, flipped)
    with pytest.raises(ValueError, match=r"shard .*part-00001\.parquet can't be read: "):
        list(stream_of(copy))


@FORK
def test_a_damaged_shard_is_named_by_a_worker(shards, tmp_path):
    copy = damaged(shards, tmp_path, flipped)
    with pytest.raises(ValueError, match=r"shard .*part-00001\.parquet can't be read: "):
        list(ShardLoader(stream_of(copy, workers=2)))


@pytest.mark.parametrize("change", [lambda c: c[: len(c) // 2], lambda c: b"", lambda c: b"x" * 99])
def test_a_cut_shard_is_named(shards, tmp_path, change):
    copy = damaged(shards, tmp_path, change)
    with pytest.raises(ValueError, match=r"shard .*part-00001\.parquet can't be read: "):
        stream_of(copy)


def test_a_missing_shard_is_named(shards, tmp_path):
    copy = damaged(shards, tmp_path, bytes)
    (copy.folder / shards.names[1]).unlink()
    with pytest.raises(ValueError, match=r"shard .*part-00001\.parquet can't be read: "):
        stream_of(copy)


def test_shards_of_a_larger_catalogue(log, tmp_path):
    shards = write_shards(log, tmp_path, CATALOG)
    smaller = type(shards)(**(vars(shards) | {"catalog_size": 7}))
    with pytest.raises(ValueError, match="items that are not in a catalogue of 7"):
        list(stream_of(smaller))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_size", 3),
        ("seed", 1),
        ("world", 2),
        ("workers", 1),
        ("max_length", 5),
        ("buffer", 8),
    ],
)
def test_a_state_of_other_batches_is_refused(shards, name, value):
    with pytest.raises(ValueError, match="must be of a stream with the layout"):
        stream_of(shards).load_state_dict(stream_of(shards, **{name: value}).state_dict())


def test_bad_arguments(shards):
    with pytest.raises(ValueError, match="rank below world"):
        stream_of(shards, rank=2, world=2)
    with pytest.raises(ValueError, match="can't have equally many batches; got"):
        stream_of(shards, world=10_000)
    with pytest.raises(ValueError, match=r"ShardLoader\(stream\)"):
        next(iter(stream_of(shards, workers=2)))
    with pytest.raises(ValueError, match=r"ShardLoader\(stream\)"):
        next(iter(DataLoader(stream_of(shards), batch_size=None, num_workers=2)))
