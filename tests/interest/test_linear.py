import numpy as np
import pytest
import torch
from formulas import gelu, linear, normed, numbers

from mmrec.interest import LinearRecurrentInterest


def by_hand(model, vectors):
    """The paper's formula in NumPy for one history, a step and a number at a time."""
    states = vectors
    for block in model.blocks:
        radius = np.exp(-np.exp(numbers(block.decay)))
        rate = radius * (np.cos(numbers(block.angle)) + 1j * np.sin(numbers(block.angle)))
        width, entering = model.state_dim, linear(block.input_proj, normed(block.norm, states))
        memory, kept = np.zeros(width, dtype=complex), []
        for row in entering:
            for n in range(width):
                entered = row[n] + 1j * row[width + n]
                memory[n] = rate[n] * memory[n] + np.sqrt(1 - radius[n] ** 2) * entered
            kept.append(np.concatenate([memory.real, memory.imag]))
        states = states + linear(block.output_proj, np.stack(kept))
        first, _, second = block.feed_forward
        inner = gelu(linear(first, normed(block.feed_forward_norm, states)))
        states = states + linear(second, inner)
    return normed(model.norm, states)


@pytest.mark.parametrize(("layers", "state_dim"), [(1, None), (2, 3), (3, 6)])
def test_blocks_by_hand(layers, state_dim):
    torch.manual_seed(0)
    model = LinearRecurrentInterest(4, layers=layers, state_dim=state_dim).double().eval()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.5)
    vectors, lengths = torch.randn(2, 6, 4).double(), torch.tensor([6, 3])
    states = model(vectors, torch.arange(6) < lengths[:, None])
    for row, length in enumerate(lengths):
        expected = torch.from_numpy(by_hand(model, vectors[row, :length].numpy()))
        torch.testing.assert_close(states[row, :length], expected, atol=1e-10, rtol=1e-8)


def test_a_long_history_folds_too():
    torch.manual_seed(0)
    model = LinearRecurrentInterest(8).eval()
    vectors = torch.randn(2, 300, 8)
    state = model.initial_state(2)
    for t in range(300):
        state = model.step(state, vectors[:, t])
    last = model(vectors, torch.ones(2, 300, dtype=torch.bool))[:, -1]
    torch.testing.assert_close(model.readout(state), last, atol=1e-4, rtol=1e-4)


def test_the_first_event_is_not_forgotten_where_it_should_last():
    model = LinearRecurrentInterest(4, layers=1).eval()
    torch.nn.init.constant_(model.blocks[0].decay, -9.0)
    vectors = torch.randn(1, 100, 4)
    changed = vectors.clone()
    changed[:, 0] = -vectors[:, 0]  # LayerNorm would not see a shift
    mask = torch.ones(1, 100, dtype=torch.bool)
    assert not torch.allclose(model(vectors, mask)[:, -1], model(changed, mask)[:, -1], atol=1e-4)


def test_the_memory_fades_and_stays_bounded():
    model = LinearRecurrentInterest(4).eval()
    rate = model.blocks[0]._log_rate().exp().abs()
    assert ((rate > 0.79) & (rate < 0.991)).all()
    states = model(torch.ones(1, 2000, 4), torch.ones(1, 2000, dtype=torch.bool))
    assert states.isfinite().all()


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match="positive dim"):
        LinearRecurrentInterest(0)
    with pytest.raises(ValueError, match="num_event_types of 0 or more; got 4, 2, 4, -1"):
        LinearRecurrentInterest(4, num_event_types=-1)
