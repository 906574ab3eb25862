import sys
import threading

import numpy as np
import pytest
import torch

pytest.importorskip("usearch")

from mmrec.realtime.index.hnsw_index import HnswIndex

DIM = 16


class Graph(HnswIndex):
    """Searches its graph even where scoring all items is faster."""

    share = 0.02


def clustered(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    centers = torch.randn(40, DIM, generator=torch.Generator().manual_seed(9))
    noise = 0.3 * torch.randn(count, DIM, generator=generator)
    return centers[torch.randint(40, (count,), generator=generator)] + noise


def filled(count, kind=Graph, **options):
    index, vectors = kind(DIM, **options), clustered(count)
    index.add(torch.arange(1, count + 1), vectors)
    return index, vectors


def recall(result, vectors, queries, may):
    scores = queries.numpy() @ vectors.numpy().T
    scores[:, ~may] = -np.inf
    best = np.argsort(-scores, axis=1)[:, : result.keys.shape[1]] + 1
    hits = [len(set(a) & set(b)) for a, b in zip(result.keys.tolist(), best, strict=True)]
    return np.mean(hits) / best.shape[1]


@pytest.mark.parametrize("share", [0.02, 1e9])
def test_recall_with_and_without_filters(share, monkeypatch):
    monkeypatch.setattr(Graph, "share", share)
    index, vectors = filled(3_000)
    queries, rng = clustered(30, seed=1), np.random.default_rng(0)
    for part in (1.0, 0.9, 0.3, 0.1, 0.04, 0.002):
        may = rng.random(3_000) < part
        allow = torch.from_numpy(np.concatenate([[False], may]))
        result = index.search(queries, 10, allow=allow)
        expected = min(10, int(may.sum()))
        assert ((result.keys > 0).sum(dim=1) == expected).all()
        assert (
            np.isin(result.keys.numpy(), np.flatnonzero(may) + 1) | (result.keys == 0).numpy()
        ).all()
        assert recall(result, vectors, queries, may) * 10 >= 0.95 * expected


def test_items_of_unequal_length_are_found(monkeypatch):
    monkeypatch.setattr(Graph, "share", 1e9)
    vectors = clustered(3_000) * torch.rand(3_000, 1, generator=torch.Generator().manual_seed(3))
    index, queries = Graph(DIM), clustered(30, seed=1)
    index.add(torch.arange(1, 3_001), vectors)
    result = index.search(queries, 10)
    assert recall(result, vectors, queries, np.ones(3_000, dtype=bool)) >= 0.95


def test_the_nearest_items_may_all_be_excluded(monkeypatch):
    monkeypatch.setattr(Graph, "share", 1e9)
    index, vectors = filled(2_000, neighbors=8, effort=4)
    query = vectors[:1]
    near = (query @ vectors.t())[0].argsort(descending=True)[:1_500] + 1
    result = index.search(query, 20, exclude=[near])
    assert (result.keys > 0).all()
    assert not torch.isin(result.keys, near).any()


@pytest.mark.parametrize("share", [1 / 64, 1e9])
@pytest.mark.parametrize("counts", [(395, 1), (300, 0), (395, 398), (100, 20), (400, 256)])
@pytest.mark.parametrize("filtered", [False, True])
def test_rows_that_have_seen_more_and_less(share, counts, filtered, monkeypatch):
    monkeypatch.setattr(Graph, "share", share)
    index, _vectors = filled(400)
    rng = np.random.default_rng(0)
    seen = [rng.permutation(400)[:count] + 1 for count in counts]
    may = np.arange(401) <= (250 if filtered else 400)
    allow = torch.from_numpy(may) if filtered else None
    result = index.search(clustered(2, seed=1), 10, exclude=seen, allow=allow)
    for keys, drop in zip(result.keys, seen, strict=True):
        found = keys[keys > 0].tolist()
        left = set(np.flatnonzero(may)) - {0} - set(drop.tolist())
        assert len(found) == len(set(found)) == min(10, len(left))
        assert set(found) <= left


def test_removed_and_moved_items(monkeypatch):
    monkeypatch.setattr(Graph, "share", 1e9)
    index, vectors = filled(500)
    index.remove(torch.tensor([3]))
    index.update(torch.tensor([4]), -vectors[3:4])
    assert len(index) == 499
    found = index.search(vectors[2:4], 499)
    assert 3 not in found.keys
    assert (found.keys == 4).sum() == 2
    row, place = 1, (found.keys[1] == 4).nonzero().item()
    assert found.scores[row, place] == pytest.approx(-float(vectors[3] @ vectors[3]), rel=1e-4)
    index.add(torch.tensor([3]), vectors[2:3])
    assert index.search(vectors[2:3], 500).keys.sort().values.tolist() == [list(range(1, 501))]


def test_recall_after_many_changes(monkeypatch):
    monkeypatch.setattr(Graph, "share", 1e9)
    index, vectors = filled(2_000)
    for start in range(0, 2_000, 50):
        keys = torch.arange(start + 1, start + 51)
        index.update(keys, vectors[keys - 1].flip(0))
        index.remove(keys[:20])
        index.add(keys[:20], vectors[keys[:20] - 1])
        index.update(keys[20:], vectors[keys[20:] - 1])
    queries = clustered(30, seed=1)
    result = index.search(queries, 10)
    assert recall(result, vectors, queries, np.ones(2_000, dtype=bool)) >= 0.95


def test_a_vector_longer_than_all_others_is_found_and_so_are_they(monkeypatch):
    monkeypatch.setattr(Graph, "share", 1e9)
    index, vectors = filled(1_000)
    index.add(torch.tensor([1_001]), 5 * vectors[:1])
    index.update(torch.tensor([7]), 50 * vectors[:1])
    index.add(torch.tensor([1_002]), torch.zeros(1, DIM))
    assert index.search(vectors[:1], 2).keys.tolist() == [[7, 1_001]]
    result = index.search(vectors[:1], 12, exclude=[torch.tensor([7, 1_001])])
    best = (vectors @ vectors[0]).argsort(descending=True) + 1
    expected = [key for key in best.tolist() if key != 7][:12]
    assert len(set(result.keys[0].tolist()) & set(expected)) >= 11


def test_readers_beside_a_writer(monkeypatch):
    monkeypatch.setattr(Graph, "share", 1e9)
    index, vectors = filled(300)
    stop, wrong = threading.Event(), []

    def read():
        while not stop.is_set():
            try:
                result = index.search(vectors[:2], 100)
            except Exception as error:
                wrong.append(error)
                return
            if (result.keys == 0).any() or len(set(result.keys[0].tolist())) < 100:
                wrong.append(result)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for start in range(0, 300, 30):
        keys = torch.arange(start + 1, start + 31)
        index.update(keys, vectors[keys - 1])
        index.remove(keys[:5])
        index.add(keys[:5], 2 * vectors[keys[:5] - 1])
    stop.set()
    for reader in readers:
        reader.join()
    assert not wrong
    assert len(index) == 300


def test_a_removal_shows_nothing_half_done(monkeypatch):
    """The search that runs beside a removal scores all items of what it began with, or after."""
    monkeypatch.setattr(Graph, "share", 1e9)
    index, vectors = filled(400)
    search, removed = index._search_row, torch.arange(1, 101)

    def slow(*args):
        if 1 in index:
            index.remove(removed)
        return search(*args)

    monkeypatch.setattr(index, "_search_row", slow)
    found = index.search(vectors[:1], 400).keys[0]
    assert found.sort().values.tolist() == list(range(1, 401))
    found = index.search(vectors[:1], 400).keys[0]
    assert found[found > 0].sort().values.tolist() == list(range(101, 401))


def test_refuses_bad_options():
    with pytest.raises(ValueError, match="got 0, 288 and 16"):
        HnswIndex(0)
    with pytest.raises(ValueError, match="neighbors of 2 or more; got 4, 288 and 1"):
        HnswIndex(4, neighbors=1)


def test_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "usearch.index", None)
    with pytest.raises(ImportError, match=r"mmrec\[hnsw\]"):
        HnswIndex(4)
