import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck

from mmrec.layers import Graph, nearest


@st.composite
def graphs(draw):
    size = draw(st.integers(2, 7))
    pairs = st.tuples(st.integers(0, size - 1), st.integers(0, size - 1))
    edges = draw(st.lists(pairs.filter(lambda pair: pair[0] != pair[1]), max_size=12))
    weights = draw(st.lists(st.floats(0.1, 5), min_size=len(edges), max_size=len(edges)))
    return size, edges, weights


def dense(size, edges, weights):
    """The normalized adjacency by loops over a dense matrix."""
    matrix = np.zeros((size, size))
    for (one, other), weight in zip(edges, weights, strict=True):
        matrix[one, other] += weight
        matrix[other, one] += weight
    degrees = matrix.sum(1)
    for i, j in np.argwhere(matrix):
        matrix[i, j] /= np.sqrt(degrees[i] * degrees[j])
    return matrix


def graph_of(size, edges, weights):
    pairs = torch.tensor(edges, dtype=torch.long).reshape(-1, 2)
    return Graph.of(pairs, torch.tensor(weights, dtype=torch.float64), size)


@given(graphs())
def test_a_product_is_that_of_the_dense_matrix(given):
    size, wanted = given[0], torch.from_numpy(dense(*given))
    graph = graph_of(*given)
    whole = graph.product(torch.eye(size, dtype=torch.float64))
    torch.testing.assert_close(whole, wanted)
    torch.testing.assert_close(whole, whole.T)
    vectors = torch.randn(size, 3, dtype=torch.float64)
    torch.testing.assert_close(graph.product(vectors), wanted @ vectors)


@given(graphs())
def test_the_largest_eigenvalue_is_one(given):
    """So vectors don't grow from layer to layer."""
    whole = graph_of(*given).product(torch.eye(given[0], dtype=torch.float64))
    largest = float(torch.linalg.eigvalsh(whole).abs().max())
    assert largest == pytest.approx(1.0 if given[1] else 0.0, abs=1e-9)


def test_gradients():
    graph = graph_of(4, [(0, 1), (1, 2), (0, 2), (0, 1)], [1.0, 0.5, 2.0, 3.0])
    vectors = torch.randn(4, 2, dtype=torch.float64, requires_grad=True)
    assert gradcheck(graph.product, vectors)
    assert gradgradcheck(graph.product, vectors)


@given(st.integers(2, 9), st.integers(1, 12), st.integers(0, 99), st.booleans())
def test_nearest_are_those_of_a_sort(size, count, seed, with_own):
    rng = np.random.default_rng(seed)
    known = rng.normal(size=(size, 3)) + 4
    present = rng.random(size) < 0.7
    known[0], present[0] = 0, False
    own = rng.integers(0, size, 5)
    queries = known[own] if with_own else rng.normal(size=(5, 3)) + 4
    found = nearest(
        torch.from_numpy(queries),
        torch.from_numpy(known),
        torch.from_numpy(present),
        count,
        own=torch.from_numpy(own) if with_own else None,
    )
    mean = known[present].mean(0) if present.any() else 0
    for query, me, row in zip(queries - mean, own, found.tolist(), strict=True):
        others = [i for i in range(size) if present[i] and not (with_own and i == me)]
        scores = {}
        for i in others:
            lengths = np.linalg.norm(query) * np.linalg.norm(known[i] - mean)
            scores[i] = query @ (known[i] - mean) / lengths if lengths > 1e-9 else 0.0
        wanted = sorted(others, key=lambda i: -scores[i])[:count]
        got = [i for i in row if i]
        assert row == got + [0] * (count - len(got))
        assert len(set(got)) == len(got) == len(wanted)
        assert set(got) <= set(others)
        np.testing.assert_allclose(
            [scores[i] for i in got], [scores[i] for i in wanted], rtol=1e-6, atol=1e-9
        )


def test_blocks_change_nothing(monkeypatch):
    known = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    present, own = torch.arange(50) > 0, torch.arange(50)
    whole = nearest(known, known, present, 5, own=own)
    monkeypatch.setattr("mmrec.layers.graph.CELLS", 120)
    assert torch.equal(nearest(known, known, present, 5, own=own), whole)
