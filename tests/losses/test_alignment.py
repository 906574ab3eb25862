from inspect import unwrap

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck

from mmrec.losses import alignment_loss


def reference(first, second, temperature):
    first = first / np.linalg.norm(first, axis=1, keepdims=True)
    second = second / np.linalg.norm(second, axis=1, keepdims=True)
    logits = first @ second.T / temperature
    total = 0.0
    for table in (logits, logits.T):
        for i, row in enumerate(table):
            total += np.log(np.exp(row).sum()) - row[i]
    return total / 2 / len(logits)


@pytest.mark.parametrize("temperature", [0.07, 1.0])
def test_equals_the_formula_on_present_rows(temperature):
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 7, 4))
    present = np.array([False, True, True, False, True, True, True])
    expected = reference(first[present], second[present], temperature)
    first[~present] = np.nan
    got = alignment_loss(
        torch.tensor(first), torch.tensor(second), torch.tensor(present), temperature
    )
    assert got.item() == pytest.approx(expected, rel=1e-9)


def test_is_the_cross_entropy_of_pytorch_in_both_directions():
    first, second = torch.randn(2, 7, 4, dtype=torch.float64)
    logits = F.cosine_similarity(first.unsqueeze(1), second, dim=2) / 0.07
    own = torch.arange(7)
    expected = (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
    found = alignment_loss(first, second, torch.ones(7, dtype=torch.bool), 0.07)
    torch.testing.assert_close(found, expected)


def test_is_symmetric_and_ignores_length():
    first, second, present = torch.randn(5, 3), torch.randn(5, 3), torch.ones(5, dtype=torch.bool)
    loss = alignment_loss(first, second, present)
    assert torch.allclose(loss, alignment_loss(second, first, present))
    assert torch.allclose(loss, alignment_loss(first * 9, second / 9, present), atol=1e-5)


def test_order_of_rows_does_not_count():
    first, second = torch.randn(2, 6, 3, dtype=torch.float64)
    present, order = torch.arange(6) % 3 > 0, torch.tensor([4, 0, 5, 2, 1, 3])
    moved = alignment_loss(first[order], second[order], present[order])
    torch.testing.assert_close(moved, alignment_loss(first, second, present))


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_rows_is_zero_with_a_graph(count):
    first = torch.full((3, 2), float("nan"))
    first[:count] = 1.0
    first.requires_grad_()
    loss = alignment_loss(first, torch.ones(3, 2), torch.arange(3) < count)
    loss.backward()
    assert loss.item() == 0
    assert (first.grad == 0).all()


def test_gradients():
    first, second = torch.randn(2, 4, 3, dtype=torch.float64).requires_grad_().unbind(0)
    present = torch.tensor([True, False, True, True])
    assert gradcheck(lambda a, b: alignment_loss(a, b, present, 0.5), (first, second))


def test_float32_under_autocast():
    first, second, present = torch.randn(6, 8), torch.randn(6, 8), torch.ones(6, dtype=torch.bool)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = alignment_loss(first, second, present)
    assert torch.equal(loss, alignment_loss(first, second, present))


def test_errors():
    views, present = torch.ones(2, 3), torch.tensor([True, True])
    with pytest.raises(ValueError, match="positive temperature; got 0"):
        alignment_loss(views, views, present, temperature=0.0)
    with pytest.raises(ValueError, match=r"got \(2, 3\), \(3, 3\) and \(2,\)"):
        unwrap(alignment_loss)(views, torch.ones(3, 3), present)
