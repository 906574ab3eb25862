import pytest
import torch
from torch import nn
from torch.autograd import gradcheck

from mmrec.layers import MLP


@pytest.mark.parametrize("batch", [(), (1,), (2, 3)])
@pytest.mark.parametrize("widths", [[4, 2], [4, 8, 2], [4, 8, 8, 2]])
def test_maps_the_last_axis(batch, widths):
    assert MLP(widths, norm=nn.LayerNorm, dropout=0.5)(torch.randn(*batch, 4)).shape == (*batch, 2)


def test_equals_the_formula_and_its_last_layer_is_linear():
    mlp = MLP([3, 5, 2], activation=nn.ReLU)
    first, last = (module for module in mlp.modules() if isinstance(module, nn.Linear))
    x = torch.randn(7, 3)
    hidden = (x @ first.weight.T + first.bias).clamp(min=0)
    assert torch.allclose(mlp(x), hidden @ last.weight.T + last.bias, atol=1e-6)
    kinds = [type(module) for module in MLP([3, 5, 5, 2], norm=nn.LayerNorm, dropout=0.1).layers]
    block = [nn.Linear, nn.LayerNorm, nn.GELU, nn.Dropout]
    assert kinds == [*block, *block, nn.Linear]


def test_gradients():
    mlp = MLP([3, 4, 2], norm=nn.LayerNorm).double()
    assert gradcheck(mlp, (torch.randn(2, 3, dtype=torch.float64, requires_grad=True),))
    mlp(torch.randn(2, 3, dtype=torch.float64)).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in mlp.parameters())


def test_dropout_only_in_training():
    mlp = MLP([3, 64, 2], dropout=0.5)
    x = torch.randn(4, 3)
    assert not torch.equal(mlp(x), mlp(x))
    mlp.eval()
    assert torch.equal(mlp(x), mlp(x))


def test_state_dict_round_trip():
    mlp, other = MLP([3, 4, 2]), MLP([3, 4, 2])
    other.load_state_dict(mlp.state_dict())
    x = torch.randn(2, 3)
    assert torch.equal(mlp(x), other(x))


@pytest.mark.parametrize("widths", [[], [3], [3, 0]])
def test_bad_widths(widths):
    with pytest.raises(ValueError, match=r"at least two positive widths; got \["):
        MLP(widths)
