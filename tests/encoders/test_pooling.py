import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.encoders.pooling import POOLINGS, pool

lengths = st.lists(st.integers(0, 4), min_size=1, max_size=4)


def by_hand(tokens, pooling, query):
    """One text's real tokens, in NumPy."""
    if len(tokens) == 0:
        return np.zeros(3)
    if pooling == "cls":
        return tokens[0]
    if pooling == "last":
        return tokens[-1]
    if pooling == "mean":
        return sum(tokens) / len(tokens)
    if pooling == "max":
        return np.max(tokens, axis=0)
    scores = np.exp(tokens @ query / np.sqrt(3))
    return (scores / scores.sum()) @ tokens


@pytest.mark.parametrize("pooling", POOLINGS)
@given(lengths=lengths, bad=st.sampled_from([float("nan"), float("inf"), 100.0]))
@settings(max_examples=20, deadline=None)
def test_as_by_hand_whatever_the_padding(pooling, lengths, bad):
    mask = torch.arange(5) < torch.tensor(lengths).unsqueeze(-1)
    hidden, query = torch.randn(len(lengths), 5, 3), torch.randn(3)
    hidden = torch.where(mask.unsqueeze(-1), hidden, bad)
    got = pool(hidden, mask, pooling, query)
    for row, length in enumerate(lengths):
        want = by_hand(hidden[row, :length].numpy(), pooling, query.numpy())
        np.testing.assert_allclose(got[row], want, atol=1e-5)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_gradients(pooling):
    mask = torch.tensor([[True, True, False], [False, False, False]])
    hidden = torch.randn(2, 3, 2, dtype=torch.float64, requires_grad=True)
    query = torch.randn(2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda h, q: pool(h, mask, pooling, q), (hidden, query))


@pytest.mark.parametrize("pooling", POOLINGS)
def test_half_precision_is_pooled_in_float32(pooling):
    hidden = torch.ones(1, 3000, 1, dtype=torch.bfloat16)
    output = pool(hidden, torch.ones(1, 3000).bool(), pooling, torch.ones(1))
    assert output.dtype == torch.float32
    assert output.item() == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("pooling", ["median", "attention"])
def test_unknown(pooling):
    with pytest.raises(ValueError, match=f"cls, mean, max, last, attention; got '{pooling}'"):
        pool(torch.zeros(1, 1, 1), torch.ones(1, 1).bool(), pooling)
