import pytest
import torch

from mmrec.interest import LinearRecurrentInterest


def test_blocks_by_hand():
    """The paper's recurrence, one number at a time, then the network."""
    torch.manual_seed(0)
    model = LinearRecurrentInterest(4, layers=2, state_dim=3).eval()
    states = torch.randn(5, 4)
    got = model(states[None], torch.ones(1, 5, dtype=torch.bool))[0]
    for block in model.blocks:
        radius = torch.exp(-torch.exp(block.decay))
        rate = torch.polar(radius, block.angle)
        entering = block.input_proj(block.norm(states))
        rows, memory = [], torch.zeros(3, dtype=torch.complex64)
        for t in range(5):
            entered = torch.complex(entering[t, :3], entering[t, 3:])
            memory = rate * memory + (1 - radius**2).sqrt() * entered
            row = states[t] + block.output_proj(torch.cat([memory.real, memory.imag]))
            rows.append(row + block.feed_forward(block.feed_forward_norm(row)))
        states = torch.stack(rows)
    torch.testing.assert_close(got, model.norm(states), atol=1e-5, rtol=1e-4)


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
