import sys
import threading

import numpy as np
import pytest
import torch

pytest.importorskip("faiss")

from mmrec.realtime.index import faiss_build, faiss_index
from mmrec.realtime.index.faiss_index import FaissIndex

DIM = 16


def clustered(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(40, DIM, generator=torch.Generator().manual_seed(9))
    noise = 0.3 * torch.randn(count, DIM, generator=generator)
    return centres[torch.randint(40, (count,), generator=generator)] + noise


def filled(count, **options):
    index, vectors = FaissIndex(DIM, **options), clustered(count)
    index.add(torch.arange(1, count + 1), vectors)
    index.rebuild()
    return index, vectors


def recall(result, vectors, queries, may):
    scores = queries.numpy() @ vectors.numpy().T
    scores[:, ~may] = -np.inf
    best = np.argsort(-scores, axis=1)[:, : result.keys.shape[1]] + 1
    hits = [len(set(a) & set(b)) for a, b in zip(result.keys.tolist(), best, strict=True)]
    return np.mean(hits) / best.shape[1]


@pytest.mark.parametrize("kind", ["hnsw", "ivf"])
def test_recall_with_and_without_filters(kind):
    index, vectors = filled(3_000, kind=kind, neighbors=16)
    queries, rng = clustered(30, seed=1), np.random.default_rng(0)
    assert index._state.fresh.size == 0
    for share in (1.0, 0.9, 0.3, 0.1, 0.04, 0.002):
        may = rng.random(3_000) < share
        allow = torch.from_numpy(np.concatenate([[False], may]))
        result = index.search(queries, 10, allow=allow)
        expected = min(10, int(may.sum()))
        assert ((result.keys > 0).sum(dim=1) == expected).all()
        assert (
            np.isin(result.keys.numpy(), np.flatnonzero(may) + 1) | (result.keys == 0).numpy()
        ).all()
        assert recall(result, vectors, queries, may) * 10 >= 0.95 * expected


def test_all_that_is_near_may_be_excluded():
    index, vectors = filled(2_000, neighbors=8, effort=4)
    query = vectors[:1]
    near = (query @ vectors.t())[0].argsort(descending=True)[:1_500] + 1
    result = index.search(query, 20, exclude=[near])
    assert (result.keys > 0).all()
    assert not torch.isin(result.keys, near).any()


def test_removed_and_moved_items_are_masked_in_the_graph():
    index, vectors = filled(500)
    index.remove(torch.tensor([3]))
    index.update(torch.tensor([4]), -vectors[3:4])
    assert len(index) == 499
    found = index.search(vectors[2:4], 499)
    assert 3 not in found.keys
    assert (found.keys == 4).sum() == 2
    row, place = 1, (found.keys[1] == 4).nonzero().item()
    assert found.scores[row, place] == pytest.approx(-float(vectors[3] @ vectors[3]), rel=1e-4)
    index.rebuild()  # adds to a copy: few are masked
    assert index._state.masked == 2
    index.remove(torch.arange(100, 400))
    assert 3 not in index
    assert 4 in index
    index.rebuild()
    assert index._state.masked == 0
    assert len(index) == len(index._state.graph.keys) == 199


def test_changes_during_a_build_are_kept(monkeypatch):
    index, vectors = filled(400)
    begun, go, build = threading.Event(), threading.Event(), faiss_index.next_graph

    def slow(*args, **kwargs):
        begun.set()
        assert go.wait(20)
        return build(*args, **kwargs)

    monkeypatch.setattr(faiss_index, "next_graph", slow)
    index.add(torch.tensor([401, 402, 403]), vectors[:3])
    builder = threading.Thread(target=index.rebuild)
    builder.start()
    assert begun.wait(20)
    index.remove(torch.tensor([401, 10]))
    index.update(torch.tensor([402, 11]), 50 * vectors[:2])
    index.add(torch.tensor([404, 10]), 40 * vectors[:2])
    go.set()
    builder.join()
    assert len(index) == 403
    assert 401 not in index
    found = dict(zip(*(part[0].tolist() for part in index.search(vectors[:1], 403)), strict=True))
    assert len(found) == 403
    square, cross = float(vectors[0] @ vectors[0]), float(vectors[0] @ vectors[1])
    for key, score in {402: 50 * square, 11: 50 * cross, 404: 40 * square, 10: 40 * cross}.items():
        assert found[key] == pytest.approx(score, rel=1e-4)
    assert found[403] == pytest.approx(float(vectors[0] @ vectors[2]), rel=1e-4)


def test_builds_behind_when_much_is_new(monkeypatch):
    monkeypatch.setattr(faiss_index, "FRESH", (50, 50))
    index, vectors = FaissIndex(DIM), clustered(200)
    index.add(torch.arange(1, 201), vectors)
    index.wait()
    assert len(index._state.graph.keys) == 200
    index.remove(torch.arange(1, 151))
    index.wait()
    assert index._state.masked == 0
    assert len(index) == 50


def test_readers_during_builds(monkeypatch):
    monkeypatch.setattr(faiss_index, "FRESH", (20, 20))
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

    reader = threading.Thread(target=read)
    reader.start()
    for start in range(0, 300, 30):
        keys = torch.arange(start + 1, start + 31)
        index.update(keys, vectors[keys - 1])
        index.remove(keys[:5])
        index.add(keys[:5], vectors[keys[:5] - 1])
        index.wait()
    stop.set()
    reader.join()
    assert not wrong
    assert len(index) == 300


def test_a_stopped_build_leaves_all_as_it_was():
    index, vectors = filled(100)
    index.add(torch.tensor([101]), vectors[:1])
    before, stop = index._state, threading.Event()
    stop.set()
    index._build(stop)
    assert index._state is before
    assert index._changed is None


def test_a_failed_build_is_logged_and_the_index_stays_right(monkeypatch, caplog):
    def fail(*args, **kwargs):
        raise MemoryError("no room")

    monkeypatch.setattr(faiss_index, "FRESH", (5, 5))
    monkeypatch.setattr(faiss_index, "next_graph", fail)
    index, vectors = FaissIndex(DIM), clustered(20)
    index.add(torch.arange(1, 21), vectors)
    index.wait()
    assert "faiss-build failed" in caplog.text
    assert index.search(vectors[:1], 20).keys.min() == 1


def test_setting_of_threads_is_left_alone():
    import faiss

    index, vectors = filled(100)
    before = faiss.omp_get_max_threads()
    index.search(vectors[:1], 3)
    assert faiss.omp_get_max_threads() == before


def test_refuses_bad_options():
    with pytest.raises(ValueError, match="got 0, 288 and 32"):
        FaissIndex(0)
    with pytest.raises(ValueError, match="neighbors of 2 or more; got 4, 288 and 1"):
        FaissIndex(4, neighbors=1)


def test_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(ImportError, match=r"mmrec\[faiss\]"):
        FaissIndex(4)


def test_ivf_of_one_item():
    graph = faiss_build.make_index("ivf", np.ones((1, DIM), dtype=np.float32), 8)
    assert graph.nlist == 1


@pytest.mark.parametrize("kind", ["hnsw", "ivf"])
@pytest.mark.parametrize("counts", [(395, 1), (300, 0), (395, 398), (100, 20), (400, 256)])
@pytest.mark.parametrize("filtered", [False, True])
def test_rows_that_have_seen_more_and_less(kind, counts, filtered):
    index, _vectors = filled(400, kind=kind)
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


def test_a_swap_shows_nothing_half_done(monkeypatch):
    index, _ = filled(400)
    build, states = faiss_index.next_graph, []

    def slow(*args, **kwargs):
        graph = build(*args, **kwargs)
        index.remove(torch.tensor([1]))
        index.update(torch.tensor([2]), torch.ones(1, DIM))
        return graph

    class Watched(FaissIndex):
        def __setattr__(self, name, value):
            super().__setattr__(name, value)
            if name == "_state":
                states.append(self.search(torch.ones(1, DIM), 400).keys[0].tolist())

    index.__class__ = Watched
    monkeypatch.setattr(faiss_index, "next_graph", slow)
    index.rebuild()
    assert len(states) == 3  # removed, updated, swapped
    for found in states:
        present = [key for key in found if key]
        assert 1 not in present
        assert len(present) == len(set(present)) == 399
