from functools import partial
from inspect import unwrap

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from mmrec.losses import bpr_max_loss, top1_max_loss

LOSSES = {
    "bpr-max": bpr_max_loss,
    "bpr-max without regularization": partial(bpr_max_loss, regularization=0.0),
    "top1-max": top1_max_loss,
}
every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


def sigmoid(value):
    return 1 / (1 + np.exp(-value))


def bpr_max(score, others, share, factor):
    likelihood = sum(s * sigmoid(score - r) for s, r in zip(share, others, strict=True))
    return -np.log(likelihood) + factor * sum(share * others**2)


def top1_max(score, others, share, factor):
    terms = [sigmoid(r - score) + sigmoid(r**2) for r in others]
    return sum(s * term for s, term in zip(share, terms, strict=True))


def reference(formula, logits, target, candidates, factor):
    """The formulas of the paper, one row and one negative at a time."""
    losses = []
    for row, positive in zip(logits, target, strict=True):
        slots = [s for s in range(1, len(row)) if s != positive and candidates[s]]
        others = row[slots]
        share = np.exp(others) / np.exp(others).sum()
        losses.append(formula(row[positive], others, share, factor) if slots else 0.0)
    return np.mean(losses)


@settings(deadline=None)
@given(
    st.integers(1, 5), st.integers(2, 8), st.sampled_from([0.0, 0.3, 1.0]), st.integers(0, 2**31)
)
def test_equal_the_formulas(rows, slots, factor, seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(rows, slots)) * 3
    target, candidates = rng.integers(1, slots, rows), rng.random(slots) < 0.6
    values = torch.tensor(logits), torch.tensor(target), torch.tensor(candidates)
    for loss, formula in (
        (partial(bpr_max_loss, regularization=factor), bpr_max),
        (top1_max_loss, top1_max),
    ):
        expected = reference(formula, logits, target, candidates, factor)
        assert loss(*values).item() == pytest.approx(expected, rel=1e-9)


def test_negatives_above_the_target_keep_their_weight():
    """Where a mean over negatives has lost its gradient, as most are far below."""
    scores = torch.full((1, 1002), -20.0)
    scores[0, 1], scores[0, 2] = 0.0, 3.0
    scores.requires_grad_()
    bpr_max_loss(scores, torch.tensor([1]), regularization=0.0).backward()
    assert scores.grad[0, 1] < -0.9
    assert scores.grad[0, 2] > 0.9


@every_loss
def test_gradients_and_garbage(loss):
    logits = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    target, candidates = torch.tensor([1, 4, 2]), torch.tensor([True, True, False, True, False])
    assert gradcheck(lambda x: loss(x, target, candidates), (logits,))
    garbage = logits.detach().clone()
    garbage[:, 0], garbage[0, 2] = float("nan"), float("inf")
    garbage.requires_grad_()
    value = loss(garbage, target, candidates)
    assert torch.equal(value, loss(logits, target, candidates))
    value.backward()
    assert garbage.grad.isfinite().all()


@every_loss
def test_large_margins_and_half_precision_stay_finite(loss):
    for scores in ([0.0, -1e4, 1e4, 1.0], [0.0, 1e4, -1e4, 1.0]):
        logits = torch.tensor([scores]).bfloat16().requires_grad_()
        value = loss(logits, torch.tensor([1]))
        value.backward()
        assert value.dtype == torch.float32
        assert value.isfinite()
        assert logits.grad.isfinite().all()


@every_loss
def test_no_rows_and_no_negatives_are_zero_with_a_graph(loss):
    for rows in (0, 2):
        logits = torch.randn(rows, 2, requires_grad=True)
        value = loss(logits, torch.ones(rows, dtype=torch.long))
        value.backward()
        assert value.item() == 0
        assert not logits.grad.any()


def test_errors():
    with pytest.raises(ValueError, match="regularization must be 0 or more; got -1"):
        bpr_max_loss(torch.zeros(1, 3), torch.tensor([1]), regularization=-1.0)
    for loss in (bpr_max_loss, top1_max_loss):
        with pytest.raises(ValueError, match=r"target \(N,\); got \(1, 3\) and \(2,\)"):
            unwrap(loss)(torch.zeros(1, 3), torch.tensor([1, 1]))
