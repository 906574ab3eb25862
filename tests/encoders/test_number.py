from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmrec.encoders import NumberEncoder, piecewise_linear, quantile_edges


def slowly(value, edges):
    """Equation 1 of arXiv 2203.05556, in a loop, for numbers between the edges."""
    row = []
    for low, high in pairwise(edges):
        row.append(0.0 if value < low else 1.0 if value >= high else (value - low) / (high - low))
    return row


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), st.integers(1, 8))
def test_the_formula_of_the_paper(values, bins):
    numbers = np.array(values)
    edges = quantile_edges(numbers, bins)
    assert len(edges) <= bins + 1
    assert set(edges) <= set(values)
    assert (edges[0], edges[-1]) == (min(values), max(values))
    found = piecewise_linear(numbers, edges)
    assert found.shape == (len(values), len(edges))
    assert np.allclose(found[:, :-1], [slowly(v, edges) for v in values], atol=1e-6)
    assert not found[:, -1].any()


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20))
def test_a_larger_number_has_no_smaller_entry(values):
    numbers = np.sort(np.array(values))
    found = piecewise_linear(numbers, quantile_edges(numbers[::2], 4))
    assert (np.diff(found, axis=0) >= 0).all()


def test_outside_the_edges_counts_as_the_nearest_edge():
    edges = np.array([1.0, 2.0, 4.0])
    found = piecewise_linear(np.array([-1e9, 1.0, 4.0, 1e9]), edges)
    assert found.tolist() == [[0, 0, 0], [0, 0, 0], [1, 1, 0], [1, 1, 0]]


def test_a_missing_number_is_marked():
    assert piecewise_linear(np.array([np.nan]), np.array([1.0, 2.0])).tolist() == [[0.0, 1.0]]
    assert piecewise_linear(np.array([5.0, np.nan]), np.array([5.0])).tolist() == [[0.0], [1.0]]
    assert quantile_edges(np.array([np.nan]), 4).tolist() == []


def test_times_a_second_apart_differ():
    times = 1.7e9 + np.arange(5.0)
    found = piecewise_linear(times, np.array([times[0], times[-1]]))
    assert found[:, 0].tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_frequent_values_get_fewer_pieces():
    values = np.array([0.0] * 90 + [1.0] * 5 + [2.0] * 5)
    assert quantile_edges(values, 10).tolist() == [0.0, 2.0]
    assert quantile_edges(values, 40).tolist() == [0.0, 1.0, 2.0]


def test_the_vector_is_a_sum_over_columns():
    encoder = NumberEncoder([3, 2], 4)
    first, second = torch.tensor([[1.0, 0.5, 0.0]]), torch.tensor([[0.0, 1.0]])
    zero = encoder(torch.zeros(1, 5))
    whole = encoder(torch.cat([first, second], dim=1))
    alone = encoder(torch.cat([first, torch.zeros(1, 2)], dim=1))
    other = encoder(torch.cat([torch.zeros(1, 3), second], dim=1))
    assert torch.allclose(whole + zero, alone + other, atol=1e-6)
    whole.sum().backward()
    assert all(p.grad.isfinite().all() for p in encoder.parameters())
    assert encoder(torch.zeros(0, 5)).shape == (0, 4)


@pytest.mark.parametrize(("sizes", "dim"), [([], 4), ([3, 0], 4), ([3], 0)])
def test_wrong_widths(sizes, dim):
    with pytest.raises(ValueError, match="expects one or more widths of at least 1; got sizes"):
        NumberEncoder(sizes, dim)
