import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from mmrec.interest import MeanInterest, SteppingInterest

DECAYS = [0.0, 0.7, 1.0]
CONTEXT = {"time_gap": True, "num_event_types": 2, "negative_types": [2]}


def histories(lengths, dim=4):
    steps = max([*lengths, 1])
    mask = torch.arange(steps) < torch.tensor(lengths)[:, None]
    shape = (len(lengths), steps)
    gap = torch.rand(shape).double() * 1e5
    return torch.randn(*shape, dim).double(), mask, gap, torch.randint(0, 3, shape)


def by_hand(model, inputs):
    """The decayed mean of each beginning of one history, an event at a time."""
    means = []
    for t in range(len(inputs)):
        total, weights = np.zeros(model.dim), 0.0
        for j in range(t + 1):
            weight = float(model.decay) ** (t - j)
            total, weights = total + weight * inputs[j], weights + weight
        means.append(total / weights)
    return model.network(torch.from_numpy(np.stack(means)))


@settings(max_examples=20, deadline=None)
@given(
    decay=st.sampled_from(DECAYS),
    layers=st.integers(0, 2),
    lengths=st.lists(st.integers(0, 6), min_size=1, max_size=3),
)
def test_forward_steps_and_last_are_the_mean_by_hand(decay, layers, lengths):
    model = MeanInterest(4, decay=decay, layers=layers, **CONTEXT).double().eval()
    vectors, mask, gap, event_type = histories(lengths)
    dirty = vectors.masked_fill(~mask.unsqueeze(-1), torch.nan)
    states = model(dirty, mask, gap.masked_fill(~mask, torch.nan), event_type)
    last = model.last(dirty, mask, gap, event_type)
    assert (states[~mask] == 0).all()
    state = model.initial_state(len(lengths))
    assert (model.readout(state) == 0).all()
    for t in range(mask.shape[1]):
        state = model.step(state, vectors[:, t], gap[:, t], event_type[:, t])
        real = mask[:, t]
        torch.testing.assert_close(model.readout(state)[real], states[real, t])
    for row, length in enumerate(lengths):
        if not length:
            assert (last[row] == 0).all()
            continue
        given = (each[row, :length] for each in (vectors, gap, event_type))
        expected = by_hand(model, model.inputs(*given).detach().numpy())
        torch.testing.assert_close(states[row, :length], expected)
        torch.testing.assert_close(last[row], expected[-1])


@pytest.mark.parametrize("decay", DECAYS)
def test_gradients(decay):
    model = MeanInterest(4, decay=decay, layers=2, **CONTEXT).double().eval()
    vectors, *rest = histories([3, 1, 0])
    vectors.requires_grad_()
    assert gradcheck(lambda v: model(v, *rest), (vectors,), fast_mode=True)
    model(vectors, *rest).square().sum().backward()
    assert all(weight.grad.isfinite().all() for weight in model.parameters())
    assert (vectors.grad[2] == 0).all()


def test_the_plain_mean_knows_no_order_and_the_last_event_no_past():
    vectors, mask, *_ = histories([5])
    plain, last = (MeanInterest(4, decay=decay).double().eval() for decay in (1.0, 0.0))
    assert torch.allclose(plain.last(vectors, mask), plain.last(vectors.flip(1), mask))
    assert torch.equal(last.last(vectors, mask), last.last(vectors[:, 4:], mask[:, 4:]))
    assert (plain.window, last.window) == (None, 1)
    assert isinstance(last, SteppingInterest)


def test_without_layers_it_is_the_mean_and_learns_nothing():
    model = MeanInterest(4, layers=0).double()
    vectors, mask, *_ = histories([5])
    torch.testing.assert_close(model.last(vectors, mask), vectors.mean(1))
    assert not list(model.parameters())
    assert not model.state_dict()
    assert model.initial_state(2).total.dtype == torch.float64


@pytest.mark.parametrize("decay", DECAYS)
def test_bfloat16_autocast_is_finite_and_near(decay):
    vectors, mask, *_ = histories([6, 2])
    vectors, model = vectors.float(), MeanInterest(4, decay=decay).eval()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        states = model(vectors, mask)
        state = model.initial_state(2)
        for t in range(2):
            state = model.step(state, vectors[:, t].bfloat16())
    assert torch.allclose(states.float(), model(vectors, mask), atol=0.05)
    assert torch.allclose(model.readout(state), model(vectors, mask)[:, 1], atol=0.05)
    assert model(torch.zeros(2, 0, 4), mask[:, :0]).shape == (2, 0, 4)


@pytest.mark.parametrize(("decay", "target"), [(1.0, "most frequent"), (0.0, "after the last")])
def test_a_planted_pattern_is_learned_and_noise_is_not(decay, target):
    def accuracy(shuffled):
        torch.manual_seed(0)
        model, items = MeanInterest(8, decay=decay), torch.randn(4, 8)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
        for _ in range(80):
            history = torch.randint(0, 4, (64, 5))
            counts = torch.nn.functional.one_hot(history, 4).sum(1)
            wanted = counts.argmax(1) if decay else (history[:, -1] + 1) % 4
            wanted = wanted[torch.randperm(64)] if shuffled else wanted
            scores = model.last(items[history], torch.ones(64, 5, dtype=torch.bool)) @ items.T
            loss = torch.nn.functional.cross_entropy(scores, wanted)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return (scores.argmax(1) == wanted).float().mean()

    assert accuracy(shuffled=False) > 0.8
    assert accuracy(shuffled=True) < 0.6


def test_wrong_input_is_refused():
    for wrong in ({"decay": 1.5}, {"decay": -0.1}, {"layers": -1}, {"num_event_types": -1}):
        with pytest.raises(ValueError, match="MeanInterest expects positive dim, layers and num_"):
            MeanInterest(4, **wrong)
    vectors, mask, *_ = histories([3, 1])
    with pytest.raises(ValueError, match="padding on the right"):
        MeanInterest(4).double()(vectors, mask.flip(1))
