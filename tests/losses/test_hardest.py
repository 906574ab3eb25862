from inspect import unwrap

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from mmrec.losses import bpr_loss, hard_bpr_loss


def reference(logits, target, candidates, hardest):
    losses = []
    for row, positive in zip(logits, target, strict=True):
        others = [row[s] for s in range(1, len(row)) if s != positive and candidates[s]]
        others = sorted(others, reverse=True)[:hardest]
        terms = [np.log1p(np.exp(score - row[positive])) for score in others]
        losses.append(np.mean(terms) if terms else 0.0)
    return np.mean(losses)


@settings(deadline=None)
@given(st.integers(1, 5), st.integers(2, 8), st.integers(1, 9), st.integers(0, 2**31))
def test_equals_the_mean_over_the_best_negatives(rows, slots, hardest, seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(rows, slots)) * 4
    target, candidates = rng.integers(1, slots, rows), rng.random(slots) < 0.6
    values = torch.tensor(logits), torch.tensor(target), torch.tensor(candidates)
    got = hard_bpr_loss(*values, hardest=hardest).item()
    assert got == pytest.approx(reference(logits, target, candidates, hardest), rel=1e-9)


def test_is_the_expectation_of_drawing_one_of_the_hardest():
    """The paper draws one of the K hardest of each pool, and takes BPR of it."""
    logits, target = torch.randn(1, 12, dtype=torch.float64), torch.tensor([3])
    others = [s for s in range(1, 12) if s != 3]
    each = []
    for slot in sorted(others, key=lambda s: -float(logits[0, s]))[:4]:
        only = torch.zeros(12, dtype=torch.bool).scatter(0, torch.tensor(slot), True)
        each.append(bpr_loss(logits, target, only))
    assert torch.allclose(hard_bpr_loss(logits, target, hardest=4), torch.stack(each).mean())


def test_with_all_negatives_it_is_bpr():
    logits, target = torch.randn(4, 6, dtype=torch.float64), torch.tensor([1, 2, 3, 5])
    assert torch.allclose(hard_bpr_loss(logits, target, hardest=99), bpr_loss(logits, target))


def test_gradients_and_garbage():
    logits = torch.randn(3, 6, dtype=torch.float64, requires_grad=True)
    target = torch.tensor([1, 4, 2])
    candidates = torch.tensor([True, True, False, True, False, True])
    assert gradcheck(lambda x: hard_bpr_loss(x, target, candidates, hardest=2), (logits,))
    garbage = logits.detach().clone()
    garbage[:, 0], garbage[0, 2] = float("nan"), float("inf")
    garbage.requires_grad_()
    loss = hard_bpr_loss(garbage, target, candidates, hardest=9)
    assert torch.equal(loss, hard_bpr_loss(logits, target, candidates, hardest=9))
    loss.backward()
    assert garbage.grad.isfinite().all()


def test_half_precision_is_computed_in_float32():
    loss = hard_bpr_loss(torch.tensor([[0.0, -1e4, 1e4]]).bfloat16(), torch.tensor([1]))
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(2e4, rel=0.01)


def test_no_rows_and_no_negatives_are_zero_with_a_graph():
    for rows in (0, 2):
        logits = torch.randn(rows, 2, requires_grad=True)
        loss = hard_bpr_loss(logits, torch.ones(rows, dtype=torch.long))
        loss.backward()
        assert loss.item() == 0


def test_errors():
    with pytest.raises(ValueError, match="hardest must be at least 1; got 0"):
        hard_bpr_loss(torch.zeros(1, 3), torch.tensor([1]), hardest=0)
    with pytest.raises(ValueError, match=r"log_q expects one value per slot, \(3,\); got \(2,\)"):
        unwrap(hard_bpr_loss)(torch.zeros(1, 3), torch.tensor([1]), None, torch.zeros(2))
