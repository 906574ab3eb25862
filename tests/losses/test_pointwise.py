from inspect import unwrap

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from mmrec.losses import bce_loss


def reference(logits, target, candidates):
    losses = []
    for row, positive in zip(logits, target, strict=True):
        terms = [
            np.log1p(np.exp(row[slot]))
            for slot in range(1, len(row))
            if slot != positive and candidates[slot]
        ]
        losses.append(np.log1p(np.exp(-row[positive])) + (np.mean(terms) if terms else 0.0))
    return np.mean(losses)


@settings(deadline=None)
@given(st.integers(1, 5), st.integers(2, 8), st.integers(0, 2**31))
def test_equals_the_formula(rows, slots, seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(rows, slots)) * 4
    target, candidates = rng.integers(1, slots, rows), rng.random(slots) < 0.6
    got = bce_loss(torch.tensor(logits), torch.tensor(target), torch.tensor(candidates))
    assert got.item() == pytest.approx(reference(logits, target, candidates), rel=1e-9)


def test_gradients_and_garbage():
    logits = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    target, candidates = torch.tensor([1, 4, 2]), torch.tensor([True, True, False, True, False])
    assert gradcheck(lambda x: bce_loss(x, target, candidates), (logits,))
    garbage = logits.detach().clone()
    garbage[:, 0], garbage[0, 2] = float("nan"), float("inf")
    garbage.requires_grad_()
    loss = bce_loss(garbage, target, candidates)
    assert torch.equal(loss, bce_loss(logits, target, candidates))
    loss.backward()
    assert garbage.grad.isfinite().all()


def test_half_precision_is_computed_in_float32():
    logits = torch.tensor([[0.0, -1e4, 1e4]]).bfloat16()
    loss = bce_loss(logits, torch.tensor([1]))
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(2e4, rel=0.01)


def test_no_rows_is_zero_with_a_graph():
    logits = torch.randn(0, 2, requires_grad=True)
    loss = bce_loss(logits, torch.ones(0, dtype=torch.long))
    loss.backward()
    assert loss.item() == 0


def test_shapes_that_disagree():
    with pytest.raises(ValueError, match=r"target \(N,\); got \(1, 3\) and \(2,\)"):
        unwrap(bce_loss)(torch.randn(1, 3), torch.tensor([1, 1]))
