import numpy as np
import pytest
import torch

from mmrec.layers import AdditiveAttention


def by_hand(attention, values, mask):
    """The formula of the paper for one set, in NumPy."""
    key, bias = (p.detach().numpy() for p in (attention.key.weight, attention.key.bias))
    query = attention.query.weight.detach().numpy()[0]
    weights = [
        np.exp(query @ np.tanh(key @ x + bias)) if here else 0.0
        for x, here in zip(values, mask, strict=True)
    ]
    return sum(w * x for w, x in zip(weights, values, strict=True)) / max(sum(weights), 1e-300)


def test_the_formula_by_hand():
    torch.manual_seed(0)
    attention = AdditiveAttention(4, 7).double()
    values, mask = torch.randn(3, 5, 4).double(), torch.rand(3, 5) < 0.6
    mask[2] = False
    pooled = attention(values, mask).detach().numpy()
    for row in range(3):
        expected = by_hand(attention, values[row].numpy(), mask[row])
        np.testing.assert_allclose(pooled[row], expected, atol=1e-12)
    assert not pooled[2].any()


@pytest.mark.parametrize(("dim", "hidden"), [(0, None), (3, 0)])
def test_wrong_widths_are_refused(dim, hidden):
    with pytest.raises(ValueError, match="additive attention expects positive dim and hidden; got"):
        AdditiveAttention(dim, hidden)
