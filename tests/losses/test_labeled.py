import math

import pytest
import torch
from torch.autograd import gradcheck

from mmrec.losses import labeled_negative_loss


def test_the_sum_over_labeled_negatives_by_hand():
    torch.manual_seed(0)
    logits, target = torch.randn(3, 5), torch.tensor([1, 2, 4])
    negatives = torch.tensor([[2, 3], [0, 0], [1, 0]])
    pairs = [(0, 1, 2), (0, 1, 3), (2, 4, 1)]
    by_hand = sum(math.log1p(math.exp(float(logits[r, n] - logits[r, t]))) for r, t, n in pairs)
    assert torch.allclose(
        labeled_negative_loss(logits, target, negatives), torch.tensor(by_hand / 3)
    )


def test_padding_and_no_rows_count_nothing():
    logits = torch.randn(2, 4, requires_grad=True)
    loss = labeled_negative_loss(logits, torch.tensor([1, 2]), torch.zeros(2, 3, dtype=torch.long))
    loss.backward()
    assert loss == 0
    assert (logits.grad == 0).all()
    none = torch.zeros(0, dtype=torch.long)
    assert labeled_negative_loss(logits[:0], none, torch.zeros(0, 3, dtype=torch.long)) == 0


def test_gradient():
    logits = torch.randn(2, 4, dtype=torch.float64, requires_grad=True)
    negatives = torch.tensor([[2, 3], [1, 0]])
    assert gradcheck(lambda x: labeled_negative_loss(x, torch.tensor([1, 3]), negatives), logits)


@pytest.mark.parametrize("garbage", [torch.nan, torch.inf, -torch.inf])
def test_scores_that_are_not_compared_reach_no_value_and_no_gradient(garbage):
    logits, target = torch.randn(2, 5), torch.tensor([1, 2])
    negatives = torch.tensor([[2, 3], [1, 0]])
    spoilt = logits.clone()
    spoilt[:, 0] = spoilt[:, 4] = garbage
    spoilt.requires_grad_()
    found = labeled_negative_loss(spoilt, target, negatives)
    torch.testing.assert_close(found, labeled_negative_loss(logits, target, negatives))
    found.backward()
    assert spoilt.grad.isfinite().all()
    assert not spoilt.grad[:, [0, 4]].any()


def test_order_of_labeled_negatives_does_not_count_and_half_precision_is_float32():
    logits, target = torch.randn(2, 5).bfloat16() * 100, torch.tensor([1, 2])
    negatives = torch.tensor([[2, 3, 0], [1, 0, 4]])
    found = labeled_negative_loss(logits, target, negatives)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, labeled_negative_loss(logits.float(), target, negatives))
    torch.testing.assert_close(found, labeled_negative_loss(logits, target, negatives.flip(1)))
