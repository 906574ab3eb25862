from inspect import unwrap

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.losses import bce_loss, gbce_loss


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


def pool(seed, rows=5, slots=8):
    """Scores, targets and candidates, and which slots are negatives of which row."""
    rng = np.random.default_rng(seed)
    logits, target = torch.tensor(rng.normal(size=(rows, slots)) * 4), rng.integers(1, slots, rows)
    target, candidates = torch.tensor(target), torch.arange(slots) % 3 > 0
    return logits, target, candidates, candidates & ~F.one_hot(target, slots).bool()


@pytest.mark.parametrize("seed", range(5))
def test_equals_the_binary_cross_entropy_of_pytorch(seed):
    logits, target, candidates, negatives = pool(seed)
    labels = F.one_hot(target, logits.shape[1]).to(logits.dtype)
    shares = labels + negatives / negatives.sum(1, keepdim=True)  # negatives count as a mean
    expected = F.binary_cross_entropy_with_logits(logits, labels, shares, reduction="sum")
    torch.testing.assert_close(bce_loss(logits, target, candidates), expected / len(target))


@pytest.mark.parametrize("t", [0.0, 0.3, 0.75, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_gbce_is_a_weighted_binary_cross_entropy_of_pytorch(seed, t):
    """beta = alpha (t (1 - 1 / alpha) + 1 / alpha) weighs the target; k negatives weigh 1 each."""
    logits, target, candidates, negatives = pool(seed)
    alpha, k = 0.2, negatives.sum(1, keepdim=True)
    labels = F.one_hot(target, logits.shape[1]).to(logits.dtype)
    beta = alpha * (t * (1 - 1 / alpha) + 1 / alpha)
    weights = (beta * labels + negatives) / (k + 1)
    expected = F.binary_cross_entropy_with_logits(logits, labels, weights, reduction="sum")
    log_q = torch.full((logits.shape[1],), np.log(alpha), dtype=torch.float64)
    found = gbce_loss(logits, target, candidates, log_q, calibration=t, from_chance=False)
    torch.testing.assert_close(found, expected / len(target))


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


def sigmoid(value):
    return 1 / (1 + np.exp(-value))


@settings(deadline=None)
@given(st.integers(1, 5), st.integers(3, 8), st.sampled_from([0.0, 0.3, 0.75, 1.0]), st.integers(0))
def test_gbce_equals_the_formula_of_the_paper(rows, slots, t, seed):
    """Negatives are drawn uniformly, so the estimate of their number is exact."""
    rng = np.random.default_rng(seed)
    logits, target = rng.normal(size=(rows, slots)) * 4, rng.integers(1, slots, rows)
    share = float(rng.uniform(0.05, 1.0))
    losses = []
    for row, positive in zip(logits, target, strict=True):
        others = [row[slot] for slot in range(1, slots) if slot != positive]
        every = len(others) / share
        alpha = len(others) / every
        beta = alpha * (t * (1 - 1 / alpha) + 1 / alpha)
        total = np.log(sigmoid(row[positive]) ** beta) + sum(np.log(1 - sigmoid(np.array(others))))
        losses.append(-total / (len(others) + 1))
    log_q = torch.full((slots,), np.log(share), dtype=torch.float64)
    given_ = torch.tensor(logits), torch.tensor(target), None, log_q
    found = gbce_loss(*given_, calibration=t, from_chance=False)
    assert found.item() == pytest.approx(np.mean(losses), rel=1e-9)


def test_a_gbce_score_of_0_is_the_probability_of_chance():
    """One of 50 items, of which all or each with probability 1/2 are drawn."""
    scores, target, items = torch.zeros(3, 51, dtype=torch.float64), torch.tensor([1, 7, 50]), 50
    lost = np.log(items) + (items - 1) * np.log(items / (items - 1))
    assert gbce_loss(scores, target).item() == pytest.approx(lost / items)
    log_q = torch.full((51,), np.log(0.5), dtype=torch.float64)
    one = 1 / (1 + 2 * (items - 1))
    lost = -np.log(one) - (items - 1) * np.log(1 - one)
    found = gbce_loss(scores, target, None, log_q, calibration=0.0)
    assert found.item() == pytest.approx(lost / items)


def test_the_gbce_gradient_of_a_score_of_0_is_that_of_chance():
    scores = torch.zeros(1, 1001, dtype=torch.float64, requires_grad=True)
    gbce_loss(scores, torch.tensor([1])).backward()
    pull, push = -scores.grad[0, 1].item(), scores.grad[0, 2:].sum().item()
    assert pull == pytest.approx(push)


def test_gbce_of_all_items_is_binary_cross_entropy():
    logits, target = torch.randn(4, 6, dtype=torch.float64), torch.tensor([1, 2, 3, 5])
    labels = torch.zeros(4, 6, dtype=torch.float64).scatter(1, target.unsqueeze(1), 1.0)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(logits[:, 1:], labels[:, 1:])
    for log_q in (None, torch.zeros(6, dtype=torch.float64)):
        found = gbce_loss(logits, target, None, log_q, from_chance=False)
        assert torch.allclose(found, expected)


def test_gbce_scores_are_probabilities_of_all_items():
    """With one item of 1,000 drawn, full calibration finds the rate at which a target occurs."""
    drawn, items = 10, 1000
    log_q = torch.full((drawn + 1,), np.log(drawn / items), dtype=torch.float64)
    found = {}
    for t in (0.0, 1.0):
        # All items are alike, so each is the target of a 1,000th of the rows.
        score = torch.zeros((), dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.LBFGS([score], max_iter=100)

        def step(t=t, score=score, optimizer=optimizer):
            optimizer.zero_grad()
            logits = score.expand(1, drawn + 1)
            target = torch.tensor([1])
            loss = gbce_loss(logits, target, None, log_q, calibration=t, from_chance=False)
            loss.backward()
            return loss

        optimizer.step(step)
        found[t] = torch.sigmoid(score).item()
    assert found[1.0] == pytest.approx(1 / items, rel=0.15)
    assert found[0.0] > 0.09  # overconfident


def test_gbce_without_rows_and_without_negatives_and_of_half_precision():
    none = torch.randn(0, 2, requires_grad=True)
    loss = gbce_loss(none, torch.ones(0, dtype=torch.long))
    loss.backward()
    assert loss.item() == 0
    alone = gbce_loss(torch.zeros(1, 2), torch.tensor([1]), calibration=1.0)
    assert alone.item() == pytest.approx(np.log(2))
    half = gbce_loss(torch.tensor([[0.0, -1e4, 1e4]]).bfloat16(), torch.tensor([1]))
    assert half.dtype == torch.float32
    assert half.item() == pytest.approx(1e4, rel=0.01)


def test_gbce_leaves_out_what_is_never_drawn():
    logits, target = torch.randn(2, 5), torch.tensor([1, 2])
    log_q = torch.tensor([0.0, -1.0, -1.0, -1.0, -torch.inf])
    fewer = gbce_loss(logits[:, :4], target, None, log_q[:4])
    assert torch.allclose(gbce_loss(logits, target, None, log_q), fewer)


def test_gbce_refuses_another_calibration():
    with pytest.raises(ValueError, match=r"calibration must be between 0 and 1; got 1\.5"):
        gbce_loss(torch.randn(1, 3), torch.tensor([1]), calibration=1.5)
