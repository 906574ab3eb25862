import pytest
import torch

from mmrec.interest import SelfAttentionInterest


def test_one_block_by_hand():
    """The paper's formula, one query at a time."""
    torch.manual_seed(0)
    model = SelfAttentionInterest(4, layers=1, heads=1, window=3).eval()
    vectors = torch.randn(1, 3, 4)
    states = model(vectors, torch.ones(1, 3, dtype=torch.bool))
    block = model.blocks[0]
    x = vectors[0] + model.positions
    query, key, value = block.qkv(block.attention_norm(x)).split(4, dim=1)
    for t in range(3):
        weights = torch.softmax(key[: t + 1] @ query[t] / 2, dim=0)
        row = x[t] + block.out(weights @ value[: t + 1])
        row = row + block.feed(block.feed_norm(row))
        torch.testing.assert_close(states[0, t], model.norm(row))


def test_a_long_history_is_its_last_window():
    torch.manual_seed(0)
    model = SelfAttentionInterest(4, window=3).eval()
    vectors = torch.randn(2, 5, 4)
    state = model.initial_state(2)
    for t in range(5):
        state = model.step(state, vectors[:, t])
    last = model(vectors[:, 2:], torch.ones(2, 3, dtype=torch.bool))[:, -1]
    torch.testing.assert_close(model.readout(state), last)


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match="heads must divide dim; got 3 heads and dim 4"):
        SelfAttentionInterest(4, heads=3)
    with pytest.raises(ValueError, match="positive dim"):
        SelfAttentionInterest(4, layers=0)
    model = SelfAttentionInterest(4, window=2)
    with pytest.raises(ValueError, match="last 2 events at most; got 3"):
        model(torch.zeros(1, 3, 4), torch.ones(1, 3, dtype=torch.bool))
