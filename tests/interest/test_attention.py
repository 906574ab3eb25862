import numpy as np
import pytest
import torch
from formulas import linear, normed, numbers
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.interest import SelfAttentionInterest, WindowState


def by_hand(model, vectors):
    """The paper's formula in NumPy for one history, a query and a head at a time."""
    states = vectors + numbers(model.positions)[: len(vectors)]
    for block in model.blocks:
        query, key, value = np.split(linear(block.qkv, normed(block.attention_norm, states)), 3, 1)
        width, attended = model.dim // block.heads, np.zeros_like(states)
        for t in range(len(states)):
            for head in range(block.heads):
                part = slice(head * width, (head + 1) * width)
                weights = np.exp(key[: t + 1, part] @ query[t, part] / np.sqrt(width))
                attended[t, part] = weights / weights.sum() @ value[: t + 1, part]
        states = states + linear(block.output_proj, attended)
        first, _, second = block.feed_forward
        inner = np.maximum(linear(first, normed(block.feed_forward_norm, states)), 0)
        states = states + linear(second, inner)
    return normed(model.norm, states)


@pytest.mark.parametrize(("layers", "heads"), [(1, 1), (2, 2), (3, 4)])
def test_blocks_by_hand(layers, heads):
    torch.manual_seed(0)
    model = SelfAttentionInterest(8, layers=layers, heads=heads, window=6).double().eval()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.5)
    vectors, lengths = torch.randn(2, 5, 8).double(), torch.tensor([5, 3])
    states = model(vectors, torch.arange(5) < lengths[:, None])
    for row, length in enumerate(lengths):
        expected = torch.from_numpy(by_hand(model, vectors[row, :length].numpy()))
        torch.testing.assert_close(states[row, :length], expected, atol=1e-10, rtol=1e-8)


@pytest.mark.parametrize(("layers", "heads"), [(1, 1), (2, 2), (3, 4)])
def test_the_last_interest_is_that_of_forward_and_so_are_its_gradients(layers, heads):
    model = SelfAttentionInterest(8, layers=layers, heads=heads, window=5).double()
    for weight in model.parameters():  # biases start at zero, where nobody would miss them
        torch.nn.init.normal_(weight, std=0.5)
    vectors = torch.randn(3, 5, 8, dtype=torch.float64, requires_grad=True)
    mask = torch.arange(5) < torch.tensor([[5], [3], [1]])
    weights = torch.randn(3, 8, dtype=torch.float64)
    rows = [model.last(vectors, mask), model(vectors, mask)[[0, 1, 2], [4, 2, 0]]]
    torch.testing.assert_close(*rows, atol=1e-10, rtol=1e-8)
    leaves = [vectors, *model.parameters()]
    slopes = [torch.autograd.grad((weights * row).sum(), leaves) for row in rows]
    for one, other in zip(*slopes, strict=True):
        torch.testing.assert_close(one, other, atol=1e-8, rtol=1e-8)


def test_a_batch_without_users_has_no_last_interest():
    model = SelfAttentionInterest(8, window=3).eval()
    for steps in (2, 5):
        none = torch.zeros(0, steps, dtype=torch.bool)
        assert model.last(torch.zeros(0, steps, 8), none).shape == (0, 8)


@settings(max_examples=30, deadline=None)
@given(window=st.integers(1, 5), lengths=st.lists(st.integers(0, 9), min_size=1, max_size=3))
def test_past_the_window_the_last_events_count(window, lengths):
    model = SelfAttentionInterest(4, window=window, time_gap=True, num_event_types=2).eval()
    rows, steps = len(lengths), max([*lengths, 1])
    vectors, mask = (
        torch.randn(rows, steps, 4),
        torch.arange(steps) < torch.tensor(lengths)[:, None],
    )
    gap, event_type = torch.rand(rows, steps) * 1e5, torch.randint(0, 3, (rows, steps))
    dirty = vectors.masked_fill(~mask.unsqueeze(-1), torch.nan)
    states = model(dirty, mask, gap, event_type)
    assert (states[~mask] == 0).all()
    state = model.initial_state(rows)
    for t in range(steps):
        state = model.step(state, vectors[:, t], gap[:, t], event_type[:, t])
        folded, real = model.readout(state), mask[:, t]
        torch.testing.assert_close(folded[real], states[real, t], atol=1e-5, rtol=1e-4)
        part = slice(max(t + 1 - window, 0), t + 1)
        last = model(vectors[:, part], mask[:, part], gap[:, part], event_type[:, part])[:, -1]
        torch.testing.assert_close(last[real], states[real, t], atol=1e-5, rtol=1e-4)


def test_an_event_that_left_the_window_is_forgotten():
    model = SelfAttentionInterest(4, window=3).eval()
    vectors, mask = torch.randn(1, 6, 4), torch.ones(1, 6, dtype=torch.bool)
    changed = vectors.clone()
    changed[:, 1] = -vectors[:, 1]  # LayerNorm would not see a shift
    same = (model(vectors, mask) - model(changed, mask)).abs().amax(-1)[0] < 1e-6
    assert same.tolist() == [True, False, False, False, True, True]


def test_users_of_different_lengths_share_a_state():
    model = SelfAttentionInterest(4, window=3).eval()
    vectors = torch.randn(5, 4)
    singles = []
    for length in (0, 2, 5):
        state = model.initial_state(1)
        for vector in vectors[:length]:
            state = model.step(state, vector[None])
        singles.append(state)
    together = WindowState(*(torch.cat(parts) for parts in zip(*singles, strict=True)))
    expected = torch.cat([model.readout(state) for state in singles])
    torch.testing.assert_close(model.readout(together), expected)
    after = model.readout(model.step(together, vectors[:3]))
    for row, state in enumerate(singles):
        one = model.readout(model.step(state, vectors[row : row + 1]))
        torch.testing.assert_close(after[row : row + 1], one)


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match="heads must divide dim; got 3 heads and dim 4"):
        SelfAttentionInterest(4, heads=3)
    with pytest.raises(ValueError, match="positive dim"):
        SelfAttentionInterest(4, layers=0)
    with pytest.raises(ValueError, match="num_event_types of 0 or more; got 4, 2, 2, 0, 0"):
        SelfAttentionInterest(4, window=0)
