import math

import numpy as np
import pytest
import torch
from formulas import event_inputs, linear, normed, numbers, silu

from mmrec.interest import HSTUInterest
from mmrec.interest.hstu import BUCKETS, _elapsed


def bucket(seconds):
    return min(int(math.log(max(seconds, 1.0)) / 0.301), BUCKETS - 1) + 1


def by_hand(model, vectors, gap=None):
    """The paper's formula in NumPy for one history, an event and a head at a time."""
    states, width = vectors, model.dim // model.units[0].heads
    for unit in model.units:
        gate, value, query, key = np.split(silu(linear(unit.uvqk, normed(unit.norm, states))), 4, 1)
        attended = np.zeros_like(states)
        for t in range(len(states)):
            for past in range(t + 1):
                bias = numbers(unit.place)[t - past]
                if gap is not None:
                    between = gap[past + 1 : t + 1]
                    known = (between >= 0).all()
                    bias += numbers(unit.time)[bucket(between.sum()) if known else 0]
                for head in range(unit.heads):
                    part = slice(head * width, (head + 1) * width)
                    weight = silu(query[t, part] @ key[past, part] + bias)
                    attended[t, part] += weight * value[past, part] / (t + 1)
        states = states + linear(unit.output_proj, normed(unit.attended_norm, attended) * gate)
    return normed(model.norm, states)


def stirred(model):
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.5)
    return model.double().eval()


@pytest.mark.parametrize(("layers", "heads"), [(1, 1), (2, 2), (3, 4)])
@pytest.mark.parametrize("timed", [False, True])
def test_units_by_hand(layers, heads, timed):
    torch.manual_seed(0)
    model = stirred(HSTUInterest(8, layers=layers, heads=heads, window=6, time_gap=timed))
    vectors, lengths = torch.randn(2, 5, 8, dtype=torch.float64), torch.tensor([5, 3])
    gap = torch.tensor([[-1.0, 3.0, 40.0, 1e5, 7.0], [0.0, -1.0, 9.0, 0.0, 0.0]]).double()
    states = model(vectors, torch.arange(5) < lengths[:, None], gap)
    for row, length in enumerate(lengths):
        gaps = gap[row, :length].numpy()
        inputs = event_inputs(model.inputs, vectors[row, :length].numpy(), gaps, [0] * int(length))
        expected = torch.from_numpy(by_hand(model, inputs, gaps if timed else None))
        torch.testing.assert_close(states[row, :length], expected, atol=1e-10, rtol=1e-8)


def test_the_time_between_two_events_has_a_bucket():
    gap = torch.tensor([[5.0, 0.5, 100.0, -1.0, 1e12]])
    found = _elapsed(gap)[0]
    assert found[2, 0] == bucket(100.5)  # the gap before the first event is not between them
    assert found[1, 0] == found[3, 3] == 1  # less than 1.35 seconds
    assert (found[3, :3] == 0).all()  # an unknown gap lies between
    assert found[4, 3] == bucket(1e12)
    assert _elapsed(torch.tensor([[0.0, torch.finfo(torch.float32).max]])).max() <= BUCKETS


def test_time_matters_only_if_asked_for():
    vectors, mask = torch.randn(1, 4, 8), torch.ones(1, 4, dtype=torch.bool)
    slow, quick = torch.full((1, 4), 1e6), torch.full((1, 4), 1.0)
    for timed in (False, True):
        model = stirred(HSTUInterest(8, time_gap=timed, window=4)).float()
        model.inputs.gap = None  # the bias alone
        same = torch.equal(model(vectors, mask, slow), model(vectors, mask, quick))
        assert same is not timed


def test_dropped_gaps_are_unknown_to_the_bias_too():
    model = HSTUInterest(8, window=4, time_gap=True, gap_dropout=1.0).train()
    vectors, mask = torch.randn(2, 4, 8), torch.ones(2, 4, dtype=torch.bool)
    model(vectors, mask, torch.full((2, 4), 5.0)).square().sum().backward()
    grown = model.units[0].time.grad.nonzero().flatten().tolist()
    assert grown == [0, 1]  # unknown, and an event to itself


@pytest.mark.parametrize("seconds", [float("nan"), float("inf")])
def test_a_gap_that_is_no_number_ends_nothing(seconds):
    found = _elapsed(torch.tensor([[0.0, seconds, 1.0]]))
    assert ((found >= 0) & (found <= BUCKETS)).all()


def test_half_precision():
    model = HSTUInterest(8, window=4, time_gap=True).bfloat16().eval()
    given = torch.randn(1, 2, 8).bfloat16(), torch.ones(1, 2, dtype=torch.bool)
    states = model(*given, torch.tensor([[0.0, 86401.0]]))
    state = model.initial_state(1)
    for t, gap in enumerate((0.0, 86401.0)):
        state = model.step(state, given[0][:, t], torch.tensor([gap]))
    assert state.inputs[0, 1, -1] == 86401.0
    torch.testing.assert_close(model.readout(state), states[:, 1])


def test_seconds_are_kept_whole_in_half_precision():
    model = HSTUInterest(8, window=3, time_gap=True).eval()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        state = model.step(model.initial_state(1), torch.randn(1, 8), torch.tensor([86401.0]))
    assert state.inputs[0, 0, -1] == 86401.0


def test_counts_are_felt_and_not_shares_alone():
    """After five equal events the interest differs from that after one, unlike with a softmax."""
    torch.manual_seed(0)
    model = stirred(HSTUInterest(8, layers=1, window=6))
    model.units[0].place.data[1:] = 1.0
    same = torch.randn(1, 1, 8).double().expand(1, 5, 8)
    states = model(same, torch.ones(1, 5, dtype=torch.bool))[0]
    assert not torch.allclose(states[0], states[4], atol=1e-3)
