import numpy as np
import pytest
import torch
from formulas import numbers, recurrence, sigmoid
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.interest import NARMInterest


def by_hand(model, vectors):
    """Equations 1 to 9 of the paper for one history, a pair of events at a time."""
    outputs = recurrence(model.encoder.gru, vectors)
    first, second, weight, decoder = (
        numbers(layer.weight)
        for layer in (model.to_query, model.to_key, model.to_weight, model.output_proj)
    )
    rows = []
    for t in range(len(outputs)):
        local = np.zeros(model.dim)
        for j in range(max(0, t + 1 - model.attended), t + 1):
            local += (weight @ sigmoid(first @ outputs[t] + second @ outputs[j])) * outputs[j]
        rows.append(decoder @ np.concatenate([outputs[t], local]))
    return np.stack(rows)


@pytest.mark.parametrize("attended", [1, 3, 9])
def test_the_formula_by_hand(attended):
    torch.manual_seed(0)
    model = NARMInterest(6, attended=attended).double().eval()
    vectors, lengths = torch.randn(2, 7, 6).double(), torch.tensor([7, 4])
    states = model(vectors, torch.arange(7) < lengths[:, None])
    for row, length in enumerate(lengths):
        expected = torch.from_numpy(by_hand(model, vectors[row, :length].numpy()))
        torch.testing.assert_close(states[row, :length], expected, atol=1e-12, rtol=1e-10)


@settings(max_examples=20, deadline=None)
@given(
    attended=st.integers(1, 5),
    layers=st.integers(1, 2),
    lengths=st.lists(st.integers(0, 8), min_size=1, max_size=3),
)
def test_past_the_window_steps_and_the_last_interest_are_those_of_forward(
    attended, layers, lengths
):
    model = NARMInterest(4, attended=attended, layers=layers, time_gap=True).double().eval()
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


def test_an_event_that_left_the_window_lives_on_in_the_recurrence():
    model = NARMInterest(4, attended=1).double().eval()
    vectors, mask = torch.randn(1, 3, 4).double(), torch.ones(1, 3, dtype=torch.bool)
    changed = vectors.clone()
    changed[:, 0] += 1
    assert not torch.allclose(model(vectors, mask)[:, 2], model(changed, mask)[:, 2])


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match="NARMInterest expects attended of 1 or more; got 0"):
        NARMInterest(4, attended=0)
    with pytest.raises(ValueError, match="positive dim"):
        NARMInterest(0)
