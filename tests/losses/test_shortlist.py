from inspect import unwrap

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from mmrec.losses import shortlist, shortlist_loss


def reference(logits, target, candidates, size):
    """Sort the negatives of one row after the other."""
    rows = []
    for row, positive in zip(logits, target, strict=True):
        slots = [s for s in range(1, len(row)) if candidates[s] and s != positive]
        slots.sort(key=lambda slot, row=row: -row[slot])
        rows.append([positive, *slots[:size]])
    width = min(map(len, rows))
    return [row[:width] for row in rows]


@settings(deadline=None)
@given(st.integers(1, 5), st.integers(2, 9), st.integers(1, 6), st.integers(0, 2**31))
def test_target_first_then_the_best_negatives(rows, slots, size, seed):
    rng = np.random.default_rng(seed)
    logits, target = rng.normal(size=(rows, slots)), rng.integers(1, slots, rows)
    candidates = rng.random(slots) < 0.7
    got = shortlist(
        torch.tensor(logits), torch.tensor(target), torch.tensor(candidates), size
    ).tolist()
    assert got == reference(logits, target, candidates, size)


def test_all_slots_but_padding_by_default():
    logits = torch.tensor([[9.0, 1.0, 3.0, 2.0], [9.0, 1.0, 3.0, 2.0]])
    short = shortlist(logits, torch.tensor([2, 1]), None, 100)
    assert short.tolist() == [[2, 3, 1], [1, 2, 3]]


def test_garbage_outside_the_candidates_changes_nothing():
    logits, target = torch.randn(3, 6), torch.tensor([1, 3, 5])
    candidates = torch.tensor([True, True, False, True, True, True])
    expected = shortlist(logits, target, candidates, 2)
    logits[:, 0], logits[:, 2] = 1e30, torch.inf
    assert torch.equal(shortlist(logits, target, candidates, 2), expected)


def test_what_is_on_no_short_list_is_padding():
    logits = torch.tensor([[9.0, 1.0, 3.0, -torch.inf, 2.0], [9.0, 1.0, 3.0, 4.0, 2.0]])
    short = shortlist(logits, torch.tensor([4, 4]), None, 3)
    assert short.tolist() == [[4, 2, 1, 0], [4, 3, 2, 1]]


def test_half_precision_and_no_graph():
    logits = torch.randn(2, 5, dtype=torch.bfloat16, requires_grad=True)
    target = torch.tensor([1, 2])
    short = shortlist(logits, target, None, 3)
    assert torch.equal(short, shortlist(logits.float(), target, None, 3))
    assert not short.requires_grad


def test_a_pool_without_negatives_and_one_without_rows():
    only = torch.tensor([False, True, False])
    assert shortlist(torch.randn(2, 3), torch.tensor([1, 1]), only, 4).tolist() == [[1], [1]]
    assert shortlist(torch.randn(0, 3), torch.zeros(0, dtype=torch.long), None, 1).shape == (0, 2)


def test_loss_is_the_formula():
    scores = torch.randn(4, 6)
    expected = (torch.logsumexp(scores, 1) - scores[:, 0]).mean()
    assert torch.allclose(shortlist_loss(scores), expected)
    everything = F.cross_entropy(scores, torch.zeros(4, dtype=torch.long))
    assert torch.allclose(shortlist_loss(scores), everything)


def test_order_of_a_short_list_does_not_count():
    scores = torch.randn(4, 6, dtype=torch.float64)
    moved = scores[:, [0, 3, 5, 1, 4, 2]]
    torch.testing.assert_close(shortlist_loss(moved), shortlist_loss(scores))


def test_loss_of_half_precision_is_computed_in_float32():
    scores = (torch.randn(3, 50) * 20).bfloat16()
    assert torch.equal(shortlist_loss(scores), shortlist_loss(scores.float()))
    assert shortlist_loss(scores).dtype == torch.float32


def test_gradients():
    scores = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    assert gradcheck(shortlist_loss, (scores,))


def test_no_rows_is_zero_with_a_graph():
    scores = torch.randn(0, 4, requires_grad=True)
    loss = shortlist_loss(scores)
    loss.backward()
    assert loss.item() == 0


def test_what_is_refused():
    logits = torch.randn(2, 3)
    with pytest.raises(ValueError, match="size must be at least 1; got 0"):
        shortlist(logits, torch.tensor([1, 1]), None, 0)
    with pytest.raises(ValueError, match=r"candidates expects one value per slot, \(3,\); got"):
        unwrap(shortlist)(logits, torch.tensor([1, 1]), torch.ones(2, dtype=torch.bool), 1)
