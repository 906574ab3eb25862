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


@settings(max_examples=20, deadline=None)
@given(order=st.permutations(range(5)))
def test_the_last_interest_depends_on_no_order(order):
    model, vectors = AdditiveAttentionInterest(4).double().eval(), torch.randn(1, 5, 4).double()
    mask = torch.ones(1, 5, dtype=torch.bool)
    torch.testing.assert_close(model.last(vectors[:, order], mask), model.last(vectors, mask))


@pytest.mark.parametrize(
    "make", [AdditiveAttentionInterest, lambda dim: NRMSInterest(dim, window=6)]
)
def test_a_planted_pattern_is_learned_and_noise_is_not(make):
    """The target is the event whose first number is the largest, wherever it is."""

    def loss(shuffled):
        torch.manual_seed(2)
        model, items = make(8), torch.randn(5, 8)
        marks = torch.tensor([3.0, -3.0, -3.0, -3.0, -3.0])
        items = torch.cat([marks[:, None], items[:, 1:]], dim=1)
        optimizer = torch.optim.Adam(model.parameters(), lr=3e-2)
        for _ in range(100):
            # Each history has item 0 once, and what follows is the item that occurs beside it.
            others = torch.randint(1, 5, (64, 1))
            history = torch.cat([others.expand(-1, 3), torch.randint(1, 5, (64, 2))], dim=1)
            history = torch.cat([history, torch.zeros(64, 1, dtype=torch.long)], dim=1)
            history = history.gather(1, torch.rand(64, 6).argsort(1))
            target = torch.zeros(64, dtype=torch.long) if not shuffled else others[:, 0]
            if shuffled:
                target = target[torch.randperm(64)]
            states = model(items[history], torch.ones(64, 6, dtype=torch.bool))[:, -1]
            found = torch.nn.functional.cross_entropy(states @ items.T, target)
            optimizer.zero_grad()
            found.backward()
            optimizer.step()
        return float(found.detach())

    assert loss(shuffled=False) < 0.1
    assert loss(shuffled=True) > 0.8


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match="positive dim and hidden; got 4 and 0"):
        AdditiveAttentionInterest(4, hidden=0)
