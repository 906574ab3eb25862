import numpy as np
import pytest
import torch

from mmrec.realtime.index import exact_view
from mmrec.realtime.index.exact import ExactIndex


def clustered(count, dim=32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    centers = torch.randn(50, dim, generator=generator)
    noise = 0.3 * torch.randn(count, dim, generator=generator)
    return centers[torch.randint(50, (count,), generator=generator)] + noise


@pytest.mark.parametrize(
    ("dtype", "recall"), [("float32", 1.0), ("bfloat16", 0.98), ("int8", 0.98)]
)
def test_recall(dtype, recall):
    vectors, queries = clustered(5_000), clustered(40, seed=1)
    index = ExactIndex(32, dtype=dtype)
    index.add(torch.arange(1, 5_001), vectors)
    result = index.search(queries, 10)
    scores = vectors.double().numpy() @ queries.double().numpy().T
    best = np.argsort(-scores, axis=0)[:10].T + 1
    hits = [len(set(a) & set(b)) for a, b in zip(result.keys.tolist(), best, strict=True)]
    assert np.mean(hits) / 10 >= recall
    found = np.take_along_axis(scores, result.keys.numpy().T - 1, axis=0).T
    np.testing.assert_allclose(result.scores.numpy(), found, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
def test_rows_in_chunks(dtype, monkeypatch):
    index = ExactIndex(32, dtype=dtype)
    index.add(torch.arange(1, 501), clustered(500))
    queries = clustered(23, seed=1)
    exclude = [torch.arange(1, 20 * row + 1) for row in range(23)]
    whole = index.search(queries, 5, exclude=exclude)
    monkeypatch.setattr(exact_view, "CHUNK", 4 * 500)
    parts = index.search(queries, 5, exclude=exclude)
    assert torch.equal(parts.keys, whole.keys)
    torch.testing.assert_close(parts.scores, whole.scores)


def test_adding_one_by_one_rarely_copies():
    index = ExactIndex(8)
    capacities = set()
    for key in range(1, 1_501):
        index.add(torch.tensor([key]), torch.ones(1, 8))
        capacities.add(index.view.storage.capacity)
    assert len(capacities) < 16


def test_room_of_removed_items_is_used_again():
    index = ExactIndex(8)
    index.add(torch.arange(1, 201), torch.ones(200, 8))
    for _ in range(50):
        index.update(torch.arange(1, 201), torch.ones(200, 8))
    assert index.view.storage.capacity < 1_000
    index.remove(torch.arange(1, 201))
    assert len(index) == 0
    assert index.search(torch.ones(1, 8), 2).keys.tolist() == [[0, 0]]


def test_a_view_stays_as_it_was():
    index = ExactIndex(2)
    index.add(torch.tensor([1, 2]), torch.eye(2))
    view = index.view
    index.update(torch.tensor([1]), torch.full((1, 2), 9.0))
    index.remove(torch.tensor([2]))
    index.add(torch.tensor([3]), torch.full((1, 2), 5.0))
    result = view.search(torch.tensor([[1.0, 2.0]]), 3, None, None)
    assert result.keys.tolist() == [[2, 1, 0]]
    assert result.scores.tolist() == [[2.0, 1.0, -torch.inf]]


def test_half_precision_and_gradients_are_taken_in():
    index = ExactIndex(2)
    index.add(torch.tensor([1]), torch.ones(1, 2, dtype=torch.bfloat16, requires_grad=True))
    result = index.search(torch.ones(1, 2, dtype=torch.float64, requires_grad=True), 1)
    assert result.scores.tolist() == [[2.0]]
    assert not result.scores.requires_grad


def test_refuses_bad_options():
    with pytest.raises(ValueError, match="1 or more; got 0 and 8"):
        ExactIndex(0)
    with pytest.raises(ValueError, match="1 or more; got 4 and 0"):
        ExactIndex(4, shortlist=0)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
def test_sums_with_a_bonus_are_those_of_a_loop(dtype):
    vectors, queries = clustered(300), clustered(4, seed=1)
    index = ExactIndex(32, dtype=dtype)
    index.add(torch.arange(1, 301), vectors)
    index.remove(torch.tensor([7, 8]))
    index.update(torch.tensor([3]), vectors[:1])
    bonus = 5 * torch.rand(280, generator=torch.Generator().manual_seed(2))  # 280 to 300 are new
    exclude = [torch.arange(20, 20 + 40 * row) for row in range(4)]
    allow = torch.rand(301, generator=torch.Generator().manual_seed(3)) < 0.8
    found = index.search_sum(queries, bonus, 12, exclude=exclude, allow=allow)
    vectors[2] = vectors[0]
    for row in range(4):
        sums = {
            key: float(vectors[key - 1] @ queries[row] + bonus[key])
            for key in range(1, 280)
            if key not in (7, 8) and allow[key] and key not in exclude[row]
        }
        best = sorted(sums, key=sums.get, reverse=True)[:12]
        assert found.keys[row].tolist() == best
        assert found.scores[row].tolist() == pytest.approx([sums[key] for key in best], abs=1e-4)


def test_sums_of_fewer_items_than_are_wanted():
    index = ExactIndex(2)
    index.add(torch.tensor([1, 2, 3]), torch.eye(3, 2))
    found = index.search_sum(torch.ones(1, 2), torch.tensor([0.0, 1.0, 0.0]), 5)
    assert found.keys[0].tolist() == [1, 2, 0, 0, 0]  # 3 lies beyond the bonus
    assert found.scores[0].tolist()[:2] == [2.0, 1.0]
