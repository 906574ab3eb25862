from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.interest import AdditiveAttentionInterest, NRMSInterest


def sharpened(model, factor):
    """Scale the query, so that logits lie far apart."""
    with torch.no_grad():
        model.attention.query.weight.mul_(factor)
    return model.eval()


@pytest.mark.parametrize("factor", [1.0, 1e4])
def test_each_interest_is_the_softmax_over_the_events_so_far(factor):
    torch.manual_seed(0)
    model = sharpened(AdditiveAttentionInterest(6, hidden=3).double(), factor)
    vectors = torch.randn(2, 7, 6).double()
    states = model(vectors, torch.ones(2, 7, dtype=torch.bool))
    state = model.initial_state(2, dtype=torch.float64)
    for t in range(7):
        state = model.step(state, vectors[:, t])
        weights = model.attention.logits(vectors[:, : t + 1]).softmax(1)
        expected = (weights.unsqueeze(-1) * vectors[:, : t + 1]).sum(1)
        torch.testing.assert_close(states[:, t], expected)
        torch.testing.assert_close(model.readout(state), expected)


def test_logits_that_float32_can_not_exponentiate():
    """The exponential of 100 overflows, and that of -110 is 0: the weights are relative."""
    torch.manual_seed(0)
    model = sharpened(AdditiveAttentionInterest(4), 1e3)
    vectors = torch.randn(1, 30, 4)
    assert model.attention.logits(vectors).abs().max() > 110
    states, state = model(vectors, torch.ones(1, 30, dtype=torch.bool)), model.initial_state(1)
    for t in range(30):
        state = model.step(state, vectors[:, t])
        assert all(value.isfinite().all() for value in state)
        torch.testing.assert_close(model.readout(state), states[:, t], atol=1e-5, rtol=1e-4)


def test_gradients_through_steps_are_those_of_forward():
    """Also if the first logit is so low that exp(0 - logit) overflows."""
    torch.manual_seed(0)
    model = sharpened(AdditiveAttentionInterest(4), 1e3)
    vectors = torch.randn(8, 3, 4)
    assert model.attention.logits(vectors[:, 0]).min() < -110
    state = model.initial_state(8)
    for t in range(3):
        state = model.step(state, vectors[:, t])
    model.readout(state).square().sum().backward()
    found = [parameter.grad for parameter in model.parameters()]
    model.zero_grad()
    model(vectors, torch.ones(8, 3, dtype=torch.bool))[:, -1].square().sum().backward()
    for parameter, grad in zip(model.parameters(), found, strict=True):
        torch.testing.assert_close(grad, parameter.grad, atol=1e-3, rtol=1e-4)


@settings(max_examples=20, deadline=None)
@given(order=st.permutations(range(5)))
def test_the_last_interest_depends_on_no_order(order):
    model, vectors = AdditiveAttentionInterest(4).double().eval(), torch.randn(1, 5, 4).double()
    mask = torch.ones(1, 5, dtype=torch.bool)
    torch.testing.assert_close(model.last(vectors[:, order], mask), model.last(vectors, mask))


@pytest.mark.parametrize(
    "make", [AdditiveAttentionInterest, partial(NRMSInterest, window=6)], ids=["additive", "nrms"]
)
def test_a_planted_pattern_is_learned_and_noise_is_not(make):
    """The target is the one event with a mark, wherever it is."""

    def loss(shuffled):
        torch.manual_seed(2)
        model, items = make(8), torch.randn(8, 8)
        items[:, 0] = torch.where(torch.arange(8) < 4, 2.0, -2.0)  # the mark
        optimizer = torch.optim.Adam(model.parameters(), lr=3e-2)
        for _ in range(100):
            marked, others = torch.randint(0, 4, (64, 1)), torch.randint(4, 8, (64, 5))
            history = torch.cat([marked, others], dim=1).gather(1, torch.rand(64, 6).argsort(1))
            target = torch.randint(0, 4, (64,)) if shuffled else marked[:, 0]
            states = model(items[history], torch.ones(64, 6, dtype=torch.bool))[:, -1]
            found = torch.nn.functional.cross_entropy(states @ items[:4].T, target)
            optimizer.zero_grad()
            found.backward()
            optimizer.step()
        return float(found.detach())

    assert loss(shuffled=False) < 0.5
    assert loss(shuffled=True) > 1.3  # log 4 is 1.39


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match="positive dim and hidden; got 4 and 0"):
        AdditiveAttentionInterest(4, hidden=0)
