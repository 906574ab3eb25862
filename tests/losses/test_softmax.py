from inspect import unwrap

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.losses import softmax_loss


def reference(logits, target, candidates, log_q):
    """The formula in the docstring, one row and one slot at a time."""
    losses = []
    for row, positive in zip(logits, target, strict=True):
        total = np.exp(row[positive])
        for slot in range(1, len(row)):
            if slot != positive and candidates[slot]:
                total += np.exp(row[slot] - log_q[slot])
        losses.append(np.log(total) - row[positive])
    return np.mean(losses)


def test_whole_catalogue_is_cross_entropy():
    logits, target = torch.randn(5, 8), torch.tensor([1, 7, 3, 3, 2])
    expected = F.cross_entropy(logits[:, 1:], target - 1)
    assert torch.allclose(softmax_loss(logits, target), expected)
    everything, zero = torch.ones(8, dtype=torch.bool), torch.zeros(8)
    assert torch.allclose(softmax_loss(logits, target, everything, zero), expected)


@pytest.mark.parametrize("seed", range(5))
def test_a_corrected_pool_is_the_cross_entropy_of_corrected_scores(seed):
    rng = np.random.default_rng(seed)
    rows, slots = 6, 9
    logits = torch.tensor(rng.normal(size=(rows, slots)) * 3)
    log_q = torch.tensor(np.log(rng.uniform(0.05, 1, slots)))
    target, candidates = torch.tensor(rng.integers(1, slots, rows)), torch.arange(slots) % 3 > 0
    own = F.one_hot(target, slots).bool()
    corrected = torch.where(own, logits, logits - log_q)
    corrected = corrected.masked_fill(~(own | candidates), -torch.inf)
    leaves = logits.requires_grad_(), corrected.detach().requires_grad_()
    losses = softmax_loss(leaves[0], target, candidates, log_q), F.cross_entropy(leaves[1], target)
    torch.testing.assert_close(*losses)
    slopes = [torch.autograd.grad(*pair)[0] for pair in zip(losses, leaves, strict=True)]
    torch.testing.assert_close(*slopes)


@settings(deadline=None)
@given(st.integers(1, 5), st.integers(2, 8), st.integers(0, 2**31))
def test_equals_the_formula(rows, slots, seed):
    rng = np.random.default_rng(seed)
    logits, log_q = rng.normal(size=(rows, slots)) * 4, np.log(rng.uniform(0.01, 1, slots))
    target, candidates = rng.integers(1, slots, rows), rng.random(slots) < 0.6
    got = softmax_loss(
        torch.tensor(logits), torch.tensor(target), torch.tensor(candidates), torch.tensor(log_q)
    )
    assert got.item() == pytest.approx(reference(logits, target, candidates, log_q), rel=1e-9)


def test_importance_weights_give_the_full_partition_function():
    """Mean over random pools of exp(loss + target's score) is the sum over the whole catalogue."""
    rng, size = np.random.default_rng(0), 12
    scores, target = rng.normal(size=size + 1), 4
    inclusion = rng.uniform(0.3, 0.9, size + 1)
    log_q = torch.tensor(np.log(inclusion))
    logits = torch.tensor(scores).unsqueeze(0)
    estimates = []
    for _ in range(4000):
        pool = torch.tensor(rng.random(size + 1) < inclusion)
        loss = softmax_loss(logits, torch.tensor([target]), pool, log_q)
        estimates.append(np.exp(loss.item() + scores[target]))
    full = np.exp(scores[1:]).sum()
    error = np.std(estimates) / np.sqrt(len(estimates))
    assert abs(np.mean(estimates) - full) < 4 * error
    assert error < 0.02 * full  # so the test can fail


def test_garbage_outside_the_candidates_changes_nothing():
    logits, target = torch.randn(3, 6, dtype=torch.float64), torch.tensor([1, 2, 2])
    candidates = torch.tensor([True, True, False, True, False, True])
    log_q = torch.tensor([0.0, -1, -2, -0.5, 0, -3], dtype=torch.float64)
    wanted = reference(logits.numpy(), target, candidates, log_q.numpy())
    for value in (torch.nan, torch.inf, -torch.inf, 1e30):
        garbage = logits.clone()
        garbage[:, 0] = garbage[:, 4] = log_q[4] = value
        garbage[0, 2] = value  # no candidate, and not the target of this row
        garbage.requires_grad_()
        loss = softmax_loss(garbage, target, candidates, log_q)
        loss.backward()
        assert loss.item() == pytest.approx(wanted, rel=1e-9)
        assert garbage.grad.isfinite().all()
        assert not garbage.grad[:, [0, 4]].any()


def test_target_counts_though_it_is_no_candidate_and_its_log_q_does_not():
    logits, target = torch.randn(2, 4), torch.tensor([3, 3])
    candidates = torch.tensor([False, True, True, False])
    expected = F.cross_entropy(logits[:, 1:], target - 1)
    assert torch.allclose(softmax_loss(logits, target, candidates), expected)
    log_q = torch.tensor([0.0, 0.0, 0.0, -7.0])
    assert torch.allclose(softmax_loss(logits, target, candidates, log_q), expected)


def test_slot_that_cannot_be_drawn_is_no_negative():
    logits, target = torch.randn(2, 4), torch.tensor([1, 2])
    log_q = torch.tensor([0.0, 0.0, 0.0, -torch.inf])
    candidates = torch.tensor([True, True, True, False])
    assert torch.equal(
        softmax_loss(logits, target, log_q=log_q), softmax_loss(logits, target, candidates)
    )


def test_half_precision_is_computed_in_float32():
    logits, target = (torch.randn(4, 500) * 20).bfloat16(), torch.tensor([1, 2, 3, 4])
    loss = softmax_loss(logits, target)
    assert loss.dtype == torch.float32
    assert torch.equal(loss, softmax_loss(logits.float(), target))
    assert softmax_loss(logits * 1000, target).isfinite()


def test_no_rows_is_zero_with_a_graph():
    logits = torch.randn(0, 4, requires_grad=True)
    loss = softmax_loss(logits, torch.zeros(0, dtype=torch.long))
    loss.backward()
    assert loss.item() == 0


def test_learns_a_planted_pattern_from_sampled_pools():
    torch.manual_seed(0)
    table = torch.zeros(6, 13, requires_grad=True)
    target = torch.tensor([1, 2, 3, 4, 5, 6])
    optimizer = torch.optim.Adam([table], lr=0.1)
    log_q = torch.full((13,), 0.5).log()
    for _ in range(100):
        optimizer.zero_grad()
        softmax_loss(table, target, torch.rand(13) < 0.5, log_q).backward()
        optimizer.step()
    assert table[:, 1:].argmax(1).equal(target - 1)


def test_shapes_that_disagree():
    logits = torch.randn(2, 3)
    with pytest.raises(ValueError, match=r"logits \(N, P\) and target \(N,\); got \(2, 3\) and"):
        unwrap(softmax_loss)(logits, torch.tensor([1]))
    with pytest.raises(ValueError, match=r"log_q expects one value per slot, \(3,\); got \(2,\)"):
        unwrap(softmax_loss)(logits, torch.tensor([1, 1]), None, torch.zeros(2))
