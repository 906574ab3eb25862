import numpy as np
import pytest
import torch
from formulas import linear, normed, numbers, sigmoid, silu

from mmrec.interest import LiGRInterest


def by_hand(model, vectors):
    """The formula of the papers in NumPy for one history, an event and a head at a time."""
    states = vectors + numbers(model.positions)[: len(vectors)]
    for block in model.blocks:
        query, key, value = np.split(linear(block.qkv, normed(block.attention_norm, states)), 3, 1)
        width, attended = model.dim // block.heads, np.zeros_like(states)
        for t in range(len(states)):
            for head in range(block.heads):
                part = slice(head * width, (head + 1) * width)
                weights = np.exp(key[: t + 1, part] @ query[t, part] / np.sqrt(width))
                attended[t, part] = weights / weights.sum() @ value[: t + 1, part]
        gate = sigmoid(linear(block.attention_gate, states))
        states = states + gate * linear(block.output_proj, attended)
        events = normed(block.feed_forward_norm, states)
        inner, up = np.split(linear(block.gate_and_up, events), 2, 1)
        gate = sigmoid(linear(block.feed_forward_gate, states))
        states = states + gate * linear(block.down, silu(inner) * up)
    return normed(model.norm, states)


def stirred(model):
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.5)
    return model.double().eval()


@pytest.mark.parametrize(("layers", "heads", "expansion"), [(1, 1, 1), (2, 2, 4), (3, 4, 2)])
def test_blocks_by_hand(layers, heads, expansion):
    torch.manual_seed(0)
    model = LiGRInterest(8, layers=layers, heads=heads, window=6, expansion=expansion)
    vectors, lengths = torch.randn(2, 5, 8).double(), torch.tensor([5, 3])
    states = stirred(model)(vectors, torch.arange(5) < lengths[:, None])
    for row, length in enumerate(lengths):
        expected = torch.from_numpy(by_hand(model, vectors[row, :length].numpy()))
        torch.testing.assert_close(states[row, :length], expected, atol=1e-10, rtol=1e-8)


def test_the_last_interest_has_the_gradients_of_forward():
    torch.manual_seed(0)
    model = stirred(LiGRInterest(8, window=5))
    vectors = torch.randn(3, 5, 8, dtype=torch.float64, requires_grad=True)
    mask = torch.arange(5) < torch.tensor([[5], [3], [1]])
    rows = [model.last(vectors, mask), model(vectors, mask)[[0, 1, 2], [4, 2, 0]]]
    leaves = [vectors, *model.parameters()]
    slopes = [torch.autograd.grad(row.square().sum(), leaves) for row in rows]
    for one, other in zip(*slopes, strict=True):
        torch.testing.assert_close(one, other, atol=1e-8, rtol=1e-8)


def test_a_closed_gate_takes_nothing_in():
    model = stirred(LiGRInterest(8, layers=1, window=4))
    for gate in (model.blocks[0].attention_gate, model.blocks[0].feed_forward_gate):
        torch.nn.init.zeros_(gate.weight)
        torch.nn.init.constant_(gate.bias, -1e9)
    vectors = torch.randn(1, 4, 8).double()
    states = model(vectors, torch.ones(1, 4, dtype=torch.bool))
    torch.testing.assert_close(states, model.norm(vectors + model.positions))


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match="LiGRInterest expects expansion of 1 or more; got 0"):
        LiGRInterest(4, expansion=0)
    with pytest.raises(ValueError, match="LiGRInterest expects positive dim"):
        LiGRInterest(4, layers=0)
