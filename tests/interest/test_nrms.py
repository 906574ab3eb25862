import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.interest import NRMSInterest


def softmax(x):
    weights = np.exp(x - x.max())
    return weights / weights.sum()


def by_hand(model, events):
    """The interest after the last of some events: one query, one head and one event at a time."""
    weight, bias = model.qkv.weight.detach().numpy(), model.qkv.bias.detach().numpy()
    query, key, value = np.split(events @ weight.T + bias, 3, axis=1)
    size, outputs = model.dim // model.heads, np.zeros_like(events)
    for t in range(len(events)):
        for head in range(model.heads):
            at = slice(head * size, (head + 1) * size)
            weights = softmax(key[: t + 1, at] @ query[t, at] / np.sqrt(size))
            outputs[t, at] = weights @ value[: t + 1, at]
    hidden = np.tanh(outputs @ model.pool.key.weight.detach().numpy().T
                     + model.pool.key.bias.detach().numpy())  # fmt: skip
    return softmax(hidden @ model.pool.query.weight.detach().numpy()[0]) @ outputs


@pytest.mark.parametrize("window", [1, 3, 9])
def test_the_formula_by_hand(window):
    torch.manual_seed(0)
    model = NRMSInterest(6, heads=2, hidden=5, window=window).double().eval()
    vectors, lengths = torch.randn(2, 7, 6).double(), torch.tensor([7, 4])
    states = model(vectors, torch.arange(7) < lengths[:, None])
    for row, length in enumerate(lengths):
        for t in range(length):
            kept = vectors[row, max(0, t + 1 - window) : t + 1].numpy()
            np.testing.assert_allclose(
                states[row, t].detach().numpy(), by_hand(model, kept), atol=1e-12
            )


@settings(max_examples=15, deadline=None)
@given(window=st.integers(1, 5), lengths=st.lists(st.integers(0, 8), min_size=1, max_size=3))
def test_past_the_window_steps_and_the_last_interest_are_those_of_forward(window, lengths):
    model = NRMSInterest(4, window=window, time_gap=True).double().eval()
    rows, steps = len(lengths), max([*lengths, 1])
    mask = torch.arange(steps) < torch.tensor(lengths)[:, None]
    vectors, gap = torch.randn(rows, steps, 4).double(), torch.rand(rows, steps).double() * 1e5
    states = model(vectors.masked_fill(~mask.unsqueeze(-1), torch.nan), mask, gap)
    last = model.last(vectors, mask, gap)
    state = model.initial_state(rows)
    for t in range(steps):
        state = model.step(state, vectors[:, t], gap[:, t])
        real = mask[:, t]
        torch.testing.assert_close(model.readout(state)[real], states[real, t])
    for row, length in enumerate(lengths):
        expected = states[row, length - 1] if length else torch.zeros(4).double()
        torch.testing.assert_close(last[row], expected)


def test_heads_divide_the_width():
    with pytest.raises(ValueError, match="heads must divide dim; got 3 heads and dim 8"):
        NRMSInterest(8, heads=3)
    with pytest.raises(ValueError, match="additive attention expects positive dim and hidden"):
        NRMSInterest(8, hidden=0)
