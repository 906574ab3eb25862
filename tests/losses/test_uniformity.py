from inspect import unwrap

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from mmrec.losses import directau_loss


def reference(states, vectors, factor):
    """The formulas of the paper, one pair at a time."""
    users, items = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (states, vectors))
    aligned = np.mean([((u - c) ** 2).sum() for u, c in zip(users, items, strict=True)])

    def uniformity(rows):
        pairs = [(a, b) for i, a in enumerate(rows) for j, b in enumerate(rows) if i < j]
        if not pairs:
            return 0.0
        return np.log(np.mean([np.exp(-2 * ((a - b) ** 2).sum()) for a, b in pairs]))

    return aligned + factor * (uniformity(users) + uniformity(items)) / 2


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 6), st.sampled_from([0.0, 0.5, 2.0]), st.integers(0, 2**31))
def test_equals_the_formula(rows, factor, seed):
    states, vectors = np.random.default_rng(seed).normal(size=(2, rows, 4))
    got = directau_loss(torch.tensor(states), torch.tensor(vectors), uniformity=factor)
    assert got.item() == pytest.approx(reference(states, vectors, factor), rel=1e-9, abs=1e-9)


def test_lengths_do_not_count():
    states, vectors = torch.randn(2, 5, 3)
    scaled = directau_loss(states * 7, vectors / 3)
    assert torch.allclose(scaled, directau_loss(states, vectors), atol=1e-5)


def test_order_of_rows_does_not_count():
    states, vectors = torch.randn(2, 6, 3, dtype=torch.float64)
    order = torch.tensor([4, 0, 5, 2, 1, 3])
    moved = directau_loss(states[order], vectors[order])
    torch.testing.assert_close(moved, directau_loss(states, vectors))


def test_of_many_rows_a_draw_is_compared():
    torch.manual_seed(0)
    states, vectors = torch.randn(2, 600, 3, dtype=torch.float64)
    exact = directau_loss(states, vectors).item()
    drawn = [directau_loss(states, vectors, most=100).item() for _ in range(20)]
    assert np.std(drawn) > 0
    assert np.mean(drawn) == pytest.approx(exact, abs=4 * np.std(drawn) / np.sqrt(20))


def test_gradients_also_of_equal_vectors():
    states = torch.randn(4, 3, dtype=torch.float64)
    states[1] = states[0]
    states.requires_grad_()
    vectors = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    assert gradcheck(directau_loss, (states, vectors))


def test_a_single_row_and_no_rows():
    for rows in (0, 1):
        states = torch.ones(rows, 3, requires_grad=True)
        loss = directau_loss(states, torch.ones(rows, 3))
        loss.backward()
        assert loss.item() == 0


def test_float32_under_autocast():
    states, vectors = torch.randn(2, 6, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = directau_loss(states, vectors)
    assert torch.equal(loss, directau_loss(states, vectors))


def test_errors():
    vectors = torch.ones(2, 3)
    with pytest.raises(ValueError, match=r"same shape; got \(2, 3\) and \(3, 3\)"):
        unwrap(directau_loss)(vectors, torch.ones(3, 3))
    with pytest.raises(ValueError, match=r"most of 2 or more; got 1.0 and 1"):
        directau_loss(vectors, vectors, most=1)
    with pytest.raises(ValueError, match=r"uniformity of 0 or more .*; got -1.0 and 1024"):
        directau_loss(vectors, vectors, uniformity=-1.0)
