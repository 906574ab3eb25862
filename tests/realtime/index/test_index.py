"""One contract for every index, against a loop over all items in NumPy."""

import threading
import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.realtime.index.exact import ExactIndex
from mmrec.realtime.index.hnsw_index import HnswIndex
from mmrec.realtime.index.index import ItemIndex, rank
from mmrec.realtime.index.lance_index import LanceIndex

DIM = 4


class Graph(HnswIndex):
    """Searches its graph even where scoring all items is faster."""

    share = 1e9


KINDS = {
    "float32": lambda folder: ExactIndex(DIM),
    "bfloat16": lambda folder: ExactIndex(DIM, dtype="bfloat16"),
    "int8": lambda folder: ExactIndex(DIM, dtype="int8"),
    "hnsw": lambda folder: HnswIndex(DIM),
    "graph": lambda folder: Graph(DIM),
    "lance": lambda folder: LanceIndex(DIM, folder),
}
TIED = ("float32", "hnsw", "lance")  # the others look at a shortlist, which may cut equal scores


def need(kind):
    """Skip where the optional package of an index is missing."""
    packages = {"lance": "lancedb", "hnsw": "usearch", "graph": "usearch"}
    pytest.importorskip(packages.get(kind, "torch"))


@pytest.fixture(params=KINDS)
def kind(request):
    need(request.param)
    return request.param


@pytest.fixture
def index(kind, tmp_path):
    return KINDS[kind](tmp_path)


def whole(rng, *shape):
    """Vectors of small whole numbers: every product is exact, so equal scores are equal."""
    return torch.from_numpy(rng.integers(-3, 4, size=shape).astype(np.float32))


def reference(items, query, k, exclude=(), allow=None):
    """The keys and scores of the best k of a dict, by sorting all of it."""
    found = []
    for key, vector in items.items():
        if key in exclude or (allow is not None and not (key < len(allow) and allow[key])):
            continue
        found.append((-float(np.dot(vector, query)), key))
    best = sorted(found)[:k]
    short = k - len(best)
    return [key for _, key in best] + [0] * short, [-s for s, _ in best] + [-np.inf] * short


def check(index, items, queries, k, exclude=None, allow=None, *, ties=True):
    result = index.search(queries, k, exclude=exclude, allow=allow)
    assert result.keys.shape == result.scores.shape == (len(queries), k)
    for row, query in enumerate(queries.numpy()):
        seen = set() if exclude is None else set(exclude[row].tolist())
        keys, scores = reference(items, query, k, seen, allow)
        np.testing.assert_allclose(result.scores[row].numpy(), scores, rtol=1e-5)
        if ties:
            assert result.keys[row].tolist() == keys
        found = [key for key in result.keys[row].tolist() if key]
        assert len(found) == len(set(found)) == sum(np.isfinite(scores))
        for key, score in zip(found, result.scores[row].tolist(), strict=False):
            assert float(np.dot(items[key], query)) == pytest.approx(score, rel=1e-5)


def fill(index, rng, keys):
    vectors = whole(rng, len(keys), DIM)
    index.add(torch.tensor(keys), vectors)
    return dict(zip(keys, vectors.numpy(), strict=True))


def test_protocol(index):
    assert isinstance(index, ItemIndex)
    assert len(index) == 0
    result = index.search(torch.zeros(2, DIM), 3)
    assert result.keys.tolist() == [[0] * 3] * 2
    assert (result.scores == -torch.inf).all()
    assert index.search(torch.zeros(0, DIM), 3).keys.shape == (0, 3)


def test_search_and_filters(index, kind):
    rng = np.random.default_rng(1)
    items = fill(index, rng, rng.permutation(np.arange(1, 61)).tolist())
    queries = whole(rng, 3, DIM)
    exclude = [torch.from_numpy(rng.integers(0, 99, size=n)) for n in (0, 3, 200)]
    ties = kind in TIED
    assert len(index) == 60
    assert 7 in index
    assert 61 not in index
    for k in (1, 7, 75):
        check(index, items, queries, k, ties=ties)
        check(index, items, queries, k, exclude, ties=ties)
    for share in (0.0, 0.05, 0.5, 1.0):
        allow = torch.from_numpy(rng.random(50) < share)  # keys from 50 on may not
        check(index, items, queries, 7, allow=allow, ties=ties)
        check(index, items, queries, 7, exclude, allow, ties=ties)
    numpy = index.search(queries, 7, exclude=[keys.numpy() for keys in exclude])
    assert torch.equal(numpy.keys, index.search(queries, 7, exclude=exclude).keys)


def test_equal_scores_come_by_key(index, kind):
    keys = torch.arange(1, 41).flip(0)
    index.add(keys, torch.ones(40, DIM))
    result = index.search(torch.ones(2, DIM), 5, exclude=[torch.tensor([2]), torch.tensor([])])
    assert (result.scores == DIM).all()
    if kind in TIED:
        assert result.keys.tolist() == [[1, 3, 4, 5, 6], [1, 2, 3, 4, 5]]
        # A user without events has an interest of zeros, for which all items are equal.
        assert index.search(torch.zeros(1, DIM), 3).keys.tolist() == [[1, 2, 3]]


changes = st.lists(
    st.tuples(
        st.sampled_from(["add", "update", "remove"]),
        st.lists(st.integers(1, 30), min_size=1, max_size=12, unique=True),
    ),
    max_size=8,
)


@pytest.mark.parametrize("name", KINDS)
@settings(deadline=None, max_examples=12, derandomize=True)
@given(changes=changes, seed=st.integers(0, 99))
def test_any_sequence_of_changes(name, tmp_path_factory, changes, seed):
    need(kind := name)
    index = KINDS[kind](tmp_path_factory.mktemp("index"))
    rng, items = np.random.default_rng(seed), {}
    for change, keys in changes:
        keys = [key for key in keys if (key in items) != (change == "add")]
        if change == "remove":
            index.remove(torch.tensor(keys, dtype=torch.long))
            for key in keys:
                del items[key]
        else:
            vectors = whole(rng, len(keys), DIM)
            getattr(index, change)(torch.tensor(keys, dtype=torch.long), vectors)
            items.update(zip(keys, vectors.numpy(), strict=True))
    assert len(index) == len(items)
    assert all((key in index) == (key in items) for key in range(1, 31))
    check(index, items, whole(rng, 2, DIM), 6, ties=kind in TIED)


def test_refuses_bad_input_and_stays_as_it_was(index):
    index.add(torch.tensor([1, 2]), torch.eye(2, DIM))
    one, vector = torch.tensor([3]), torch.zeros(1, DIM)
    for change in (index.add, index.update):
        keys = one if change == index.add else torch.tensor([1])
        with pytest.raises(ValueError, match="width 4; got 5"):
            change(keys, torch.zeros(1, 5))
        for value in (torch.nan, torch.inf):
            with pytest.raises(ValueError, match="finite"):
                change(keys, torch.full((1, DIM), value))
        for key in (0, -4):
            with pytest.raises(ValueError, match=f"got {key}"):
                change(torch.tensor([key]), vector)
        with pytest.raises(ValueError, match="got 9 more than once"):
            change(torch.tensor([9, 1, 9]), torch.zeros(3, DIM))
    with pytest.raises(ValueError, match="item 2 already"):
        index.add(torch.tensor([3, 2]), torch.zeros(2, DIM))
    with pytest.raises(ValueError, match="no item 3"):
        index.update(torch.tensor([1, 3]), torch.zeros(2, DIM))
    with pytest.raises(ValueError, match="no item 3"):
        index.remove(torch.tensor([1, 3]))
    for key in (0, -1):
        with pytest.raises(ValueError, match=f"got {key}"):
            index.remove(torch.tensor([key]))
    with pytest.raises(ValueError, match="got 1 more than once"):
        index.remove(torch.tensor([1, 1]))
    with pytest.raises(ValueError, match="k of 1 or more; got 0"):
        index.search(vector, 0)
    with pytest.raises(ValueError, match="width 4; got 3"):
        index.search(torch.zeros(1, 3), 1)
    with pytest.raises(ValueError, match="finite"):
        index.search(torch.full((1, DIM), torch.nan), 1)
    with pytest.raises(ValueError, match="each of 1 rows; got 2"):
        index.search(vector, 1, exclude=[one, one])
    assert len(index) == 2
    check(index, dict(zip([1, 2], np.eye(2, DIM), strict=True)), torch.ones(1, DIM), 2)


def test_readers_see_whole_changes(index):
    """Every update gives all items one new value, so one search must see one value."""
    count, seconds = 30, 0.6
    keys = torch.arange(1, count + 1)
    index.add(keys, torch.ones(count, DIM))
    end, wrong, searches = time.monotonic() + seconds, [], 0

    def write():
        try:
            value, extra = 1.0, torch.tensor([count + 1])
            while time.monotonic() < end or (searches <= 3 and time.monotonic() < end + 30):
                value += 1
                index.update(keys, torch.full((count, DIM), value))
                index.add(extra, torch.full((1, DIM), -1.0))
                index.remove(extra)
        except Exception as error:
            wrong.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    while writer.is_alive():
        result = index.search(torch.ones(1, DIM), 10)
        searches += 1
        if len(set(result.scores[0].tolist())) != 1 or (result.keys == 0).any():
            wrong.append(result)
    writer.join()
    assert not wrong
    assert searches > 3


def test_rank_drops_what_was_not_found():
    result = rank(torch.tensor([[3, 9, 2, 5]]), torch.tensor([[1.0, -torch.inf, 1.0, 2.0]]), 4)
    assert result.keys.tolist() == [[5, 2, 3, 0]]
    assert result.scores.tolist() == [[2.0, 1.0, 1.0, -torch.inf]]
