import pytest
import torch
from torch.autograd import gradcheck

from mmrec.cpu import Dropout


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("p", [0.1, 0.4])
def test_a_share_is_zero_and_the_rest_is_scaled(p, dtype):
    torch.manual_seed(0)
    values = torch.rand(200, 500).to(dtype) + 1
    dropped = Dropout(p)(values)
    assert dropped.dtype == dtype
    kept = dropped != 0
    assert abs(1 - kept.float().mean() - p) < 0.005  # three standard errors
    torch.testing.assert_close(
        dropped[kept].float(), values[kept].float() / (1 - p), rtol=1e-2, atol=0.0
    )
    torch.testing.assert_close(dropped.float().mean(), values.float().mean(), rtol=0.02, atol=0.0)


def test_elements_are_dropped_independently():
    torch.manual_seed(0)
    kept = (Dropout(0.5)(torch.ones(4000, 8)) != 0).float()
    assert (torch.corrcoef(kept.T) - torch.eye(8)).abs().max() < 0.08


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_probabilities_of_0_and_1(p):
    values = torch.randn(3, 4)
    assert torch.equal(Dropout(p)(values), values * (1 - p))


def test_eval_changes_nothing():
    values = torch.randn(3, 4)
    assert torch.equal(Dropout(0.5).eval()(values), values)


def test_gradients():
    dropout = Dropout(0.5)

    def same_coins(values):
        torch.manual_seed(3)
        return dropout(values)

    assert gradcheck(same_coins, (torch.randn(3, 4, dtype=torch.float64, requires_grad=True),))


@pytest.mark.parametrize("p", [1e-9, 1 - 1e-9])
def test_what_is_nearly_none_or_all_is_finite(p):
    assert Dropout(p)(torch.ones(1000)).isfinite().all()


def test_a_tensor_without_elements():
    assert Dropout(0.5)(torch.ones(0, 3)).shape == (0, 3)
