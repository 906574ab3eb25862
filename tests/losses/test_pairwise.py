from inspect import unwrap

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.losses import bpr_loss


def reference(logits, target, candidates):
    losses = []
    for row, positive in zip(logits, target, strict=True):
        terms = [
            np.log1p(np.exp(-(row[positive] - row[slot])))
            for slot in range(1, len(row))
            if slot != positive and candidates[slot]
        ]
        losses.append(np.mean(terms) if terms else 0.0)
    return np.mean(losses)


@settings(deadline=None)
@given(st.integers(1, 5), st.integers(2, 8), st.integers(0, 2**31))
def test_equals_the_formula(rows, slots, seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(rows, slots)) * 4
    target, candidates = rng.integers(1, slots, rows), rng.random(slots) < 0.6
    got = bpr_loss(torch.tensor(logits), torch.tensor(target), torch.tensor(candidates))
    assert got.item() == pytest.approx(reference(logits, target, candidates), rel=1e-9)


def test_one_negative_is_the_logsigmoid_of_the_margin():
    logits = torch.randn(6, 3, dtype=torch.float64) * 5
    expected = -F.logsigmoid(logits[:, 1] - logits[:, 2]).mean()
    target = torch.ones(6, dtype=torch.long)
    torch.testing.assert_close(bpr_loss(logits, target), expected)


def test_shift_of_a_row_changes_nothing():
    logits, target = torch.randn(3, 6, dtype=torch.float64), torch.tensor([1, 5, 2])
    shifted = logits + torch.tensor([[3.0], [-7.0], [100.0]])
    assert torch.allclose(bpr_loss(shifted, target), bpr_loss(logits, target))


def test_large_margins_and_half_precision_stay_finite():
    loss = bpr_loss(torch.tensor([[0.0, -1e4, 1e4]]).bfloat16(), torch.tensor([1]))
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(2e4, rel=0.01)


def test_no_rows_and_no_negatives_are_zero_with_a_graph():
    for rows in (0, 2):
        logits = torch.randn(rows, 2, requires_grad=True)
        loss = bpr_loss(logits, torch.ones(rows, dtype=torch.long))
        loss.backward()
        assert loss.item() == 0


def test_shapes_that_disagree():
    with pytest.raises(
        ValueError, match=r"candidates expects one value per slot, \(3,\); got \(2,\)"
    ):
        unwrap(bpr_loss)(torch.randn(1, 3), torch.tensor([1]), torch.ones(2, dtype=torch.bool))
