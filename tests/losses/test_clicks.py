import math
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics
from torch.autograd import gradcheck

from mmrec.losses import ClickLoss, click_loss, click_softmax_loss

LOSSES = [click_loss, click_softmax_loss]
both = pytest.mark.parametrize("loss", LOSSES)


def draw(seed, rows=4, items=5):
    rng = np.random.default_rng(seed)
    shown = np.arange(items) < rng.integers(0, items + 1, rows)[:, None]
    clicked = shown & (rng.random((rows, items)) < 0.4)
    logits = rng.normal(size=(rows, items)) * 3
    return torch.tensor(logits), torch.tensor(clicked), torch.tensor(shown)


def by_hand(logits, clicked, shown):
    """One click at a time against what was not clicked beside it."""
    losses = []
    for scores, hits, here in zip(logits.tolist(), clicked.tolist(), shown.tolist(), strict=True):
        others = [s for s, hit, h in zip(scores, hits, here, strict=True) if h and not hit]
        for score, hit in zip(scores, hits, strict=True):
            if hit and others:
                losses.append(-score + math.log(sum(map(math.exp, [score, *others]))))
    return sum(losses) / max(len(losses), 1)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31))
def test_the_softmax_by_hand(seed):
    given_ = draw(seed)
    assert float(click_softmax_loss(*given_)) == pytest.approx(by_hand(*given_), abs=1e-10)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31))
def test_binary_cross_entropy_is_the_log_loss_of_scikit_learn(seed):
    logits, clicked, shown = draw(seed)
    if shown.any():
        expected = metrics.log_loss(clicked[shown], logits[shown].sigmoid(), labels=[False, True])
        assert float(click_loss(logits, clicked, shown)) == pytest.approx(expected)


def test_one_click_is_a_cross_entropy():
    logits, clicked = torch.randn(6, 4), F.one_hot(torch.arange(6) % 4, 4).bool()
    expected = F.cross_entropy(logits, torch.arange(6) % 4)
    found = click_softmax_loss(logits, clicked, torch.ones(6, 4, dtype=torch.bool))
    torch.testing.assert_close(found, expected)


@both
@pytest.mark.parametrize("garbage", [torch.nan, torch.inf, 1e30])
def test_padding_reaches_no_value_and_no_gradient(loss, garbage):
    logits, clicked, shown = draw(3)
    spoilt = logits.masked_fill(~shown, garbage).requires_grad_()
    found = loss(spoilt, clicked, shown)
    torch.testing.assert_close(found, loss(logits, clicked, shown))
    found.backward()
    assert spoilt.grad.isfinite().all()
    assert not spoilt.grad[~shown].any()


@both
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_the_order_of_candidates_does_not_count(loss, seed):
    given_ = draw(seed)
    order = torch.tensor(np.random.default_rng(seed).permutation(5))
    moved = [part[:, order] for part in given_]  # padding lies anywhere
    torch.testing.assert_close(loss(*moved), loss(*given_))


@both
def test_gradients(loss):
    logits, clicked, shown = draw(5)
    assert gradcheck(partial(loss, clicked=clicked, shown=shown), logits.requires_grad_())


@both
@pytest.mark.parametrize(("clicks", "shows"), [(False, True), (True, True), (False, False)])
def test_without_pairs_it_is_finite_with_a_graph(loss, clicks, shows):
    logits = torch.randn(2, 3, requires_grad=True)
    found = loss(logits, torch.full((2, 3), clicks), torch.full((2, 3), shows))
    found.backward()
    assert found.isfinite()
    assert logits.grad.isfinite().all()
    if not shows or loss is click_softmax_loss:
        assert not found
    empty = torch.zeros(0, 3, dtype=torch.bool)
    assert loss(torch.zeros(0, 3), empty, empty) == 0


@both
def test_half_precision_is_computed_in_float32(loss):
    logits, clicked, shown = draw(1)
    found = loss(logits.bfloat16(), clicked, shown)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, loss(logits.bfloat16().float(), clicked, shown))
    far = torch.tensor([[3e4, -3e4]]), torch.tensor([[False, True]]), torch.tensor([[True, True]])
    assert loss(*far).isfinite()


@both
@pytest.mark.usefixtures("unchecked")
def test_wrong_shapes_are_refused(loss):
    assert isinstance(loss, ClickLoss)
    mask = torch.ones(2, 3, dtype=torch.bool)
    with pytest.raises(ValueError, match=r"logits of shape \(impressions, items\); got \(3,\)"):
        loss(torch.zeros(3), mask, mask)
    with pytest.raises(ValueError, match=r"expects clicked of shape \(2, 3\); got \(1, 3\)"):
        loss(torch.zeros(2, 3), mask[:1], mask)
    with pytest.raises(ValueError, match=r"expects shown of type torch.bool; got torch.float32"):
        loss(torch.zeros(2, 3), mask, mask.float())
