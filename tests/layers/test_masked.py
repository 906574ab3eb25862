import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from mmrec.layers import masked_mean, masked_softmax

GARBAGE = [float("nan"), float("inf"), float("-inf"), 1e30]


@st.composite
def values_and_masks(draw):
    rows, length = draw(st.integers(1, 4)), draw(st.integers(1, 6))
    seed = draw(st.integers(0, 2**31))
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(rows, length, generator=generator) * 3
    mask = torch.rand(rows, length, generator=generator) < draw(st.sampled_from([0.0, 0.5, 1.0]))
    return values, mask


@settings(deadline=None)
@given(values_and_masks(), st.sampled_from(GARBAGE))
def test_mean_is_the_mean_of_what_is_real(case, garbage):
    values, mask = case
    expected = [
        np.mean([v for v, real in zip(*row, strict=True) if real]) if any(row[1]) else 0.0
        for row in zip(values.tolist(), mask.tolist(), strict=True)
    ]
    got = masked_mean(values.masked_fill(~mask, garbage), mask, dim=1)
    assert torch.allclose(got, torch.tensor(expected, dtype=got.dtype), atol=1e-5)


@settings(deadline=None)
@given(values_and_masks(), st.sampled_from(GARBAGE))
def test_softmax_is_the_softmax_of_what_is_real(case, garbage):
    values, mask = case
    expected = torch.zeros_like(values)
    for row in range(len(values)):
        real = mask[row].nonzero().squeeze(1)
        if len(real):
            exp = (values[row, real] - values[row, real].max()).exp()
            expected[row, real] = exp / exp.sum()
    got = masked_softmax(values.masked_fill(~mask, garbage), mask)
    assert torch.allclose(got, expected, atol=1e-6)


def test_mask_broadcasts_over_vectors():
    values = torch.randn(2, 3, 4)
    mask = torch.tensor([[True, True, False], [True, False, False]])
    got = masked_mean(values, mask.unsqueeze(-1), dim=1)
    assert torch.allclose(got[0], values[0, :2].mean(0))
    assert torch.allclose(got[1], values[1, 0])


@pytest.mark.parametrize("function", [masked_mean, masked_softmax])
def test_gradients_are_right_and_never_nan(function):
    values = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    mask = torch.tensor([[True, True, False, True], [False] * 4, [True] * 4])
    assert gradcheck(lambda v: function(v, mask, 1), (values,))
    garbage = values.detach().masked_fill(~mask, float("nan")).requires_grad_()
    with torch.autograd.set_detect_anomaly(True):  # no NaN on the way either
        (function(garbage, mask, 1) ** 2).sum().backward()
    assert garbage.grad.isfinite().all()
    assert (garbage.grad[~mask] == 0).all()


def test_softmax_keeps_its_type_and_sums_to_one_in_half_precision():
    logits = (torch.randn(2, 300) * 8).bfloat16()
    weights = masked_softmax(logits, torch.ones(2, 300, dtype=torch.bool))
    assert weights.dtype == torch.bfloat16
    assert torch.allclose(weights.float().sum(1), torch.ones(2), atol=0.01)
